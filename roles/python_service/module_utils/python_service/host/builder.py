# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""An account without a name and without rights, as which packages are installed.

A package runs code of its own while it is built, and whenever an interpreter
starts that it is installed for. None of it runs as root, and nothing that it
made is executed by root: root takes the result over when it is whole, and
nobody is left who could change it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import re
import signal
import stat
from collections.abc import Iterator, Mapping, Sequence

from ..errors import ServiceError
from ..foreign import last_lines, printable, shortened
from ..layout import Layout
from .files import make_directory, share
from .programs import Account, end_processes, run

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
)
#: Where rights lie beside the mode, those of what will be made in a directory among them: acl(5).
_ACCESS = {"system.posix_acl_access", "system.posix_acl_default"}


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

    def run(self, command: Sequence[str], more: Mapping[str, str], step: str) -> None:
        """Run a command with ``more`` variables; raise `ServiceError` with its last words where it fails."""
        home = dict.fromkeys(
            ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), self.directory
        )
        environment = {**home, "USER": "build", "LOGNAME": "build", **more}
        result = run(command, environment, _PATIENCE, self._account, self.directory)
        if result.returncode != 0:
            lines = (result.stdout + result.stderr).strip().splitlines()
            if result.returncode < 0:
                lines.append(f"it was ended by {signal.Signals(-result.returncode).name}")
            words = "\n".join(f"  {line}" for line in last_lines(lines[-25:]))
            raise ServiceError(f"{printable(step)} failed{_advice(lines)}:\n{words}")

    def admit(self, path: str) -> None:
        """Let it, and nobody else but root, into a directory of root's."""
        share(path, self._account.group if self._account else os.getegid(), 0o710)

    def give(self, path: str) -> None:
        """Give it what lies at ``path``, which is root's until then."""
        for entry in _tree(path):
            os.lchown(entry, self._user, self.group)

    def take(self, path: str) -> None:
        """Have root own what it made at ``path``, for the service's group to read and nobody else.

        Raises `ServiceError` for what it did not make, as a hard link to another's file,
        and for what others put there meanwhile, whom it may have let in.
        """
        self.end_processes()
        for entry in _tree(path):
            self._take_one(entry)
        for entry in _tree(path):
            if os.lstat(entry).st_uid != os.geteuid():
                raise _not_its_own(entry)
        os.chmod(path, 0o750)

    def _take_one(self, entry: str) -> None:
        # What was looked at is held, so that nothing else can be put in its place.
        descriptor = os.open(entry, os.O_PATH | os.O_NOFOLLOW)
        try:
            status = os.fstat(descriptor)
            kinds = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)
            if status.st_uid != self._user or not any(kind(status.st_mode) for kind in kinds):
                raise _not_its_own(entry)
            held = f"/proc/self/fd/{descriptor}"
            # This also takes away what would let others run it with our rights.
            os.chown(held, os.geteuid(), self.group)
            if not stat.S_ISLNK(status.st_mode):
                _remove_access_lists(held)
                executable = 0o010 if status.st_mode & stat.S_IXUSR else 0
                os.chmod(held, stat.S_IMODE(status.st_mode) & 0o755 | 0o440 | executable)
        finally:
            os.close(descriptor)

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


def _remove_access_lists(path: str) -> None:
    try:
        found = os.listxattr(path)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return  # the file system knows no such thing
    for attribute in _ACCESS.intersection(found):
        os.removexattr(path, attribute)


def _not_its_own(entry: str) -> ServiceError:
    return ServiceError(
        f"a package put something into the virtual environment that is not its own: "
        f"{shortened(entry)}; find out which, and do without it"
    )


def _tree(path: str) -> Iterator[str]:
    """A path and all that is below it, no link followed; what is in a directory comes before it."""
    directories = [path] if os.path.isdir(path) and not os.path.islink(path) else []
    if not directories:
        yield path
    for directory in directories:
        try:
            with os.scandir(directory) as entries:
                found = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except OSError as error:  # as below more directories than a path can name
            raise ServiceError(
                f"a package made something that cannot be looked at: {shortened(directory)} "
                f"({error.strerror}); find out which, and do without it"
            ) from error
        directories += (entry for entry, is_directory in found if is_directory)
        yield from (entry for entry, is_directory in found if not is_directory)
    yield from reversed(directories)
