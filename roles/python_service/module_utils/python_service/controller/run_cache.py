# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What the hosts of one run share: digests of files, and archives.

Ansible runs an action in a process for each host. What one of them has read or
packed lies in a directory of the run's own, for all others. One works at it at
a time, under a lock of the kernel's, which ends with its holder; and what lies
there was put there whole, so that one who died has left nothing that counts.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import IO

from ..errors import ServiceError

#: Seconds: a file may have been written again, unseen, within a tick of its file system's clock.
_RACY = 2.0


class Digests:
    """Digests of files by all that would change with their content: `source.Known`.

    A file that changed less than two seconds before is not remembered: its next
    change could leave all of that as it is.
    """

    def __init__(self, known: dict[str, str]) -> None:
        self.known = known
        # Before any file is read: what is written from now on has another time.
        self._before = time.time() - _RACY

    def get(self, path: str, status: os.stat_result) -> str | None:
        """The digest of a file that was read before and has not changed since."""
        return self.known.get(_key(path, status))

    def put(self, path: str, status: os.stat_result, digest: str) -> None:
        """Remember the digest of a file, unless it was written a moment ago."""
        if status.st_ctime < self._before:
            self.known[_key(path, status)] = digest


class RunCache:
    """The cache in ``directory``, which Ansible removes when the run ends."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    @contextlib.contextmanager
    def digests(self) -> Iterator[Digests]:
        """The digests that are known; what is added is known to others when this ends."""
        path = os.path.join(self._directory, "python_service-digests.json")
        with self._locked("digests"):
            digests = Digests({})
            with contextlib.suppress(FileNotFoundError, ValueError), open(path, "rb") as file:
                digests = Digests(json.load(file))
            before = len(digests.known)
            try:
                yield digests
            finally:
                if len(digests.known) != before:
                    # Without them, the next host's files are read again.
                    with contextlib.suppress(OSError):
                        _replace(path, lambda file: file.write(json.dumps(digests.known).encode()))

    def archive(self, name: str, pack: Callable[[IO[bytes]], object]) -> str:
        """Path of the archive of this name, made by ``pack`` where nobody has made it yet.

        Raises `ServiceError` where it cannot be written.
        """
        path = os.path.join(self._directory, f"python_service-{name}.tar.gz")
        with self._locked(name):
            if not os.path.exists(path):
                try:
                    _replace(path, pack)
                except OSError as error:
                    raise ServiceError(
                        f"the controller cannot write {path}: {error.strerror or error}; "
                        f"see to it that there is room in {self._directory}"
                    ) from error
        return path

    def text(self, name: str, make: Callable[[], str]) -> str:
        """The text of this name, which ``make`` gives where nobody has asked for it yet."""
        path = os.path.join(self._directory, f"python_service-{name}.txt")
        with self._locked(name):
            with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
                return file.read()
            text = make()
            # Without it, the next host's is made anew.
            with contextlib.suppress(OSError):
                _replace(path, lambda file: file.write(text.encode()))
            return text

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        with open(os.path.join(self._directory, f"python_service-{name}.lock"), "wb") as file:
            # Where the file system has no locks, each may do again what others have done.
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _key(path: str, status: os.stat_result) -> str:
    facts = (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mode,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
    return " ".join([*map(str, facts), path])


def _replace(path: str, fill: Callable[[IO[bytes]], object]) -> None:
    """Make a file whole or not at all."""
    directory, name = os.path.split(path)
    descriptor, temporary = tempfile.mkstemp(prefix=f"{name}.", dir=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            fill(file)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
