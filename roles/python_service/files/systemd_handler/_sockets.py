"""The sockets that the service manager listens on for this service.

Source: sd_listen_fds(3).
"""

from __future__ import annotations

import os
import threading

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    import socket

_FIRST = 3

_lock = threading.Lock()
_sockets: list[tuple[str, socket.socket]] | None = None


def listen_sockets(name: str | None = None) -> list[socket.socket]:
    """Return the sockets that systemd passed to this process, in the order of its units.

    With *name*, only those of that name: ``FileDescriptorName=`` of the ``.socket`` unit, or
    the unit's own name with its suffix. An empty list where systemd passed none, so that a
    program can then open its own. They block, also where ``NonBlocking=`` says otherwise of
    their descriptors, which another process may share. Every call returns the same objects,
    and a process that was forked after the first call has them as well. They are not
    inherited by programs that this one starts.

    Raises `ValueError` when the variables that systemd sets make no sense, and `OSError`
    when what was passed is no socket.
    """
    global _sockets
    with _lock:
        if _sockets is None:
            _sockets = _passed()
    return [passed for its_name, passed in _sockets if name is None or its_name == name]


def _passed() -> list[tuple[str, socket.socket]]:
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []  # not set, or meant for the process that started this one
    count_text = os.environ.get("LISTEN_FDS", "")
    if not count_text.isdecimal():
        raise ValueError(f"$LISTEN_FDS is {count_text!r} and not a number: see sd_listen_fds(3)")
    count = int(count_text)
    names = os.environ.get("LISTEN_FDNAMES", ":".join(["unknown"] * count)).split(":")
    if count and len(names) != count:
        raise ValueError(
            f"$LISTEN_FDNAMES has {len(names)} names for {count} sockets: see sd_listen_fds(3)"
        )

    # Slow to import, and most processes that log never get here.
    from systemd_handler._listener import Listener

    sockets: list[tuple[str, socket.socket]] = []
    for fd, name in zip(range(_FIRST, _FIRST + count), names):
        try:
            os.set_inheritable(fd, False)
            sockets.append((name, Listener(fileno=fd)))
        except OSError as error:
            for _, passed in sockets:
                passed.detach()  # they stay open for another try
            raise OSError(
                error.errno, f"descriptor {fd}, passed by systemd as {name!r}, is no socket"
            ) from error
    return sockets
