"""Where `faulthandler` writes when a signal kills the process.

It writes from within the signal, in C and in lines of its own, so the only way to a
priority is a stream to journald whose lines all have it.
Source: faulthandler in the Python library reference.
"""

from __future__ import annotations

import os

from systemd_handler._journald import open_stream

_fd: int | None = None


def log_fatal_signals() -> None:
    """Have the traceback of a fatal signal logged with priority 2, a line an entry.

    Also that of a process which is forked from this one. Where journald cannot be reached,
    `faulthandler` stays as it is.
    """
    global _fd
    import faulthandler

    try:
        fd = open_stream(2, prefixes=False)
    except OSError:
        return
    faulthandler.enable(fd)
    if _fd is not None:
        os.close(_fd)
    _fd = fd


def log_fatal_signals_again() -> None:
    """Renew the stream of `log_fatal_signals`, if there is one, to a journald that is new."""
    if _fd is not None:
        log_fatal_signals()
