# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""A program in one file: a zip archive that Python runs, as zipapp, shiv and pex make them."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..source import Source
from .commands import words_of
from .problems import named, problem
from .settings import Settings

#: Bytes of a first line: what the kernel reads of it is shorter.
_MOST_OF_A_LINE = 256
#: Bytes of what a pex says of itself.
_MOST_OF_INFO = 1 << 22


class Zipped(NamedTuple):
    """What such a file says of itself.

    ``interpreter`` is the command of its first line, empty where it has none, and
    ``pex`` is the content of the ``PEX-INFO`` of a pex, None in all others.
    """

    interpreter: str
    pex: Mapping[str, Any] | None


def read_zipped(path: str) -> Zipped | None:
    """What a file says of itself, or None where it is no zip archive with a ``__main__.py``."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            info = _info(archive) if "PEX-INFO" in names else None
    except (OSError, zipfile.BadZipFile):
        return None
    return Zipped(interpreter_of(path), info) if "__main__.py" in names else None


def _info(archive: zipfile.ZipFile) -> Mapping[str, Any]:
    with archive.open("PEX-INFO") as file:
        try:
            info = json.loads(file.read(_MOST_OF_INFO))
        except ValueError:
            return {}
    return info if isinstance(info, dict) else {}


def interpreter_of(path: str) -> str:
    """The command of a file's first line, ``#!``; empty where it has none."""
    with open(path, "rb") as file:
        line = file.read(_MOST_OF_A_LINE).partition(b"\n")[0]
    return line[2:].decode(errors="replace").strip() if line.startswith(b"#!") else ""


def runnable(source: Source) -> Source:
    """A source that is such a file, which can be run by its path as well."""
    return Source(source.root, tuple(e._replace(executable=True) for e in source.entries))


def zipped_problems(settings: Settings, zipped: Zipped) -> list[str]:
    """What keeps a command from running such a file."""
    found = []
    for process in settings.processes:
        program = words_of(process.command)[0]
        if program.startswith("./") and not zipped.interpreter:
            said = f"{program} does not begin with a line such as #!/usr/bin/env python3"
            words = problem("command", f"{said}; write 'python {program[2:]}'")
            found.append(named(words, process.name))
    return found


def zipped_warnings(settings: Settings, zipped: Zipped) -> list[str]:
    """What keeps the role's handler out of such a file, which is found in the venv alone."""
    if settings.logging != "auto":
        return []
    name = os.path.basename(settings.src or "")
    lost = "so that what it logs has no priorities"
    by_its_path = words_of(settings.main.command)[0].startswith("./")
    if by_its_path and os.path.basename(zipped.interpreter.partition(" ")[0]) != "env":
        said = f"{name} begins with #!{zipped.interpreter}, which does not know the role's handler"
        return [problem("logging", f"{said}, {lost}; write 'python {name}' as the command")]
    if zipped.pex is None or _has_handler(zipped.pex) or _looks_around(settings, zipped.pex):
        return []
    said = f"{name} is a pex, which hides the role's handler from its program, {lost}"
    more = " and PEX_VENV: 0" if zipped.pex.get("venv") else ""
    return [
        problem(
            "logging",
            f"{said}; write PEX_INHERIT_PATH: fallback{more} into python_service_environment, "
            "or build the pex with systemd-handler",
        )
    ]


def _has_handler(pex: Mapping[str, Any]) -> bool:
    return any(name.startswith("systemd_handler-") for name in pex.get("distributions") or ())


def _looks_around(settings: Settings, pex: Mapping[str, Any]) -> bool:
    """Whether packages beside those in the pex are found."""
    given = settings.main.environment
    inherits = given.get("PEX_INHERIT_PATH", pex.get("inherit_path")) in ("prefer", "fallback")
    return inherits and (not pex.get("venv") or given.get("PEX_VENV") in ("0", "false"))
