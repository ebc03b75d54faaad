"""The work of the service: one thread that does one job after the other."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

HUNG_AFTER = 2.0
"""Seconds after which a job is taken to hang: every job here takes milliseconds."""


class Worker:
    """Does jobs in the order in which they come.

    The thread is a daemon: a job that hangs must not keep the process from ending.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Future[object], Callable[[], object]]]
        self._jobs = queue.SimpleQueue()
        self._busy_since: float | None = None
        threading.Thread(target=self._work, name="worker", daemon=True).start()

    def submit(self, job: Callable[[], object]) -> Future[object]:
        """Put a job in line; the future gives its result or raises its exception."""
        future: Future[object] = Future()
        self._jobs.put((future, job))
        return future

    def hangs(self) -> bool:
        """Tell whether the present job has run for longer than any should."""
        since = self._busy_since
        return since is not None and time.monotonic() - since > HUNG_AFTER

    def _work(self) -> None:
        while True:
            future, job = self._jobs.get()
            self._busy_since = time.monotonic()
            try:
                result = job()
            except BaseException as error:  # noqa: BLE001 (whoever waits for the future gets it)
                future.set_exception(error)
            else:
                future.set_result(result)
            self._busy_since = None
