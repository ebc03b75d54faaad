# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Gather the parts of a release on the controller, and pack them for the host."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from .python_service_input import problem
from .python_service_release import Parts
from .python_service_requirements import RequirementsError, read_project, read_requirements
from .python_service_source import SourceError, pack, scan

_CACHES = ["__pycache__"]


class PartsError(Exception):
    """A part that is missing or will not do; names the variable."""


def gather(inputs: Mapping[str, Any], files: Path) -> Parts:
    """The parts that are named by the role's variables ``src``, ``exclude`` and so on.

    ``inputs`` has their values, with absolute paths, and in ``directory`` what
    paths in a list of requirements are relative to. ``files`` is the role's own
    directory of that name. Raises `PartsError`.
    """
    source = wheelhouse = project = None
    if inputs.get("src"):
        try:
            source = scan(inputs["src"], inputs["exclude"])
        except SourceError as error:
            raise PartsError(problem("src", str(error))) from error
        if os.path.isfile(inputs["src"]) and not inputs["src"].endswith(".py"):
            words = f"{inputs['src']} is no .py file; name one, or a directory"
            raise PartsError(problem("src", words))
    if inputs.get("wheelhouse"):
        try:
            wheelhouse = scan(inputs["wheelhouse"])
        except SourceError as error:
            raise PartsError(problem("wheelhouse", str(error))) from error
    try:
        project = read_project(source) if source else None
        requirements = read_requirements(inputs["requirements"], inputs["directory"])
        if project and not requirements:
            requirements = read_requirements(project.dependencies, inputs["directory"])
    except RequirementsError as error:
        raise PartsError(str(error)) from error
    if (requirements or project) and _installer() is None:
        raise PartsError(
            problem(
                "requirements",
                "the controller's Python has neither pip nor ensurepip to send along; "
                "install python3-pip there",
            )
        )
    return Parts(source, project, requirements, wheelhouse, scan(str(files), _CACHES))


def pack_parts(parts: Parts, archive: IO[bytes]) -> None:
    """Write what a host needs to make the release, and its environment, into ``archive``."""
    sources = {"handler": parts.handler}
    if parts.source:
        sources["app"] = parts.source
    if parts.wheelhouse:
        sources["wheelhouse"] = parts.wheelhouse
    installer = _installer()
    if (parts.requirements or parts.project) and installer:
        # A wheel is found by its name, a package by that of its directory.
        name = "installer" if os.path.isfile(installer) else "installer/pip"
        sources[name] = scan(installer, _CACHES)
    texts = {f"requirements/{number}.txt": text for number, text in enumerate(parts.requirements)}
    pack(sources, texts, archive)


def _installer() -> str | None:
    """Path of the pip of the controller's own Python, or of the wheel that ensurepip has."""
    spec = importlib.util.find_spec("pip")
    if spec and spec.submodule_search_locations:
        return spec.submodule_search_locations[0]
    bundled = importlib.util.find_spec("ensurepip._bundled")
    locations = list(bundled.submodule_search_locations or ()) if bundled else []
    for location in [*locations, "/usr/share/python-wheels"]:  # the latter is Debian's
        for wheel in sorted(Path(location).glob("pip-*.whl")):
            return str(wheel)
    return None
