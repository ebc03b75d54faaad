"""The work of the service: one thread that does one job after the other."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Worker(threading.Thread):
    """Does jobs in the order in which they come.

    It is a daemon, so that a job that hangs cannot keep the process from ending.
    """

    def __init__(self) -> None:
        super().__init__(name="worker", daemon=True)
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self.start()

    def submit(self, job: Callable[[], Any]) -> Future[Any]:
        """Put a job in line; the future gives its result or raises its exception."""
        future: Future[Any] = Future()
        self._jobs.put((job, future))
        return future

    def run(self) -> None:
        """Do jobs for ever."""
        while True:
            job, future = self._jobs.get()
            try:
                future.set_result(job())
            except Exception as error:  # noqa: BLE001 (whoever waits for the future gets it)
                future.set_exception(error)
