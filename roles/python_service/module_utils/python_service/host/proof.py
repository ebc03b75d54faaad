# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Whether processes that were started can be taken for running: ready, staying up, healthy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from ..errors import ServiceError
from ..layout import Layout
from ..model import Process, Release
from . import journal
from .health import asking
from .releases import read_release
from .systemd import UP, Status, Systemd

_EVERY = 0.25  # seconds between two looks
_LEAST = 1.0  # seconds that an answer may take, also when the time is nearly over


class Started(NamedTuple):
    """What was started anew: the invocations, by their units, that should have given way.

    ``complaint`` is what systemd said when it was told so.
    """

    replaced: Mapping[str, str]
    complaint: str = ""


def prove(
    layout: Layout,
    systemd: Systemd,
    release: Release,
    processes: Sequence[Process],
    started: Started,
) -> None:
    """Return when all processes are proven, side by side; raise `ServiceError` when one is not.

    A process is proven when it runs the release, has been up for `Process.settle` seconds
    where it does not tell systemd itself that it is ready, and then is healthy.
    A job is when its timer is armed.
    """
    watched = [_Watched(layout, systemd, release, process) for process in processes]
    for one in watched:
        one.expect_up(first=True)
        one.expect_new(started)
        one.expect_socket(started)
    for one in watched:
        one.settle()
    for one in watched:
        one.expect_health()
    for one in watched:  # while others were waited for, it may have gone
        one.expect_up()


class _Watched:
    """One process, and the invocation of it that is to be proven."""

    def __init__(
        self, layout: Layout, systemd: Systemd, release: Release, process: Process
    ) -> None:
        self._layout = layout
        self._systemd = systemd
        self._release = release
        self._process = process
        self._unit = process.timer or process.unit
        self._first = self._status()

    def _status(self) -> Status:
        return self._systemd.status([self._unit])[self._unit]

    def expect_up(self, *, first: bool = False) -> None:
        """Refuse a process that is not up, or not in the invocation that is being proven."""
        now = self._first if first else self._status()
        up = now["ActiveState"] in UP or (
            # A oneshot without RemainAfterExit= that has done its work.
            now["Type"] == "oneshot"
            and now["ActiveState"] == "inactive"
            and now["Result"] == "success"
        )
        if up and now["InvocationID"] == self._first["InvocationID"]:
            return
        # The first invocation is the one that failed: a restart may be under way already.
        self._refuse(f"did not stay up: {journal.state(now)}")

    def expect_new(self, started: Started) -> None:
        """Refuse a process that was there before and should have been replaced."""
        stays = started.replaced.get(self._unit) == self._first["InvocationID"] != ""
        if self._process.timer or (self._first["ActiveState"] not in UP and not stays):
            return
        running = self._systemd.release_of(self._unit, self._first)
        if stays or self._fingerprint(running) != self._release.fingerprint(self._unit):
            words = f": {started.complaint}" if started.complaint else ""
            self._refuse(f"was not restarted, and still runs release {running}{words}")

    def expect_socket(self, started: Started) -> None:
        """Refuse a process whose socket is not open: it may be up all the same."""
        socket = self._process.socket
        if socket and self._systemd.status([socket])[socket]["ActiveState"] not in UP:
            raise ServiceError(f"{socket} does not listen: {started.complaint}")

    def _fingerprint(self, release: str | None) -> str | None:
        found = read_release(self._layout, release) if release else None
        return found.fingerprint(self._unit) if found and self._unit in found.units else None

    def settle(self) -> None:
        """Watch a process that does not tell systemd of its readiness until it has been up long enough."""
        if self._first["Type"] != "exec" or self._process.timer:
            return
        started = int(self._first["ExecMainStartTimestampMonotonic"] or 0) / 1e6
        while self._systemd.monotonic() < started + self._process.settle:
            self._systemd.sleep(_EVERY)
            self.expect_up()

    def expect_health(self) -> None:
        """Ask until the process is healthy, or the time for it is over."""
        health = self._process.health
        if health is None or self._process.timer:
            return
        deadline = self._systemd.monotonic() + health.timeout
        with ExitStack() as stack:
            ask = stack.enter_context(
                asking(self._layout, self._systemd, self._release, self._process, health)
            )
            while True:
                answer = ask(max(deadline - self._systemd.monotonic(), _LEAST))
                self.expect_up()
                if answer is None:
                    return
                if self._systemd.monotonic() >= deadline:
                    self._refuse(f"is up, but not healthy: {answer}")
                self._systemd.sleep(_EVERY)

    def _refuse(self, reason: str) -> None:
        words = journal.words(self._systemd, self._unit, self._first["InvocationID"])
        raise ServiceError("\n".join([f"{self._unit} {reason}", *words]))
