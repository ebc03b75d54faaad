"""Has servers answer what they have accepted before they end.

When uvicorn and hypercorn are told to end, they close the connections on which no request is
under way. Among them is one that was just accepted: they have not read its request yet, or asyncio
has not even told them of it. It would get no answer. waitress does not know of SIGTERM, which ends
it with all that it is at work on.
"""

from __future__ import annotations

import functools
import os
import time

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any

#: Seconds that the request of a connection may take to come, and in how many turns of the loop at least.
_MOMENT, _TURNS = 0.05, 5


def watch(module: ModuleType) -> None:
    """Do to a module that was imported what is to be done."""
    _SERVERS[module.__name__](module)


async def _accept_no_more(listeners: Iterable[Any]) -> None:
    """Stop to accept, and wait until the servers have what was accepted.

    asyncio accepts a connection in one turn of its loop, and gives it to a server in the next. One
    that is closed in between does not get it, and nobody answers. uvloop has no such turn.
    """
    import asyncio  # a server that is here has loaded it

    loop = asyncio.get_running_loop()
    for listener in listeners:
        loop.remove_reader(listener)
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def _moment() -> None:
    import asyncio

    for _ in range(_TURNS):
        await asyncio.sleep(_MOMENT / _TURNS)


def _watch_uvicorn(module: ModuleType) -> None:
    """Have a server accept no more a moment before it closes what waits."""
    shutdown = module.Server.shutdown

    @functools.wraps(shutdown)
    async def accept_no_more_and_shut_down(self: Any, *arguments: Any, **named: Any) -> None:
        await _accept_no_more([one for server in self.servers for one in server.sockets])
        for server in self.servers:
            server.close()
        await _moment()
        await shutdown(self, *arguments, **named)

    module.Server.shutdown = accept_no_more_and_shut_down


def _watch_hypercorn(module: Any) -> None:
    """Have a server accept no more before it ends, and connections that wait learn of its end a moment later."""
    import contextvars  # asyncio has loaded it

    listeners: contextvars.ContextVar[Any] = contextvars.ContextVar("listeners", default=())
    serve, initialize = module.worker_serve, module.WorkerContext.__init__

    @functools.wraps(serve)
    async def serve_and_note_listeners(
        app: Any, config: Any, *, sockets: Any = None, **named: Any
    ) -> None:
        def noted(made: Any) -> Any:
            listeners.set([*made.secure_sockets, *made.insecure_sockets])
            return made

        def create_sockets() -> Any:
            del config.create_sockets
            return noted(config.create_sockets())

        if sockets is None:
            config.create_sockets = create_sockets
        else:
            noted(sockets)
        await serve(app, config, sockets=sockets, **named)

    @functools.wraps(initialize)
    def initialize_and_delay(self: Any, *arguments: Any, **named: Any) -> None:
        initialize(self, *arguments, **named)
        if not hasattr(self.terminated, "wait"):  # before 0.14 it is a flag
            return
        wait, end = self.terminated.wait, self.terminated.set

        async def wait_a_moment_longer() -> None:
            await wait()
            await _moment()

        async def accept_no_more_and_end() -> None:
            await _accept_no_more(listeners.get())
            await end()

        self.terminated.wait, self.terminated.set = wait_a_moment_longer, accept_no_more_and_end

    module.worker_serve = serve_and_note_listeners
    module.WorkerContext.__init__ = initialize_and_delay


def _watch_waitress(module: ModuleType) -> None:
    """Have SIGTERM drain the server, where the program has no handler for it."""
    if not (hasattr(module, "wasyncore") and hasattr(module.HTTPChannel, "total_outbufs_len")):
        return  # a version that works otherwise
    for kind in (module.BaseWSGIServer, module.MultiSocketServer):
        kind.run = _until_drained(module, kind.run)


def _until_drained(module: ModuleType, run: Any) -> Any:
    @functools.wraps(run)
    def run_until_drained(self: Any) -> None:
        import signal
        import threading

        own = signal.getsignal(signal.SIGTERM)
        if own is not signal.SIG_DFL or threading.current_thread() is not threading.main_thread():
            run(self)
            return
        # The server on one socket has its map of what it polls by another name.
        polled = self.map if isinstance(self, module.MultiSocketServer) else self._map
        told, process = _told(module, polled, self.adj), os.getpid()

        def tell(number: int, _frame: object) -> None:
            if os.getpid() == process:
                told.pull_trigger()
            else:  # a child, which shares the pipe to the server
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)

        signal.signal(signal.SIGTERM, tell)
        try:
            run(self)
        finally:
            signal.signal(signal.SIGTERM, own)
            told.close()

    return run_until_drained


def _told(module: ModuleType, polled: dict[int, Any], adjustments: Any) -> Any:
    """Return what has the server drain when its trigger is pulled, in the turns of the server's loop."""

    class Told(module.trigger.trigger):  # type: ignore[misc, name-defined]
        def handle_read(self) -> None:
            self.del_channel()
            for one in list(polled.values()):
                if one.accepting:
                    module.wasyncore.dispatcher.close(one)
            closes = time.monotonic() + _MOMENT
            while time.monotonic() < closes or any(map(is_busy, polled.values())):
                module.wasyncore.loop(
                    _MOMENT / _TURNS, adjustments.asyncore_use_poll, polled, count=1
                )
                if time.monotonic() >= closes:
                    for one in filter(is_idle, list(polled.values())):
                        one.handle_close()
            raise SystemExit

    def is_busy(one: Any) -> bool:
        return is_channel(one) and bool(one.requests or one.request or one.total_outbufs_len)

    def is_idle(one: Any) -> bool:
        return is_channel(one) and not is_busy(one)

    def is_channel(one: Any) -> bool:
        return isinstance(one, module.HTTPChannel)

    return Told(polled)


_SERVERS = {
    "uvicorn.server": _watch_uvicorn,
    "hypercorn.asyncio.run": _watch_hypercorn,
    "waitress.server": _watch_waitress,
}
