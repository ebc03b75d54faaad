# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""One step at a time for a service on a host.

The lock is the kernel's (flock(2)): it ends with the process that holds it, so
that a holder that died holds nothing. Beside it stands who holds it.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
from collections.abc import Iterator

#: Root's, and gone after a boot.
DIRECTORY = "/run/python_service"


class LockError(Exception):
    """Another step on the same service holds the lock; says whose, and since when."""


@contextlib.contextmanager
def locked(name: str, by: str) -> Iterator[None]:
    """Hold the lock of the service ``name``; ``by`` is who asks, as others will read it.

    Raises `LockError` at once when somebody else holds it.
    """
    os.makedirs(DIRECTORY, mode=0o700, exist_ok=True)
    descriptor = os.open(_path(name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockError(_complaint(name, os.pread(descriptor, 4096, 0))) from None
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"by": by, "since": now}).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def complaint(name: str) -> str | None:
    """What `locked` would complain of now, or None."""
    try:
        descriptor = os.open(_path(name), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _complaint(name, os.pread(descriptor, 4096, 0))
    finally:
        os.close(descriptor)
    return None


def _path(name: str) -> str:
    return os.path.join(DIRECTORY, f"{name}.lock")


def _complaint(name: str, content: bytes) -> str:
    try:
        holder = json.loads(content)
    except ValueError:  # caught between the lock and the line
        holder = {"by": "somebody", "since": "this moment"}
    return (
        f"{name} is being changed by {holder['by']} since {holder['since']}; "
        "run this again when that has ended"
    )
