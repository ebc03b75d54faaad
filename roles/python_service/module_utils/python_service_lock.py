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

from .python_service_host import Layout

#: Root's, and gone after a boot.
DIRECTORY = "/run/python_service"


class LockError(Exception):
    """Another step on the same service holds the lock; says whose, and since when."""


@contextlib.contextmanager
def locked(layout: Layout, by: str) -> Iterator[None]:
    """Hold the lock of a service; ``by`` is who asks, as others will read it.

    Raises `LockError` at once when somebody else holds it.
    """
    os.makedirs(DIRECTORY, mode=0o700, exist_ok=True)
    descriptor = os.open(_path(layout), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockError(_complaint(layout, os.pread(descriptor, 4096, 0))) from None
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"by": by, "since": now}).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def complaint(layout: Layout) -> str | None:
    """What `locked` would complain of now, or None."""
    try:
        descriptor = os.open(_path(layout), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _complaint(layout, os.pread(descriptor, 4096, 0))
    finally:
        os.close(descriptor)
    return None


def _path(layout: Layout) -> str:
    return os.path.join(DIRECTORY, f"{layout.name}.lock")


def _complaint(layout: Layout, content: bytes) -> str:
    try:
        holder = json.loads(content)
    except ValueError:  # caught between the lock and the line
        holder = {"by": "somebody", "since": "this moment"}
    return (
        f"{layout.name} is being changed by {holder['by']} since {holder['since']}; "
        "run this again when that has ended"
    )
