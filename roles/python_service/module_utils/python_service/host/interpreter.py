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
_WHICH = "import os, sys; print('%d.%d' % sys.version_info[:2], os.path.realpath(sys.executable))"
_ABI = "import sysconfig; print(sysconfig.get_config_var('SOABI'))"


class Interpreter(NamedTuple):
    """The real path of one, and its version as far as it names directories, ``3.11``."""

    path: str
    version: str

    @property
    def abi(self) -> str:
        """What compiled files are for, as in their names: ``cpython-311-x86_64-linux-gnu``."""
        return run([self.path, "-I", "-S", "-c", _ABI]).stdout.strip()

    def compile(self, directory: str, final: str) -> None:
        """Compile the Python files below ``directory``, which will lie at ``final``.

        A file that cannot be compiled is the program's own affair. Others must not
        have made links there: the compiler writes and reads through them.
        """
        command = [self.path, "-I", "-S", "-m", "compileall", "-q", "-f"]
        command += ["--invalidation-mode", "timestamp", "-s", directory, "-p", final, directory]
        run(command, limit=_PATIENCE)


def find_interpreter(python: str) -> Interpreter | None:
    """The interpreter at a path; None where it is none, or others than root can change it."""
    if weakness(python):
        return None
    try:
        said = run([python, "-I", "-S", "-c", _WHICH]).stdout.rstrip("\n")
    except OSError:
        return None
    version, _, path = said.partition(" ")
    if not re.fullmatch(r"3\.\d+", version) or weakness(path):
        return None
    return Interpreter(path, version)
