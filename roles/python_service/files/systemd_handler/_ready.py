"""Tells systemd that a server is ready which does not say so itself: when it accepts connections.

That is when it, or a process that it starts for that, listens on a socket that systemd gave
it. Servers differ in how they begin: most call listen(2) once more, `socketserver` waits in
its own loop, and uvloop does it all by itself.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys

from systemd_handler._imported import when_imported
from systemd_handler._notify import notify

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

_FIRST = 3
#: Modules of those that say it themselves, each at its own right moment.
_SAY_IT = ("gunicorn.arbiter", "sdnotify", "systemd.daemon", "cysystemd.daemon")

#: A variable for the processes that this one starts: the inodes of the sockets.
_SOCKETS = "SYSTEMD_HANDLER_SOCKETS"

_given: frozenset[str] = frozenset()


def start() -> None:
    """Have systemd told, where it waits for that and gave this process sockets."""
    global _given
    if not os.environ.get("NOTIFY_SOCKET"):
        return
    count = os.environ.get("LISTEN_FDS", "")
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and count.isdecimal():
        with contextlib.suppress(OSError):
            inodes = [os.fstat(_FIRST + number).st_ino for number in range(int(count))]
            os.environ[_SOCKETS] = " ".join(map(str, inodes))
    _given = frozenset(os.environ.get(_SOCKETS, "").split())
    if _given:
        when_imported("socket", _watch_listen)
        when_imported("socketserver", _watch_loop)
        when_imported("uvloop", _watch_uvloop)


def said() -> None:
    """The program says so itself, or will."""
    global _given
    _given = frozenset()
    os.environ.pop(_SOCKETS, None)


def _accepts(descriptor: int) -> None:
    """A socket of this process's accepts connections from now on."""
    if not _given or any(name in sys.modules for name in _SAY_IT):
        return
    with contextlib.suppress(OSError, ValueError):
        if str(os.fstat(descriptor).st_ino) in _given:
            said()
            notify(READY=1)


def _watch_listen(module: ModuleType) -> None:
    listen: Callable[..., Any] = module.socket.listen

    @functools.wraps(listen)
    def listen_and_tell(self: Any, *arguments: Any) -> None:
        listen(self, *arguments)
        _accepts(self.fileno())

    module.socket.listen = listen_and_tell


def _watch_loop(module: ModuleType) -> None:
    serve: Callable[..., Any] = module.BaseServer.serve_forever

    @functools.wraps(serve)
    def tell_and_serve(self: Any, *arguments: Any, **named: Any) -> None:
        _accepts(self.fileno())
        serve(self, *arguments, **named)

    module.BaseServer.serve_forever = tell_and_serve


def _watch_uvloop(module: ModuleType) -> None:
    create: Callable[..., Any] = module.Loop.create_server

    @functools.wraps(create)
    async def create_and_tell(self: Any, *arguments: Any, **named: Any) -> Any:
        server = await create(self, *arguments, **named)
        if named.get("sock") is not None and named.get("start_serving", True):
            _accepts(named["sock"].fileno())
        return server

    module.Loop.create_server = create_and_tell
