"""Has uvicorn and hypercorn answer what they have accepted before they end.

When they are told to end, they close the connections on which no request is under way. Among
them is one that was just accepted, whose request they have not read yet: it would get no answer.
"""

from __future__ import annotations

import asyncio
import functools

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

#: Seconds that the request of a connection may take to come, and in how many turns of the loop at least.
_MOMENT, _TURNS = 0.05, 5


def watch(module: ModuleType) -> None:
    """Do to a module that was imported what is to be done."""
    _SERVERS[module.__name__](module)


async def _moment() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(_MOMENT / _TURNS)


def _watch_uvicorn(module: ModuleType) -> None:
    """Have a server accept no more a moment before it closes what waits."""
    shutdown = module.Server.shutdown

    @functools.wraps(shutdown)
    async def accept_no_more_and_shut_down(self: Any, *arguments: Any, **named: Any) -> None:
        for server in self.servers:
            server.close()
        await _moment()
        await shutdown(self, *arguments, **named)

    module.Server.shutdown = accept_no_more_and_shut_down


def _watch_hypercorn(module: ModuleType) -> None:
    """Have connections that wait learn a moment later of the end. A request ends their wait."""
    initialize = module.WorkerContext.__init__

    @functools.wraps(initialize)
    def initialize_and_delay(self: Any, *arguments: Any, **named: Any) -> None:
        initialize(self, *arguments, **named)
        wait = self.terminated.wait

        async def wait_a_moment_longer() -> None:
            await wait()
            await _moment()

        self.terminated.wait = wait_a_moment_longer

    module.WorkerContext.__init__ = initialize_and_delay


_SERVERS = {
    "uvicorn.server": _watch_uvicorn,
    "hypercorn.asyncio.worker_context": _watch_hypercorn,
}
