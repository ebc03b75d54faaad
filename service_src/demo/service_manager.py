"""What the process tells systemd, and what it knows about its unit."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from demo.work import Worker

try:
    from systemd_handler import notify
except ImportError:

    def notify(**_fields: str | int) -> bool:
        """Tell nobody: without the package there is no way to."""
        return False


LOG = logging.getLogger(__name__)


def tell(**fields: str | int) -> None:
    """Send `fields` to systemd if it listens; a service must outlive a message that fails."""
    try:
        notify(**fields)
    except OSError as error:
        LOG.warning("systemd cannot be told %s: %s", fields, error)


class Reporter:
    """Keeps systemd informed from inside the serving loop.

    A watchdog ping starts in the serving loop and is sent by the worker, so it needs both:
    when either hangs, the pings stop and systemd ends the process.
    """

    def __init__(self, worker: Worker, describe: Callable[[], str], watchdog: float | None) -> None:
        """`describe` gives the text of STATUS=; `watchdog` is systemd's limit in seconds."""
        self._worker = worker
        self._describe = describe
        self._interval = None if watchdog is None else watchdog / 2
        self._next_ping = 0.0
        self._ping: Future[object] | None = None
        self._status = ""

    @property
    def poll_interval(self) -> float:
        """How often, in seconds, `tick` has to be called."""
        return 0.5 if self._interval is None else min(0.5, self._interval / 4)

    def tick(self) -> None:
        """Send what is due; never waits."""
        status = self._describe()
        if status != self._status:
            self._status = status
            tell(STATUS=status)
        if self._interval is not None and time.monotonic() >= self._next_ping:
            self._request_ping(self._interval)

    def _request_ping(self, interval: float) -> None:
        if self._ping is None or self._ping.done():
            self._next_ping = time.monotonic() + interval
            self._ping = self._worker.submit(partial(tell, WATCHDOG=1))


def own_unit() -> str | None:
    """Give the name of the service unit in which this process runs, e.g. "demo"."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return unit_of(lines)


def unit_of(cgroups: Iterable[str]) -> str | None:
    """Find the service in the lines of a cgroup file: `ID:CONTROLLERS:/PATH`, see cgroups(7)."""
    for line in cgroups:
        for part in reversed(line.split(":", 2)[-1].split("/")):
            if part.endswith(".service"):
                return part[: -len(".service")]
    return None


def journal_command(unit: str | None, arguments: str) -> str:
    """Give the command that shows the entries of `unit`, or of this process without one."""
    selection = f"_PID={os.getpid()}" if unit is None else f"-u {unit}"
    return f"journalctl {selection} {arguments}"
