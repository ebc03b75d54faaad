# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a release is made of, as the controller has it, and the archive that takes it to a host."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import IO, NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from ..archive import pack
from ..errors import ServiceError
from ..model import Pip
from ..source import Known, Source, scan
from .locked import locked_lines
from .manual import ROLE
from .pins import fixed_names
from .pip_options import separated
from .private import scan_shipped, warning
from .problems import problem
from .projects.needs import Library, find_needs
from .projects.project import Project, read_project
from .projects.version import version_variables
from .run_cache import RunCache
from .settings import Settings
from .zipped import Zipped, read_zipped, runnable, zipped_warnings

_CACHES = ["__pycache__"]


class Contents(NamedTuple):
    """What a release is made of.

    ``source`` is None where the program comes from the requirements, which are
    texts of requirements files; ``wheelhouse`` is None where an index serves.
    ``project`` is the source as one that is installed, and ``libraries`` are
    those that are installed with it. ``pip`` may hold passwords. ``said`` tells a person where the
    requirements come from, and ``python`` is a specifier of Pythons. ``warnings``
    say what of the source is left out that nobody asked for, and what will not work.
    ``zipped`` is what a source says of itself that is one archive. ``files`` are texts of
    configuration files by path.
    """

    source: Source | None
    project: Project | None
    requirements: tuple[str, ...]
    wheelhouse: Source | None
    handler: Source
    libraries: tuple[Library, ...] = ()
    pip: Pip = Pip()
    said: str = ""
    python: str = ""
    warnings: tuple[str, ...] = ()
    zipped: Zipped | None = None
    files: Mapping[str, str] = MappingProxyType({})

    @property
    def scripts(self) -> frozenset[str]:
        """Programs of the projects that are installed."""
        projects = [self.project, *(library.project for library in self.libraries)]
        return frozenset(name for project in projects if project for name in project.scripts)

    @property
    def installs(self) -> bool:
        """Whether pip has something to do."""
        return bool(self.requirements or self.pip.projects)


def gather(
    settings: Settings,
    known: Known | None = None,
    cache: RunCache | None = None,
    files: Path = ROLE / "files",
) -> Contents:
    """What the settings name; ``files`` is the role's own directory of that name.

    Files that are ``known`` are not read again, and what is in the ``cache`` is not asked for.

    Raises `ServiceError` with the variable's name for what is missing or will not do.
    """
    zipped = _zipped(settings.src)
    source, left = None, list[str]()
    if settings.src:
        with _named("src"):
            source, left = scan_shipped(settings.src, settings.exclude, known)
    if source and zipped:
        source = runnable(source)
    wheelhouse = None
    if settings.wheelhouse:
        with _named("wheelhouse"):
            wheelhouse = scan(settings.wheelhouse, (), known=known)
    project = read_project(source) if source else None
    needs = find_needs(settings, source, project, known, cache)
    built = project if project and project.built else None
    libraries = tuple(library for library in needs.libraries if library.project.built)
    environment = settings.pip.environment
    texts, netrc = separated([*needs.texts, *environment.values()])
    requirements = tuple(texts[: len(needs.texts)])
    beside = [
        f"{place} ; {library.marker}" if library.marker else place
        for place, library in _places(libraries).items()
    ]
    pip = Pip(
        arguments=settings.pip.arguments,
        environment=dict(zip(environment, texts[len(needs.texts) :], strict=True)),
        netrc=netrc,
        projects=(*(["app"] if built else []), *beside),
        build=version_variables(source.root, built) if source else {},
        # The files of a wheelhouse are part of the venv's id.
        fixed=None if wheelhouse else fixed_names(requirements),
        # Other options may be about how packages are built and which are taken.
        locked=() if settings.pip.arguments else locked_lines(requirements),
    )
    return Contents(
        source=source,
        project=built,
        requirements=requirements,
        wheelhouse=wheelhouse,
        handler=scan(str(files), _CACHES, known=known),
        libraries=libraries,
        pip=pip,
        said=needs.said,
        python=needs.python,
        warnings=(
            *([warning(left)] if left else []),
            *(zipped_warnings(settings, zipped) if zipped else []),
        ),
        zipped=zipped,
        files=settings.files,
    )


def _zipped(src: str | None) -> Zipped | None:
    """What the source says of itself where it is one file that is no script."""
    if not src or not os.path.isfile(src):
        return None
    zipped = read_zipped(src)
    if zipped is None and not src.endswith(".py"):
        said = "is neither a .py file nor a zip archive with a __main__.py (zipapp, shiv, pex)"
        raise ServiceError(problem("src", f"{src} {said}; name one, or a directory"))
    return zipped


def python_problem(contents: Contents, python: str, version: Sequence[int]) -> str:
    """Why a host's interpreter, by its path and version, is none for the program; empty where it is."""
    told = ".".join(map(str, version))
    try:
        fits = SpecifierSet(contents.python).contains(told, prereleases=True)
    except InvalidSpecifier:
        fits = True  # pip or the build system will say what is wrong with it
    if fits:
        return ""
    said = f"{python} of the host is {told}, and the program asks for Python {contents.python}"
    return problem("python", f"{said}; write the path of one that fits")


def shipped_sources(contents: Contents) -> dict[str, Source]:
    """The source and the libraries that go along, by the directories of the archive that they lie in."""
    sources = {place: library.source for place, library in _places(contents.libraries).items()}
    return {"app": contents.source, **sources} if contents.source else sources


def _places(libraries: Sequence[Library]) -> dict[str, Library]:
    return {f"projects/{number}": library for number, library in enumerate(libraries)}


def pack_contents(contents: Contents, installer: str | None, archive: IO[bytes]) -> None:
    """Write what a host needs to make the release, and its venv, into ``archive``.

    ``installer`` is the path of the pip that goes along, where one is needed.
    """
    sources = {"handler": contents.handler, **shipped_sources(contents)}
    if contents.wheelhouse:
        sources["wheelhouse"] = contents.wheelhouse
    if installer:
        # A wheel is found by its name, a package by that of its directory.
        name = "installer" if os.path.isfile(installer) else "installer/pip"
        sources[name] = scan(installer, _CACHES)
    texts = {
        f"requirements/{number}.txt": text for number, text in enumerate(contents.requirements)
    }
    texts |= {f"etc/{path}": text for path, text in contents.files.items()}
    if contents.installs:
        texts["requirements/pip.json"] = json.dumps(asdict(contents.pip))
    pack(sources, texts, archive)


@contextlib.contextmanager
def _named(variable: str) -> Iterator[None]:
    """Have an error name the variable."""
    try:
        yield
    except ServiceError as error:
        raise ServiceError(problem(variable, str(error))) from error
