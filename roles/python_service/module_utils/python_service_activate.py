# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Make a release the one that runs, prove that it does, and else put the one before it back.

What has to be done is found by looking at the host each time, never by
remembering what an earlier step changed: a run that was cut off is finished by
the next one.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import python_service_history as history
from .python_service_accept import Refused, accept, explain
from .python_service_environment import is_whole
from .python_service_host import UNITS, Layout, read, run, show, temporary_name, write
from .python_service_lock import LockError, locked
from .python_service_record import read_record
from .python_service_verify import verify

#: Field of the journal, and of systemd's own record, that names the release of an invocation.
RELEASE_FIELD = "PYTHON_SERVICE_RELEASE"
#: Where PID 1 leaves what journald has to know of each invocation.
SYSTEMD_RECORDS = "/run/systemd/units"
_UP = ("active", "reloading")
_BUSY = (*_UP, "activating", "deactivating")  # the former also between two tries of a crash loop


class ActivationError(Exception):
    """A release that systemd refused, or that was not accepted; says why, and what runs now."""

    def __init__(self, message: str, *, rolled_back: bool) -> None:
        super().__init__(message)
        self.rolled_back = rolled_back


class Wanted(NamedTuple):
    """What should be so.

    ``units`` are the texts of the release's unit files by name, ``acceptance``
    what `python_service_accept.accept` asks of it.
    """

    release: str
    environment: str
    units: Mapping[str, str]
    acceptance: Mapping[str, Any]
    started: bool = True
    enabled: bool = True


class Plan(NamedTuple):
    """What has to be done for it to be so; all empty where it is so already."""

    units: dict[str, tuple[str, str]]  # by name: the text that is installed, the wanted one
    reload: bool
    start: bool
    stop: bool
    enable: bool
    disable: bool
    accept: bool

    @property
    def empty(self) -> bool:
        return not any(self)


def plan(layout: Layout, wanted: Wanted) -> Plan:
    """Compare the host with what is wanted."""
    units = {}
    for name, text in wanted.units.items():
        installed = read(os.path.join(UNITS, name)) or ""
        if installed != text:
            units[name] = (installed, text)
    status = show(layout.unit, "ActiveState", "NeedDaemonReload", "ExecMainStartTimestampMonotonic")
    right = (
        not units
        and status["ActiveState"] in _UP
        and running_release(layout.unit) == wanted.release
        and _changed_at(layout, wanted) <= _wall_time(status["ExecMainStartTimestampMonotonic"])
    )
    is_enabled = _is_enabled(layout)
    return Plan(
        units=units,
        reload=bool(units) or status["NeedDaemonReload"] == "yes",
        start=wanted.started and not right,
        stop=not wanted.started and status["ActiveState"] in _BUSY,
        # A static unit has nothing that enabling would do: its [Install] was emptied.
        enable=wanted.enabled and is_enabled not in ("enabled", "static"),
        disable=not wanted.enabled and is_enabled == "enabled",
        accept=layout.current_release() != wanted.release,
    )


def perform(
    layout: Layout, wanted: Wanted, event: Mapping[str, str], keep: int, *, check: bool
) -> dict[str, Any]:
    """Plan, carry out and prune, as one step under the lock; with ``check``, plan alone.

    ``event`` has ``what``, which is ``deploy`` or ``rollback``, and ``by``, who
    asked for it; ``keep`` is the number of releases that stay. The answer is
    what a module returns. Raises `ActivationError`, also where another step
    holds the lock.
    """
    if check:
        steps = plan(layout, wanted)
        pruned = history.prune(layout, keep, [wanted.release], check=True)
        return _answer(layout, wanted, steps, layout.current_release(), pruned)
    try:
        with locked(layout.name, event["by"]):
            steps = plan(layout, wanted)
            before = layout.current_release()
            try:
                _activate(layout, wanted, steps, event)
            finally:
                pruned = history.prune(layout, keep, [wanted.release], check=False)
            return _answer(layout, wanted, steps, before, pruned)
    except LockError as error:
        raise ActivationError(str(error), rolled_back=False) from error


def _answer(
    layout: Layout, wanted: Wanted, steps: Plan, before: str | None, pruned: list[str]
) -> dict[str, Any]:
    return {
        "changed": bool(pruned) or not steps.empty,
        "release": wanted.release,
        "previous": before if before != wanted.release else history.previous(layout),
        "restarted": steps.start,
        "rolled_back": False,
        "pruned": pruned,
        "diff": [
            {
                "before_header": os.path.join(UNITS, name),
                "after_header": os.path.join(UNITS, name),
                "before": before_text,
                "after": after_text,
            }
            for name, (before_text, after_text) in steps.units.items()
        ],
    }


def _activate(layout: Layout, wanted: Wanted, steps: Plan, event: Mapping[str, Any]) -> None:
    """Carry out a plan; when the release is not accepted, put the one before it back."""
    before = layout.current_release()
    as_before = {
        "started": show(layout.unit, "ActiveState")["ActiveState"] in _BUSY,
        "enabled": _is_enabled(layout) == "enabled",
    }
    event = {**event, "from": before, "to": wanted.release}
    try:
        _carry_out(layout, wanted, steps)
    except Refused as refusal:
        if before == wanted.release:
            # There is no other to go back to, and systemd goes on trying this one.
            words = f"{refusal}\nThere is no other release to go back to; it is {explain(layout)}."
            raise ActivationError(words, rolled_back=False) from refusal
        history.append(layout, **event, result=history.REJECTED, reason=str(refusal))
        words = _go_back(layout, before, **as_before)
        message = f"Release {wanted.release} was not accepted.\n{refusal}\n{words}"
        raise ActivationError(message, rolled_back=before is not None) from refusal
    if before != wanted.release:
        result = history.ACCEPTED if wanted.started else history.STOPPED
        history.append(layout, **event, result=result)
        _link(layout, wanted.release)


def stored(layout: Layout, release: str) -> Wanted:
    """What a release on the host asks for itself, as it was published."""
    facts = layout.release_facts(release)
    if facts is None:
        raise ActivationError(f"release {release} is not on the host", rolled_back=False)
    directory = os.path.join(layout.release(release), "units")
    return Wanted(
        release=release,
        environment=facts["environment"],
        units={name: read(os.path.join(directory, name)) or "" for name in os.listdir(directory)},
        acceptance=facts["acceptance"],
        enabled=_is_enabled(layout) == "enabled",
    )


def roll_back(name: str, release: str | None, by: str, keep: int, *, check: bool) -> dict[str, Any]:
    """Go back to the release before the current one, or to a named one; as `perform`."""
    record = read_record(name)
    if record is None:
        raise ActivationError(f"{name} is no service of the role on this host", rolled_back=False)
    layout = Layout(record.root, name)
    wanted = _rollback_target(layout, release)
    return perform(layout, wanted, {"what": "rollback", "by": by}, keep, check=check)


def _rollback_target(layout: Layout, release: str | None) -> Wanted:
    """What to go back to; raises `ActivationError` for what was never accepted or is not whole."""
    target = release or history.previous(layout)
    good = [name for name in history.accepted(layout) if name != target]
    others = ", ".join(name for name in good if layout.release_facts(name)) or "none"
    if target is None:
        words = f"{layout.name} has no release to go back to from {layout.current_release()}"
        raise ActivationError(words, rolled_back=False)
    if target not in history.accepted(layout):
        words = f"release {target} of {layout.name} was never accepted; those that were: {others}"
        raise ActivationError(words, rolled_back=False)
    facts = layout.release_facts(target)
    if facts is None or not is_whole(layout, facts["environment"]):
        words = (
            f"release {target} of {layout.name} is no longer whole on the host; others: {others}"
        )
        raise ActivationError(words, rolled_back=False)
    wanted = stored(layout, target)
    refusals, _ = verify(wanted.units)
    if refusals:  # systemd may have changed since it was deployed
        words = "\n".join([f"systemd refuses the units of {target} now:", *refusals])
        raise ActivationError(words, rolled_back=False)
    return wanted


def running_release(unit: str) -> str | None:
    """Release of the invocation that runs, or that an active oneshot ran.

    PID 1 writes each invocation's ``LogExtraFields=`` (systemd.exec(5)) where
    journald reads them: a 64-bit little-endian length before each field. It is
    what the service was started with, whatever has been loaded since.
    """
    try:
        with open(f"{SYSTEMD_RECORDS}/log-extra-fields:{unit}", "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return None
    while data:
        (length,) = struct.unpack_from("<Q", data)
        name, _, value = data[8 : 8 + length].partition(b"=")
        if name == RELEASE_FIELD.encode():
            return value.decode()
        data = data[8 + length :]
    return None


def _carry_out(layout: Layout, wanted: Wanted, steps: Plan) -> None:
    for name, (_, text) in steps.units.items():
        write(os.path.join(UNITS, name), text)
    if steps.reload:
        _systemctl("daemon-reload")
    if steps.stop:
        _systemctl("stop", layout.unit)
    if steps.disable:
        _systemctl("disable", "--quiet", layout.unit)
    if steps.start:
        # Without it, a service that crashed often enough before is not even tried.
        run(["systemctl", "reset-failed", layout.unit])
        # Whether it worked is for accept() to find out: for most types, 0 says little.
        run(["systemctl", "restart", layout.unit])
    if wanted.started and (steps.start or steps.accept):
        accept(layout, wanted.acceptance)
    # Only what came up is started at boot.
    if wanted.enabled and (steps.enable or steps.units or steps.accept):
        # Anew, since what a unit is wanted by may have changed.
        _systemctl("reenable", "--quiet", layout.unit)


def _go_back(layout: Layout, before: str | None, *, started: bool, enabled: bool) -> str:
    """Put the release of before back by the same steps; says what runs now."""
    if before is None or layout.release_facts(before) is None:
        run(["systemctl", "disable", "--now", "--quiet", layout.unit])
        run(["systemctl", "reset-failed", layout.unit])
        return "It was the first one, so nothing runs, and nothing will at boot."
    wanted = stored(layout, before)._replace(started=started, enabled=enabled)
    try:
        _carry_out(layout, wanted, plan(layout, wanted))
    except Refused as refusal:
        return f"Release {before} was put back and does not come up either:\n{refusal}"
    return f"Release {before} {'runs again' if started else 'is back, stopped as it was'}."


def _is_enabled(layout: Layout) -> str:
    return run(["systemctl", "is-enabled", layout.unit]).stdout.strip()


def _changed_at(layout: Layout, wanted: Wanted) -> float:
    """When what a process is started from was last written, in seconds since the epoch.

    A unit that was edited by hand and is put right, an environment that was
    rebuilt: what was started before is not of them.
    """
    files = [os.path.join(UNITS, name) for name in wanted.units]
    files += [layout.release_mark(wanted.release), layout.environment_mark(wanted.environment)]
    return max((os.stat(path).st_mtime for path in files if os.path.exists(path)), default=0.0)


def _wall_time(monotonic: str) -> float:
    """Seconds since the epoch of one of systemd's monotonic stamps, in microseconds."""
    return time.time() - time.monotonic() + int(monotonic or 0) / 1e6


def _link(layout: Layout, release: str) -> None:
    temporary = temporary_name(layout.current)
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink(os.path.join("releases", release), temporary)
    os.rename(temporary, layout.current)


def _systemctl(*words: str) -> None:
    result = run(["systemctl", *words])
    if result.returncode != 0:
        raise Refused(f"systemctl {' '.join(words)} failed: {result.stderr.strip()}")
