# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""An account without a name and without rights, as which packages are fetched and built.

A package runs code of its own while it is built, and whenever an interpreter
starts that it is installed for. None of it runs as root, and nothing that it
made is executed by root, nor kept: root copies the wheels, and unpacks them itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import pwd
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, cast

from ..errors import ServiceError
from ..foreign import shortened
from ..layout import Layout
from ..source import HashingReader
from .files import make_directory, names, share
from .programs import Account, end_processes, expect_success, run

#: User numbers that neither distributions nor systemd give to anybody, by systemd's documentation
#: "Users, Groups, UIDs and GIDs on systemd Systems".
_NUMBERS = range(60578, 61184)
#: Seconds that pip or a compiler may take: large packages are built from source for hours.
_PATIENCE = 7200.0
#: What is said where the host lacks something that the controller may have, and what that is.
_LACKING = (
    (
        (
            r"error: command '\S*(cc|\+\+|clang)\S*' failed|Python\.h: No such file"
            r"|No such file or directory: '\S*(cc|\+\+|clang)'|Unknown compiler\(s\)"
            r"|no acceptable C compiler|can't find Rust compiler"
        ),
        "the host has no compiler, or not all that it needs",
    ),
    (r"Cannot find command 'git'", "the host has no git"),
    (
        r"Failed to establish a new connection|Failed to resolve '|Network is unreachable",
        "the host does not reach the index",
    ),
    (r"CERTIFICATE_VERIFY_FAILED", "the host does not trust the certificate of the index"),
)
_CHUNK = 1 << 20


def _advice(lines: Sequence[str]) -> str:
    """Why a command failed that said ``lines``, and what to do, if it is one of `_LACKING`."""
    said = "\n".join(lines)
    for pattern, words in _LACKING:
        if re.search(pattern, said):
            return f", since {words}; python_service_gather_wheels: true has the controller do it"
    return ""


class Builder:
    """The account, which is also in the group of the service, and ``directory``, which is its own."""

    def __init__(self, user: int, group: int, directory: str) -> None:
        self.group = group
        self.directory = directory
        self._user = user
        # Where we are not root, as in tests, there is nobody else to be.
        self._account = Account(user, user, (group,)) if user != os.geteuid() else None

    def run(self, command: Sequence[str], more: Mapping[str, str], step: str) -> str:
        """What a command prints with ``more`` variables; `ServiceError` with its last words where it fails."""
        home = dict.fromkeys(
            ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), self.directory
        )
        environment = {**home, "USER": "build", "LOGNAME": "build", **more}
        result = run(command, environment, _PATIENCE, self._account, self.directory)
        advice = _advice((result.stdout + result.stderr).splitlines())
        return expect_success(result, step, advice)

    def admit(self, path: str) -> None:
        """Let it, and nobody else but root, into a directory of root's."""
        share(path, self._account.group if self._account else os.getegid(), 0o710)

    def give(self, path: str) -> None:
        """Give it what lies at ``path``, which is root's until then."""
        for above, folders, files in os.walk(path, topdown=False):
            for name in [*folders, *files]:
                os.lchown(os.path.join(above, name), self._user, self.group)
        os.lchown(path, self._user, self.group)

    def take(self, made: str, directory: str) -> dict[str, str]:
        """Copy the wheels that it made in ``made`` into a ``directory`` of root's; paths by digest.

        Nobody can change the copies, whoever still has the files open. Raises
        `ServiceError` for what it did not make, as a link to another's file.
        """
        self.end_processes()
        target = tempfile.mkdtemp(prefix="wheels-", dir=directory)
        taken = {}
        for name in names(made):
            if name.endswith(".whl"):
                path = os.path.join(target, name)
                taken[self._copy(os.path.join(made, name), path)] = path
        return taken

    def _copy(self, path: str, copy: str) -> str:
        """Copy a file of its own, and give the digest of what was copied."""
        # A pipe would keep us waiting for a writer.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(path, flags)
        except OSError as error:
            raise _not_its_own(path) from error
        with os.fdopen(descriptor, "rb") as file, open(copy, "xb") as target:
            status = os.fstat(descriptor)
            if status.st_uid != self._user or not stat.S_ISREG(status.st_mode):
                raise _not_its_own(path)
            reader = HashingReader(file)
            shutil.copyfileobj(cast("IO[bytes]", reader), target, _CHUNK)
        return reader.hexdigest()

    def end_processes(self) -> None:
        """End all that it started: an open file can be written to, whoever owns it."""
        if self._account:
            whose = f"the user {self._user}, which packages are built as,"
            end_processes(self._account, whose)


@contextlib.contextmanager
def borrowed(layout: Layout, group: int, directory: str) -> Iterator[Builder]:
    """The account, for a while; ``directory`` becomes its own, and is in one that others cannot enter."""
    with _free_number(layout) as user:
        os.mkdir(directory, 0o700)
        builder = Builder(user, group, directory)
        builder.give(directory)
        try:
            yield builder
        finally:
            builder.end_processes()


@contextlib.contextmanager
def _free_number(layout: Layout) -> Iterator[int]:
    """A number that no account has, and that no other deploy takes meanwhile."""
    if os.geteuid() != 0:
        yield os.geteuid()
        return
    make_directory(layout.runtime, 0o700)
    for number in _NUMBERS:
        if _is_known(number) or not _is_mapped(number):
            continue
        path = os.path.join(layout.runtime, f"builder-{number}.lock")
        with open(path, "a", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            # What is left of a build that was cut off ends before this one begins.
            Builder(number, os.getegid(), layout.runtime).end_processes()
            yield number
            return
    raise ServiceError(
        f"the host has no free user number from {_NUMBERS[0]} to {_NUMBERS[-1]}, "
        "which packages are built as; free one of them"
    )


def _is_known(number: int) -> bool:
    """Whether some account has the number."""
    for look_up in (pwd.getpwuid, grp.getgrgid):
        try:
            look_up(number)
        except KeyError:
            continue
        return True
    return False


def _is_mapped(number: int) -> bool:
    """Whether the number exists where we are: user_namespaces(7)."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        ranges = [tuple(map(int, line.split())) for line in file]
    return any(first <= number < first + length for first, _, length in ranges)


def _not_its_own(path: str) -> ServiceError:
    return ServiceError(
        f"a package put something among the wheels that is not its own: {shortened(path)}; "
        "find out which, and do without it"
    )
