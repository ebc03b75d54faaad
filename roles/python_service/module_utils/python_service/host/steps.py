# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Carry out the steps of a change, one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..errors import ServiceError
from ..layout import STAND_IN, Layout
from ..model import Release
from . import handover, history, invocations, record, secrets, store
from .decide import TARGET, Desired, Observed, Step
from .files import link, make_directory, remove, write
from .machine import Machine
from .prepare import prepare
from .proof import Started, prove
from .staging import stage
from .systemd import Systemd
from .trial import try_out


@dataclass(frozen=True)
class Request:
    """Who asks for what: ``what`` is ``deploy``, ``rollback`` or ``remove``, ``by`` user@controller.

    ``archive`` is the path of the release's parts on the host, where it lacks them.
    ``elsewhere`` is set where another host runs the commands that are to be run once:
    empty where they succeeded, else why they did not. ``instead_of`` is the release that is to
    be in place still, empty for none; None where that does not matter.
    """

    what: str
    by: str
    archive: str | None = None
    elsewhere: str | None = None
    instead_of: str | None = None


@dataclass(frozen=True)
class Change:
    """A change of a service that is under way: from what was observed to what is desired."""

    layout: Layout
    machine: Machine
    desired: Desired
    request: Request
    observed: Observed

    @property
    def systemd(self) -> Systemd:
        return self.machine.systemd

    def event(self, release: str | None, result: str, reason: str | None = None) -> history.Event:
        """What the history has to say of it."""
        last = history.in_place(self.observed.events)
        before = last.after if last else None
        return history.Event(self.request.what, before, release, result, self.request.by, reason)


class Hands:
    """Carries out steps."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._layout = change.layout
        self._systemd = change.systemd
        self._complaint = ""
        self._started: set[str] = set()
        self._listened: list[str] = []
        self._stand_ins: dict[str, str] = {}
        self._began = change.systemd.monotonic()
        self.done: list[Step] = []
        self.prepared: list[str] = []
        self.warnings: list[str] = []

    def carry_out(self, steps: Iterable[Step]) -> None:
        """Do them in order; the first that fails raises its error."""
        actions: Mapping[str, Callable[[Step], None]] = {
            "claim": self._claim,
            "make": self._make,
            "stage": self._stage,
            "keep": self._keep,
            "prepare": self._prepare,
            "try": self._try,
            "distrust": self._distrust,
            "set": self._set,
            "write": self._write,
            "remove": self._remove,
            "reload": self._reload,
            "reset": self._reset,
            "start": self._start,
            "stop": self._control,
            "disable": self._control,
            "enable": self._enable,
            "prove": self._prove,
            "link": self._link,
            "unlink": self._unlink,
            "record": self._record,
            "prune": self._prune,
        }
        for step in steps:
            self.done.append(step)
            actions[step.action](step)

    def _claim(self, _step: Step) -> None:
        record.claim(self._layout, self._change.observed.lacking)

    def _make(self, step: Step) -> None:
        kind, name = step.subjects
        accounts = self._change.machine.accounts
        if kind == "group":
            accounts.make_group(name)
        else:
            (group,) = (name for kind, name in self._change.desired.accounts if kind == "group")
            accounts.make_user(name, group, f"Service {self._layout.name}")

    def _stage(self, _step: Step) -> None:
        request, machine = self._change.request, self._change.machine
        self.warnings += stage(self._layout, self._release, request.archive, machine.accounts)

    def _keep(self, step: Step) -> None:
        history.append(self._layout, self._change.event(step.subjects[0], history.STAGED))

    def _prepare(self, step: Step) -> None:
        change = self._change
        (one,) = (one for one in change.desired.prepare if (one.command,) == step.subjects)
        elsewhere = change.request.elsewhere if one.once else None
        if elsewhere:
            raise ServiceError(elsewhere)
        if elsewhere is None:
            self.prepared.append(one.command)
            prepare(self._layout, change.machine, change.desired, one)
        event = change.event(self._release.id, history.PREPARED)._replace(command=one.command)
        history.append(self._layout, event)

    def _try(self, step: Step) -> None:
        change = self._change
        processes = [one for one in self._release.processes if one.unit in step.subjects]
        try_out(self._layout, change.machine, change.desired, processes)

    @property
    def _release(self) -> Release:
        if self._change.desired.release is None:
            raise ServiceError("a step needs a release, and none is desired")
        return self._change.desired.release

    def _distrust(self, step: Step) -> None:
        for unit in step.subjects:
            invocations.distrust(self._layout, unit, self._change.observed.units[unit].invocation)

    def _set(self, step: Step) -> None:
        _, name = step.subjects
        desired, accounts = self._change.desired, self._change.machine.accounts
        group = secrets.readers(desired.release, desired.not_honoured, accounts)
        secrets.put(self._layout, name, desired.secrets[name], group)

    def _write(self, step: Step) -> None:
        path = self._layout.unit(step.subjects[0])
        if path == self._layout.run:
            write(path, step.text, 0o755)
            return
        directory = os.path.dirname(path)
        if directory != self._layout.units:  # a drop-in has a directory of its own
            make_directory(directory)
        in_run = directory == self._layout.transient_units
        if in_run:
            self._stand_ins[step.subjects[0]] = step.text
        write(path, step.text, new=None if in_run else self._layout.new_unit)

    def _remove(self, step: Step) -> None:
        path = self._layout.unit(step.subjects[0])
        if path.endswith(".timer"):  # systemd keeps a file about it
            self._systemd.forget_runs(step.subjects)
        remove(path)
        invocations.forget(self._layout, step.subjects[0])
        directory = os.path.dirname(path)
        if directory.endswith(".d") and not os.listdir(directory):
            os.rmdir(directory)

    def _reload(self, _step: Step) -> None:
        self._systemd.control("daemon-reload")

    def _reset(self, step: Step) -> None:
        self._systemd.reset(step.subjects)

    def _start(self, step: Step) -> None:
        self._started.update(step.subjects)
        for unit, status in self._systemd.status(step.subjects).items():
            if self._systemd.listens(status):
                self._listened.append(unit)
        timers = [unit for unit in step.subjects if unit.endswith(".timer")]
        if timers:
            self._systemd.forget_runs(timers)
        # To restart a target is to restart what is a part of it.
        verb = "start" if step.subjects[0].endswith(TARGET) else "restart"
        try:
            self._systemd.control(verb, step.subjects)
        except ServiceError as error:
            # Whether it worked is for the proof to find out, which has better words.
            self._complaint = str(error)

    def _control(self, step: Step) -> None:
        self._systemd.control(step.action, step.subjects)

    def _enable(self, step: Step) -> None:
        # Anew, since what a unit is wanted by may have changed.
        self._systemd.control("reenable", step.subjects)

    def _prove(self, step: Step) -> None:
        release = self._release
        if step.subjects[0].endswith(STAND_IN):
            release = handover.standing_in(release, self._stand_ins)
        processes = [one for one in release.processes if one.unit in step.subjects]
        replaced = {
            unit: observed.invocation
            for unit, observed in self._change.observed.units.items()
            if unit in self._started
        }
        started = Started(replaced, self._complaint, self._began, self._listened)
        prove(self._layout, self._systemd, release, processes, started)

    def _link(self, step: Step) -> None:
        link(self._layout.current, os.path.join("releases", step.subjects[0]))

    def _unlink(self, _step: Step) -> None:
        remove(self._layout.current)

    def _record(self, step: Step) -> None:
        history.append(self._layout, self._change.event(step.subjects[0], step.text))

    def _prune(self, step: Step) -> None:
        kind, name = step.subjects
        layout = self._layout
        if kind == "release":
            remove(layout.release(name))
        elif kind == "secret":
            secrets.prune(layout, name)
        elif kind == "old value of":
            secrets.prune_before(layout, name)
        else:
            remove(layout.venv(name))
            store.prune(layout)
