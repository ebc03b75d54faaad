# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The host's own interpreter: the only one that root runs, and without packages (``-I -S``)."""

from __future__ import annotations

import re
from typing import NamedTuple

from .programs import run
from .trust import weakness

#: Seconds that compiling the largest of sources may take.
_PATIENCE = 3600.0
_WHICH = (
    "import os, sys\n"
    "from importlib.machinery import EXTENSION_SUFFIXES\n"
    "print(sys.implementation.name, '.'.join(map(str, sys.version_info[:3])),\n"
    "      EXTENSION_SUFFIXES[0], os.path.realpath(sys.executable))\n"
)
_ANSWER = re.compile(r"([a-z]+) (3\.\d+\.\d+) \.([\w-]+)\.so (/.*)\n")


class Python(NamedTuple):
    """An interpreter by its real path, its ``name``, as ``cpython``, and its version, as ``3.11.2``.

    ``abi`` says what compiled files are for, as in their names: ``cpython-311-x86_64-linux-gnu``.
    """

    path: str
    name: str
    version: str
    abi: str

    @property
    def series(self) -> str:
        """The version as far as it names directories: ``3.11``."""
        return self.version.rpartition(".")[0]

    def compile(self, directory: str, final: str) -> None:
        """Compile the Python files below ``directory``, which will lie at ``final``.

        A file that cannot be compiled is the program's own affair. Others must not
        have made links there: the compiler writes and reads through them.
        """
        command = [self.path, "-I", "-S", "-m", "compileall", "-q", "-f"]
        command += ["--invalidation-mode", "timestamp", "-s", directory, "-p", final, directory]
        on_all_cores = run([*command, "-j", "0"], limit=_PATIENCE)
        if "Traceback" in on_all_cores.stderr:  # as where there is no shared memory
            run(command, limit=_PATIENCE)


def find_python(path: str) -> Python | None:
    """The interpreter at a path; None where there is none, or others than root can change it."""
    if weakness(path):
        return None
    try:
        said = _ANSWER.fullmatch(run([path, "-I", "-S", "-c", _WHICH]).stdout)
    except OSError:
        return None
    if not said or weakness(said[4]):
        return None
    return Python(path=said[4], name=said[1], version=said[2], abi=said[3])
