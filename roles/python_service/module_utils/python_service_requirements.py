# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a service needs from an index: requirements, their files, and the project's own word.

Runs on the controller. Files are read here, with all that they include, and
travel to the host as ``0.txt``, ``1.txt`` and so on, the first being the one
that pip is given.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import tomllib

from .python_service_source import Source

#: An option that includes another file, by pip's requirements file format.
_INCLUDE = re.compile(r"^(\s*(?:-r|--requirement|-c|--constraint)(?:\s*=\s*|\s+|(?=\S)))(\S+)")
_LOCAL = re.compile(r"^\s*(-e\b|--editable\b|\.{0,2}/|file:|\.\s*$|[^\s#]+\s*@\s*file:)")


class RequirementsError(Exception):
    """Requirements that a host could not install; says which line of which file."""


class Project(NamedTuple):
    """What ``pyproject.toml`` says of an installable project."""

    dependencies: tuple[str, ...]
    scripts: frozenset[str]


def read_requirements(requirements: str | Sequence[str], directory: str) -> tuple[str, ...]:
    """Texts of all requirements files; none where nothing is required.

    ``requirements`` is the path of a file or a list of lines, and ``directory``
    what paths in such a list are relative to.
    """
    texts: list[str] = []
    seen: dict[str, int] = {}

    def add(path: str | None, text: str, base: str) -> int:
        number = len(texts)
        if path is not None:
            seen[path] = number
        texts.append("")
        lines = [
            include(line, path or "python_service_requirements", base) for line in text.splitlines()
        ]
        texts[number] = "\n".join(lines) + "\n"
        return number

    def include(line: str, where: str, base: str) -> str:
        if _LOCAL.match(line):
            raise RequirementsError(
                f"{where}: {line.strip()!r} names a path, which the host does not have; "
                "ship it as a wheel in python_service_wheelhouse"
            )
        match = _INCLUDE.match(line)
        if not match or "://" in match[2]:
            return line
        path = os.path.normpath(os.path.join(base, match[2]))
        number = (
            seen[path] if path in seen else add(path, _read(path, where), os.path.dirname(path))
        )
        return f"{match[1]}{number}.txt{line[match.end() :]}"

    if isinstance(requirements, str):
        add(
            requirements,
            _read(requirements, "python_service_requirements"),
            os.path.dirname(requirements),
        )
    elif requirements:
        add(None, "\n".join(requirements), directory)
    return tuple(texts)


def read_project(source: Source) -> Project | None:
    """The project that a source is, or None where it says of no build system.

    Raises `RequirementsError` for a ``pyproject.toml`` that cannot be read.
    """
    if not any(entry.path == "pyproject.toml" for entry in source.entries):
        return None
    path = os.path.join(source.root, "pyproject.toml")
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequirementsError(f"{path}: {error}") from error
    if "build-system" not in content:  # PEP 517: nothing here is to be built
        return None
    project: dict[str, Any] = content.get("project", {})
    poetry: dict[str, Any] = content.get("tool", {}).get("poetry", {})
    scripts = {
        *project.get("scripts", {}),
        *project.get("gui-scripts", {}),
        *poetry.get("scripts", {}),
    }
    return Project(tuple(project.get("dependencies", ())), frozenset(scripts))


def _read(path: str, where: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise RequirementsError(f"{where}: {path} cannot be read: {error}") from error
