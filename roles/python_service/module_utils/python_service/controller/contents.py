# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a release is made of, as the controller has it, and the archive that takes it to a host."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

from ..archive import pack
from ..errors import ServiceError
from ..source import Known, Source, is_excluded, scan
from .manual import ROLE, defaults
from .private import PRIVATE, warning, without_keys
from .problems import problem
from .requirements import Project, read_project, read_requirements
from .settings import Settings

_CACHES = ["__pycache__"]


class Contents(NamedTuple):
    """What a release is made of.

    ``source`` is None where the program comes from the requirements, which are
    texts of requirements files; ``wheelhouse`` is None where an index serves. ``warnings``
    say what of the source is left out that nobody asked for.
    """

    source: Source | None
    project: Project | None
    requirements: tuple[str, ...]
    wheelhouse: Source | None
    handler: Source
    warnings: tuple[str, ...] = ()

    @property
    def installs(self) -> bool:
        """Whether pip has something to do."""
        return bool(self.requirements or self.project)


def gather(
    settings: Settings, known: Known | None = None, files: Path = ROLE / "files"
) -> Contents:
    """What the settings name; ``files`` is the role's own directory of that name.

    Files that are ``known`` are not read again.

    Raises `ServiceError` with the variable's name for what is missing or will not do.
    """
    if settings.src and os.path.isfile(settings.src) and not settings.src.endswith(".py"):
        raise ServiceError(
            problem("src", f"{settings.src} is not a .py file; name one, or a directory")
        )
    source, warnings = _source(settings, known)
    wheelhouse = None
    if settings.wheelhouse:
        wheelhouse = _scan("wheelhouse", settings.wheelhouse, (), known)
    requirements = read_requirements(settings.requirements, settings.directory)
    project = read_project(source) if source else None
    if project and not requirements:
        if project.untold:
            raise ServiceError(problem("requirements", project.untold))
        requirements = read_requirements(project.dependencies, settings.directory)
    handler = scan(str(files), _CACHES, known=known)
    return Contents(source, project, requirements, wheelhouse, handler, warnings)


def _source(settings: Settings, known: Known | None) -> tuple[Source | None, tuple[str, ...]]:
    """The source as it is shipped, and warnings of what is not."""
    if not settings.src:
        return None, ()
    exclude = settings.exclude
    if exclude and all(pattern.startswith("!") for pattern in exclude):
        # Whoever wants one thing more does not want all that is left behind by default.
        exclude = [*defaults("main")["exclude"], *exclude]
    left: list[str] = []
    source = _scan("src", settings.src, [*PRIVATE, *exclude], known, left)
    if not os.path.isdir(settings.src):
        return source, ()
    source, keys = without_keys(source, exclude)
    unasked = [path for path in left if not is_excluded(path, exclude)] + keys
    return source, (warning(unasked),) if unasked else ()


def pack_contents(contents: Contents, installer: str | None, archive: IO[bytes]) -> None:
    """Write what a host needs to make the release, and its venv, into ``archive``.

    ``installer`` is the path of the pip that goes along, where one is needed.
    """
    sources = {"handler": contents.handler}
    if contents.source:
        sources["app"] = contents.source
    if contents.wheelhouse:
        sources["wheelhouse"] = contents.wheelhouse
    if installer:
        # A wheel is found by its name, a package by that of its directory.
        name = "installer" if os.path.isfile(installer) else "installer/pip"
        sources[name] = scan(installer, _CACHES)
    texts = {
        f"requirements/{number}.txt": text for number, text in enumerate(contents.requirements)
    }
    pack(sources, texts, archive)


def _scan(
    variable: str,
    path: str,
    exclude: Sequence[str],
    known: Known | None,
    left: list[str] | None = None,
) -> Source:
    try:
        return scan(path, exclude, known=known, left=left)
    except ServiceError as error:
        raise ServiceError(problem(variable, str(error))) from error
