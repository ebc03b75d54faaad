# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Whether an account can execute or read what lies at a path, told before it tries."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..layout import HOMES
from .programs import run

#: What is asked for, as the bits of others in a mode.
EXECUTE, READ = 0o1, 0o4
#: By these a unit sees other files than the host has.
_OTHER_FILES = re.compile(r"^(Root\w+|Bind\w*Paths|TemporaryFileSystem)=", re.MULTILINE)
#: Prints the files of Python's own that an interpreter has in use.
_PROBE = """
import venv
with open("/proc/self/maps") as file:
    mapped = {line[line.find("/"):].rstrip() for line in file if "python" in line}
print(venv.__file__, *sorted(mapped), sep="\\n")
"""


class Rights(NamedTuple):
    """Numbers of a user, None where the host does not have it yet, and of its groups."""

    user: int | None
    groups: frozenset[int]

    def reach(self, status: os.stat_result, bit: int) -> bool:
        """Whether it has a right to a file or directory of this owner, group and mode."""
        if self.user == status.st_uid:
            return bool(status.st_mode & bit << 6)
        if status.st_gid in self.groups:
            return bool(status.st_mode & bit << 3)
        return bool(status.st_mode & bit)


def barrier(path: str, rights: Rights, bit: int = EXECUTE, host: str = "/") -> str | None:
    """What of a path, or of what it is a link to, is closed to an account, with its owners; or None.

    That is a directory on the way or the file itself. One with an access list (acl(5)) may be open.
    ``host`` is where the file system begins.
    """
    for place in _places(path):
        for directory in _above(place):
            if directory.startswith(host) and _is_closed(directory, rights, EXECUTE):
                return f"it may not enter {_described(directory)}"
    if _is_closed(path, rights, bit):
        return f"it has no right to {_described(path)}"
    return None


def files_of(python: str) -> list[str]:
    """The libraries and modules of an interpreter, some of each, that lie beside it."""
    return run([python, "-I", "-S", "-c", _PROBE]).stdout.splitlines()


def hidden(path: str, unit: str) -> str | None:
    """By which setting a unit hides a path from its process, or None."""
    protect = re.findall(r"^ProtectHome=(.*)$", unit, re.MULTILINE)
    if not protect or protect[-1].lower() in ("", "no", "false", "off", "0", "read-only"):
        return None
    if _OTHER_FILES.search(unit):
        return None
    for place in _places(path):
        for home in HOMES:
            if place.startswith(f"{home}/"):
                return f"ProtectHome={protect[-1]} of its unit hides {home}"
    return None


def _places(path: str) -> Iterator[str]:
    """A path, what it is a link to, what that is one to, and where it ends."""
    yield path
    while os.path.islink(path):
        path = os.path.join(os.path.dirname(path), os.readlink(path))
        yield path
    yield os.path.realpath(path)


def _above(path: str) -> Iterator[str]:
    """The directories on the way to a path, the topmost first."""
    for slash in re.finditer("/", path):
        yield path[: slash.start()] or "/"


def _is_closed(path: str, rights: Rights, bit: int) -> bool:
    with contextlib.suppress(OSError):  # the file system knows no such thing
        if "system.posix_acl_access" in os.listxattr(path):
            return False
    return not rights.reach(os.stat(path), bit)


def _described(path: str) -> str:
    status = os.stat(path)
    owners = f"{_name(_user, status.st_uid)}:{_name(_group, status.st_gid)}"
    return f"{os.path.realpath(path)} ({stat.filemode(status.st_mode)} {owners})"


def _name(look_up: Callable[[int], str], number: int) -> str:
    try:
        return look_up(number)
    except KeyError:
        return str(number)


def _user(number: int) -> str:
    return pwd.getpwuid(number).pw_name


def _group(number: int) -> str:
    return grp.getgrgid(number).gr_name
