# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What an interpreter says of itself: its version, and which wheels it can load."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

#: What it is asked, isolated and without its packages, whose code would be run where it is itself
#: of a virtual environment.
PROBE = (
    "import os, sys, venv\n"
    "from importlib.machinery import EXTENSION_SUFFIXES\n"
    "name = 'CS_GNU_LIBC_VERSION'\n"
    "libc = os.confstr(name) if name in os.confstr_names else None\n"
    "print(*sys.version_info[:3], EXTENSION_SUFFIXES[0], *(libc or '').split()[1:])\n"
)
_ANSWER = re.compile(r"(\d+) (\d+) (\d+) (\.[\w.-]+)(?: (\d+)\.(\d+)[\w.]*)?\n")


class Interpreter(NamedTuple):
    """A Python by its ``version``, as three numbers, and what decides about wheels.

    ``extension`` is how the names of its compiled modules end, and says the
    implementation, the ABI and the machine: ``.cpython-313-x86_64-linux-gnu.so``.
    ``glibc`` is empty where it has another library.
    """

    version: tuple[int, ...]
    extension: str
    glibc: tuple[int, ...] = ()


def interpreter_from_json(data: Mapping[str, Any]) -> Interpreter:
    """The interpreter of which `Interpreter._asdict` was written as JSON; `ValueError` for no such.

    It may be a host's word, by which the controller runs programs.
    """
    version, glibc = (
        " ".join(str(int(part)) for part in data[key]) for key in ("version", "glibc")
    )
    found = interpreter_of(
        f"{version} {data['extension']} {glibc.replace(' ', '.')}".strip() + "\n"
    )
    if not found:
        raise ValueError(f"{data!r} is no interpreter")
    return found


def interpreter_of(answer: str) -> Interpreter | None:
    """The interpreter that answered so to `PROBE`, or None where it is no Python."""
    found = _ANSWER.fullmatch(answer)
    if not found:
        return None
    major, minor, micro, extension, *glibc = found.groups()
    return Interpreter(
        (int(major), int(minor), int(micro)), extension, tuple(int(part) for part in glibc if part)
    )
