# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""One run at a time for a service on a host.

The lock is the kernel's, on an open file (fcntl(2), open file description
locks): a run that died holds nothing, and who only looks takes nothing.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import struct
import time
from collections.abc import Iterator

from ..errors import ServiceError
from ..foreign import shortened
from ..layout import Layout
from .files import make_directory

# struct flock: l_type, l_whence, l_start, l_len, l_pid; a length of 0 is the whole file.
_FLOCK = "hhqqi4x"
#: Seconds in which who has just taken the lock writes down who it is.
_INTRODUCTION = 2.0


@contextlib.contextmanager
def locked(layout: Layout, by: str) -> Iterator[None]:
    """Hold the lock of a service; ``by`` is who asks, as others will read it.

    Raises `ServiceError` at once when somebody else holds it.
    """
    make_directory(layout.runtime, 0o700)
    descriptor = os.open(_path(layout), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            _ask(descriptor, fcntl.F_OFD_SETLK)
        except BlockingIOError:
            raise ServiceError(_refusal(layout, descriptor)) from None
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"by": by, "since": now, "pid": os.getpid()}).encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def refusal(layout: Layout) -> str | None:
    """What `locked` would raise now, or None; nobody is kept from anything by this."""
    try:
        descriptor = os.open(_path(layout), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        held = struct.unpack(_FLOCK, _ask(descriptor, fcntl.F_OFD_GETLK))[0] != fcntl.F_UNLCK
        return _refusal(layout, descriptor) if held else None
    finally:
        os.close(descriptor)


def _path(layout: Layout) -> str:
    return os.path.join(layout.runtime, f"{layout.name}.lock")


def _ask(descriptor: int, question: int) -> bytes:
    wanted = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    return fcntl.fcntl(descriptor, question, wanted)


def _refusal(layout: Layout, descriptor: int) -> str:
    deadline = time.monotonic() + _INTRODUCTION
    holder = {"by": "somebody", "since": "a moment ago"}
    while time.monotonic() < deadline:
        try:
            said = json.loads(os.pread(descriptor, 4096, 0))
            # One that was killed could not take its name away again.
            os.kill(said["pid"], 0)
        except (ValueError, KeyError, TypeError, ProcessLookupError):
            time.sleep(0.02)
        else:
            holder = said
            break
    return (
        f"{layout.name} is being changed by {shortened(holder['by'])}, since {holder['since']}; "
        "run this again when that is finished"
    )
