"""System calls that keep Python's global lock (GIL).

Whatever Python calls by itself lets go of that lock meanwhile. Among threads that log,
another one has it by the end of the call, and to get it back can cost as much CPU time as
all the rest of a record. A socket takes a line within microseconds, so that the lock may
as well be kept, as long as nobody waits for room in the socket with it.

Sources: send(2), fstat(2); `ctypes.PyDLL`, whose functions are called with the lock held.
"""

from __future__ import annotations

import io
import os

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

# On every architecture of Linux. `socket`, which names the first, is slow to import.
_MSG_DONTWAIT = 0x40
_ROOM_FOR_STATUS = 256


def _identity(fd: int) -> object:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


write: Callable[[io.FileIO, bytes], int | None] = io.FileIO.write
"""Does as ``raw.write(data)``."""

identity: Callable[[int], object] = _identity
"""Returns what stays equal while descriptor 1 or 2 leads to the same socket."""


def keep_gil(_threading: ModuleType) -> None:
    """Have `write` and `identity` keep the lock from now on, if Python can do that.

    `write` does where the file is a socket that takes the data now. For the time when the
    program imports `threading`: it loads `ctypes`, which takes about two milliseconds, and
    a child that is forked while another thread imports something cannot import that.
    """
    global identity, write
    try:
        import ctypes

        library, size = ctypes.PyDLL(None), ctypes.c_size_t
        send, fstat = library.send, library.fstat
        send.restype = ctypes.c_ssize_t
        # One each: another thread may come between the call and the look at what it gave.
        statuses = {fd: ctypes.create_string_buffer(_ROOM_FOR_STATUS) for fd in (1, 2)}
    except Exception:  # Python was built without, cannot read it now, or something forbids it
        return

    # Twice as fast as with `argtypes`: all but the size become the right types without.
    def write_holding_gil(raw: io.FileIO, data: bytes) -> int | None:
        written: int = send(raw.fileno(), data, size(len(data)), _MSG_DONTWAIT)
        # Not a socket, or full, or dead: the usual way waits, or says what the matter is.
        return raw.write(data) if written < 0 else written

    def identity_holding_gil(fd: int) -> object:
        # All of the status, since nothing of a socket's changes.
        status = statuses[fd]
        return _identity(fd) if fstat(fd, status) else status.raw

    write, identity = write_holding_gil, identity_holding_gil
