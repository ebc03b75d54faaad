"""A write to a socket that keeps Python's global lock (GIL).

Whatever Python writes by itself lets go of that lock meanwhile. Among threads that log,
another one has it by the end of the write, and to get it back can cost as much CPU time as
all the rest of a record. A socket takes a line within microseconds, so that the lock may
as well be kept, as long as nobody waits for room in the socket with it.

Sources: send(2); `ctypes.PyDLL`, whose functions are called with the lock held.
"""

from __future__ import annotations

import functools
import io

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Callable

# MSG_DONTWAIT on every architecture of Linux. `socket`, which names it, is slow to import.
_WITHOUT_WAITING = 0x40


@functools.cache
def load_write_holding_gil() -> Callable[[io.FileIO, bytes], int | None]:
    """Return a function that does as ``raw.write(data)``.

    It keeps the lock where *raw* is a socket that takes *data* now, if Python can do that.
    Loads `ctypes`, which takes about two milliseconds.
    """
    try:
        import ctypes

        send, size = ctypes.PyDLL(None).send, ctypes.c_size_t
        send.restype = ctypes.c_ssize_t
    except Exception:  # Python was built without, cannot read it now, or something forbids it
        return io.FileIO.write

    def write_holding_gil(raw: io.FileIO, data: bytes) -> int | None:
        # Twice as fast as with `argtypes`: all but the size become the right types without.
        written: int = send(raw.fileno(), data, size(len(data)), _WITHOUT_WAITING)
        # Not a socket, or full, or dead: the usual way waits, or says what the matter is.
        return raw.write(data) if written < 0 else written

    return write_holding_gil
