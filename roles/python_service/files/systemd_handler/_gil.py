"""A write to a socket that keeps Python's global lock (GIL).

Whatever Python writes by itself lets go of that lock meanwhile. Among threads that log,
another one has it by the end of the write, and to get it back can cost as much CPU time as
all the rest of a record. A socket takes a line within microseconds, so that the lock may
as well be kept, as long as nobody waits for room in the socket with it.

Sources: send(2); `ctypes.PyDLL`, whose functions are called with the lock held.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

# MSG_DONTWAIT on every architecture of Linux. `socket`, which names it, is slow to import.
_WITHOUT_WAITING = 0x40


def _cannot_send(_fd: int, _data: bytes) -> int:
    return -1


send: Callable[[int, bytes], int] = _cannot_send
"""Sends as much of *data* as a socket takes now, with the lock held, and returns how much.

-1 where that is nothing: the descriptor is no socket, or it is full, or dead, or `load` could
not be called yet.
"""


def load(_threading: ModuleType) -> None:
    """Make `send` work, if Python can do that.

    For the time when the program imports `threading`: it loads `ctypes`, which takes about
    two milliseconds, and a child that is forked while another thread imports something cannot
    import that.
    """
    global send
    try:
        import ctypes

        library, size = ctypes.PyDLL(None), ctypes.c_size_t
        of_c = library.send
        of_c.restype = ctypes.c_ssize_t
    except Exception:  # Python was built without, cannot read it now, or something forbids it
        return

    def send_holding_gil(fd: int, data: bytes) -> int:
        # Twice as fast as with `argtypes`: all but the size become the right types without.
        sent: int = of_c(fd, data, size(len(data)), _WITHOUT_WAITING)
        return sent

    send = send_holding_gil
