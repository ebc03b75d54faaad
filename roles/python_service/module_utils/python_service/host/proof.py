# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Whether processes that were started can be taken for running: ready, staying up, healthy."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from ..errors import ServiceError
from ..layout import Layout
from ..model import Process, Release
from . import journal, reasons
from .health import asking
from .releases import read_release
from .systemd import UP, Status, Systemd

_EVERY = 0.25  # seconds between two looks
_LEAST = 1.0  # seconds that an answer may take, also when the time is nearly over
#: Seconds for which a process has to stay up of which something says that it may not. gunicorn
#: gives up after five seconds where its address is taken.
_DOUBTED = 15.0
#: Seconds for which one has to stay up that says itself that it is ready: some say so too early.
_READY = 1.0


class Started(NamedTuple):
    """What was started anew: the invocations, by their units, that should have given way.

    ``complaint`` is what systemd said when it was told so, ``since`` when that
    was, in seconds as `Systemd.monotonic` gives it. ``listened`` are units
    whose process accepted connections before.
    """

    replaced: Mapping[str, str]
    complaint: str = ""
    since: float = 0.0
    listened: Collection[str] = ()


def prove(
    layout: Layout,
    systemd: Systemd,
    release: Release,
    processes: Sequence[Process],
    started: Started,
) -> None:
    """Return when all processes are proven, side by side; raise `ServiceError` when one is not.

    A process is proven when it runs the release, has been up for `Process.settle` seconds,
    of which one is enough where it tells systemd itself that it is ready, and then is healthy.
    Where no health check tells, one that speaks of errors, or accepts no
    connections while the one before it did, is watched for longer.
    A job is when its timer is armed.
    """
    watched = [_Watched(layout, systemd, release, process, started) for process in processes]
    for one in watched:
        one.expect_socket()
        one.expect_up(first=True)
        one.expect_new()
    for one in watched:
        one.settle()
    for one in watched:
        one.expect_health()
    for one in watched:
        one.dispel_doubt()
    for one in watched:  # while others were waited for, it may have gone
        one.expect_up()


class _Watched:
    """One process, and the invocation of it that is to be proven."""

    def __init__(
        self,
        layout: Layout,
        systemd: Systemd,
        release: Release,
        process: Process,
        started: Started,
    ) -> None:
        self._layout = layout
        self._systemd = systemd
        self._release = release
        self._process = process
        self._started = started
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
            # systemd forgets what a unit did that nothing refers to; a job that failed, it tells.
            and not self._is_complained_of()
        )
        if up and now["InvocationID"] == self._first["InvocationID"]:
            return
        # The first invocation is the one that failed: a restart may be under way already.
        reached = now["ExecMainStartTimestampMonotonic"] not in ("", "0")
        self._refuse(f"did not stay up: {journal.state(now)}{'' if reached else self._complaint}")

    def _is_complained_of(self) -> bool:
        name = rf"(?<![\w.@:\\-]){re.escape(self._unit)}(?!\w)"
        return bool(re.search(name, self._started.complaint))

    @property
    def _complaint(self) -> str:
        return f": {self._started.complaint}" if self._started.complaint else ""

    def expect_new(self) -> None:
        """Refuse a process that was there before and should have been replaced."""
        stays = self._started.replaced.get(self._unit) == self._first["InvocationID"] != ""
        if self._process.timer or (self._first["ActiveState"] not in UP and not stays):
            return
        running = self._systemd.release_of(self._unit, self._first)
        if stays or not self._is_the_same(running):
            self._refuse(f"was not restarted, and still runs release {running}{self._complaint}")

    def expect_socket(self) -> None:
        """Refuse a process whose socket is not open: it may be up all the same."""
        socket = self._process.socket
        if not socket or self._systemd.status([socket])[socket]["ActiveState"] in UP:
            return
        self._systemd.sync_journal()
        entries = self._systemd.journal(["_UID=0", f"UNIT={socket}"], self._started.since)
        words = journal.Said("systemd says:", entries).lines() if entries else []
        raise ServiceError("\n".join([f"{socket} does not listen{self._complaint}", *words]))

    def _is_the_same(self, running: str | None) -> bool:
        """Whether what runs is the release, or one that starts the same."""
        if running == self._release.id:
            return True
        found = read_release(self._layout, running) if running else None
        wanted = self._release.fingerprint(self._unit)
        return (
            found is not None
            and self._unit in found.units
            and found.fingerprint(self._unit) == wanted
        )

    @property
    def _settles(self) -> bool:
        """Whether time has to tell if the process stays up: it is neither a job nor ended by now."""
        return self._first["Type"] != "oneshot" and not self._process.timer

    @property
    def _up_since(self) -> float:
        return int(self._first["ActiveEnterTimestampMonotonic"] or 0) / 1e6

    def settle(self) -> None:
        """Watch a process until it has been up long enough."""
        if self._settles:
            says_so = self._first["Type"] == "notify"
            seconds = self._process.settle
            self._watch(self._up_since + (min(seconds, _READY) if says_so else seconds))

    def dispel_doubt(self) -> None:
        """Watch a process for longer of which nothing but its being up says that it serves."""
        if not self._settles or self._process.health or not self._process.settle:
            return
        end = self._up_since + _DOUBTED
        if self._speaks_of_errors():
            self._watch(end)
        while self._accepts_nothing() and self._systemd.monotonic() < end:
            self._watch(self._systemd.monotonic() + _EVERY)

    def _speaks_of_errors(self) -> bool:
        errors = [f"_SYSTEMD_INVOCATION_ID={self._first['InvocationID']}", "--priority", "err"]
        return self._unit in self._started.replaced and bool(self._systemd.journal(errors))

    def _accepts_nothing(self) -> bool:
        """Whether it listens to nobody, while the one before it did."""
        if self._process.socket:  # systemd does it
            return False
        return self._unit in self._started.listened and not self._systemd.listens(self._status())

    def _watch(self, end: float) -> None:
        """Have it stay up until then."""
        while self._systemd.monotonic() < end:
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
        """Say what is wrong, and above it why, where that can be told from what was said."""
        found = [
            *journal.said(
                self._systemd,
                self._unit,
                self._first["InvocationID"],
                self._release.id,
                self._started.since,
            )
        ]
        subject = reasons.subject_of(self._layout, self._release, self._process.unit)
        why = reasons.explain(subject, self._first, [said.entries for said in found])
        words = found[0].lines() if found else ["Its journal is empty."]
        raise ServiceError("\n".join([*why, f"{self._unit} {reason}", *words]))
