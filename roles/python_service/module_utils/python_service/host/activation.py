# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Make a release the one that runs, prove that it does, and else put back what was there before.

What has to be done is found by looking at the host each time, never by
remembering what an earlier step changed: a run that was cut off is finished by
the next one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import replace

from ..errors import ServiceError, reason_of
from ..foreign import message
from ..layout import STAND_IN, Layout
from ..model import PARTS, Release
from . import history, trial, venv
from .decide import (
    TARGET,
    Desired,
    Observed,
    ObservedUnit,
    Step,
    decide,
    handover_told,
    lacking,
    startable,
)
from .isolation import on_this_host
from .journal import state
from .machine import Machine
from .observe import observe
from .outcome import Outcome, predict
from .processes import told_of
from .reasons import explain_words, subject_of
from .releases import read_release
from .sandbox import end_left
from .staging import clean
from .steps import Change, Hands, Request
from .trust import weakness

#: Steps by which nothing changes that runs.
_BEFOREHAND: Collection[str] = ("claim", "make", "distrust", "stage", "keep", "prepare", "try")
#: Steps that nothing that runs depends on: they come when the release counts.
_AFTERWARDS: Collection[str] = ("prune",)
_NOT_UNDONE = (
    "Its {} ran: what that changed outside of the release, as a migration does in a "
    "database, is not undone."
)


def activate(layout: Layout, machine: Machine, desired: Desired, request: Request) -> Outcome:
    """Make the host be as desired, from staging to pruning. The caller holds the lock.

    Raises `ServiceError` where that did not end well, after everything was put
    back; its facts are those of an `Outcome`.
    """
    untrusted = weakness(layout.releases, layout.host)
    if untrusted:
        raise ServiceError(
            f"{untrusted}, who could replace the service's code; have root own it, and nobody else write there"
        )
    end_left(layout, machine.systemd)
    trial.end_left(layout, machine.systemd)
    clean(layout)
    observed = observe(layout, machine, desired)
    change = Change(layout, machine, desired, request, observed)
    outcome = predict(layout, change.observed, desired)
    words = unfinished(layout, observed, desired) or _overtaken(observed, desired, request)
    if words:
        raise ServiceError(words)
    hands = Hands(change)
    try:
        hands.carry_out([step for step in outcome.steps if step.action not in _AFTERWARDS])
    except BaseException as error:
        # Any end but success goes back, whatever it was.
        raise _Failure(change, error, hands).put_back(hands.done) from error
    outcome.warnings += hands.warnings
    outcome.prepared = hands.prepared
    try:
        hands.carry_out([step for step in outcome.steps if step.action in _AFTERWARDS])
    except Exception as error:  # noqa: BLE001 - the deploy has ended well, whatever it was
        outcome.warnings.append(
            f"release {desired.id} is in place, but old releases could not be removed: {reason_of(error)}"
        )
    try:
        if desired.release:
            outcome.processes = told_of(layout, machine.systemd, desired.release)
    except Exception as error:  # noqa: BLE001 - likewise
        outcome.warnings.append(f"the result lacks the processes: {reason_of(error)}")
    return outcome


def unfinished(layout: Layout, observed: Observed, desired: Desired) -> str:
    """What has to be done before the parts of a deploy that are to be done now; empty where it is done."""
    left = lacking(observed, desired)
    if not left:
        return ""
    what = "prepared" if all(step.action == "prepare" for step in left) else "staged"
    return (
        f"release {desired.id} of {layout.name} is not {what} on this host; "
        "include the role with tasks_from: stage first"
    )


def _overtaken(observed: Observed, desired: Desired, request: Request) -> str:
    """Why what was planned is not to be done any more; empty where nobody else has deployed since then."""
    last = history.in_place(observed.events)
    now = last.after if last else None
    if last is None or request.instead_of is None or now in (request.instead_of, desired.id):
        return ""
    return (
        f"{last.by} has put release {now} in place while release {desired.id} was being prepared; "
        "what runs is untouched. Deploy again if yours is to take its place"
    )


class _Failure:
    """What is done and said where a deploy did not end well."""

    def __init__(self, change: Change, error: BaseException, hands: Hands) -> None:
        self._change = change
        self._hands = hands
        self._layout = change.layout
        self._reason = message(reason_of(error))

    def put_back(self, done: list[Step]) -> ServiceError:
        """Put back what was there before; the error that tells of it all."""
        with contextlib.suppress(Exception):  # then the next run does it
            trial.end_left(self._layout, self._change.systemd)
        tried = bool(done) and done[-1].action == "try"
        if not tried and all(step.action in _BEFOREHAND for step in done):
            self._note(history.FAILED)
            return self._untouched(done)
        self._note(history.REJECTED)
        ran = [
            *(["ExecStartPre="] if self._prepared(done) else []),
            *(["python_service_prepare"] if self._change.desired.prepare else []),
        ]
        lasting = [_NOT_UNDONE.format(" and ".join(ran))] if ran else []
        before = self._before()
        same = before is not None and before.id == self._change.desired.id
        renewed = self._renewed()
        if tried:
            return self._tried_in_vain(before, renewed if same else [], lasting)
        if before is not None and same and not renewed:
            # There is no other to go back to, and systemd goes on trying this one.
            words = f"There is no other release to go back to; the service is {self._state()}."
            return self._error([self._reason, *lasting, words], before.id)
        said = self._not_accepted(renewed if same else [])
        back, ending = self._go_back(before, done)
        if same and back:
            ending += " What its secrets were before is back."
        return self._error(
            [said, *lasting, ending], before.id if before else None, back=before if back else None
        )

    def _not_accepted(self, renewed: list[str]) -> str:
        values = f" with the new value of {', '.join(renewed)}" if renewed else ""
        return f"Release {self._change.desired.id} was not accepted{values}: {self._reason}"

    def _tried_in_vain(
        self, before: Desired | None, renewed: list[str], lasting: list[str]
    ) -> ServiceError:
        """The error that tells of what failed while what runs went on."""
        runs = f"Release {before.id}" if before else "What was there"
        ending = f"It was tried on sockets of its own: {runs} runs on, and was not touched."
        words = [self._not_accepted(renewed), *lasting, ending]
        return self._error(words, before.id if before else None)

    def _untouched(self, done: list[Step]) -> ServiceError:
        """The error that tells of what failed before anything that runs was touched."""
        release = self._change.desired.release
        if done and done[-1].action == "prepare":
            what, why = "prepared", []
            lasting = [_NOT_UNDONE.format("python_service_prepare")]
        else:
            what, lasting = "staged", []
            why = explain_words(subject_of(self._layout, release), self._reason) if release else []
        told = "\n".join([*why, self._reason])
        words = f"The release of {self._layout.name} could not be {what}: {told}"
        last = history.in_place(self._change.observed.events)
        return self._error(
            [words, *lasting, "What runs is untouched."], last.after if last else None
        )

    def _renewed(self) -> list[str]:
        """Names of the secrets with another value than what is to be put back had."""
        secrets = self._change.observed.secrets.items()
        wanted = self._change.desired.secrets
        return sorted(name for name, one in secrets if wanted.get(name, one.value) != one.proven)

    def _prepared(self, done: list[Step]) -> bool:
        """Whether commands have run that come before a process's own."""
        release = self._change.desired.release
        tried = [name for step in done if step.action == "try" for name in step.subjects]
        if release and any("\nExecStartPre=" in release.units[name] for name in tried):
            return True
        try:
            return self._change.systemd.prepared(sorted(_started(done)))
        except Exception:  # noqa: BLE001 - it is being told of another
            return False

    def _state(self) -> str:
        unit = self._layout.main_unit
        try:
            return state(self._change.systemd.status([unit])[unit])
        except Exception as error:  # noqa: BLE001 - it is being told of another
            return f"in a state that systemd did not tell: {reason_of(error)}"

    def _before(self) -> Desired | None:
        """What was there: the release that the history, the link or what runs tells of, as it was."""
        last = history.in_place(self._change.observed.events)
        counting = last.after if last else None
        others = [self._change.observed.current, *self._change.observed.running]
        candidates = [
            counting,
            # What runs of a first deploy that was cut off never counted.
            *(name for name in others if name == counting or name != self._change.desired.id),
        ]
        for name in candidates:
            release = self._whole(name) if name else None
            if release:
                before = as_it_was(self._change.observed, release, self._change.desired)
                return self._on_this_host(before)
        return None

    def _on_this_host(self, before: Desired) -> Desired:
        try:
            return on_this_host(self._layout, self._change.machine, before)
        except Exception:  # noqa: BLE001 - then as it was found, which the host could start
            units = self._change.observed.units.items()
            found = {name: unit.text for name, unit in units if "/" in name and unit.text}
            return replace(before, drop_ins=found, not_honoured=self._change.desired.not_honoured)

    def _whole(self, name: str) -> Release | None:
        """A release that can be gone back to, if that can be told."""
        try:
            release = read_release(self._layout, name)
            return release if release and venv.is_whole(self._layout, release.venv.id) else None
        except Exception:  # noqa: BLE001 - then it is none
            return None

    def _go_back(self, before: Desired | None, done: list[Step]) -> tuple[bool, str]:
        """Whether the release of before is back, and what runs now, as a sentence."""
        if before is None and history.in_place(self._change.observed.events):
            return (
                False,
                "No release to go back to is complete on the host; the new one stays in place.",
            )
        target = before or Desired(
            keep=self._change.desired.keep, spare=[str(self._change.desired.id)]
        )
        try:
            observed = _without(done, observe(self._layout, self._change.machine, target))
            back = replace(self._change, desired=target, observed=observed)
            steps = [step for step in decide(observed, target) if step.action != "record"]
            Hands(back).carry_out(steps)
        except BaseException as error:  # noqa: BLE001 - what it was is said, beside why it came to this
            what = f"Release {before.id}" if before else "What was there"
            return False, f"{what} was put back, but does not come up either:\n{reason_of(error)}"
        if before is None:
            return False, "It was the first one, so nothing runs, and nothing starts at boot."
        ending = "runs again" if before.active else "is back, stopped as it was"
        return True, f"Release {before.id} {ending}."

    def _note(self, result: str) -> None:
        """Write the history, if there is one: nothing more can be done about it than is being done."""
        event = self._change.event(self._change.desired.id, result, self._reason)
        with contextlib.suppress(Exception):
            history.append(self._layout, event)

    def _error(
        self, words: list[str], release: str | None, back: Desired | None = None
    ) -> ServiceError:
        """The error; ``release`` is the one that is in place now, ``back`` what was put back."""
        facts = Outcome(
            release=release,
            previous=history.previous(self._change.observed.events, release),
            restarted=bool(back and back.active),
            rolled_back=back is not None,
            prepared=self._hands.prepared,
            handover=handover_told(self._change.observed, self._change.desired),
            warnings=self._hands.warnings,
        ).facts()
        facts = {**facts, "changed": back is not None, "reason": self._reason}
        return ServiceError("\n".join(words), **facts)


def _started(done: list[Step]) -> set[str]:
    """Units that these steps start."""
    return {name for step in done if step.action == "start" for name in step.subjects}


def _without(done: list[Step], observed: Observed) -> Observed:
    """What is observed, but that no unit has done its work which was started for another release."""
    started = _started(done)
    units = {
        name: replace(unit, done=unit.done and name not in started)
        for name, unit in observed.units.items()
    }
    return replace(observed, units=units)


def was_enabled(units: Mapping[str, ObservedUnit]) -> bool:
    """Whether a service that has these units is started at boot; of one whose files are gone, it is taken to be."""
    told = [
        unit.enabled
        for name, unit in units.items()
        if unit.text is not None and "/" not in name and not name.endswith(STAND_IN)
    ]
    return "enabled" in told or not told


def was_started(observed: Observed) -> bool:
    """Whether anything of the service runs, failed, or has done its work: nobody has stopped it."""
    return any(
        unit.state != "inactive" or unit.done
        for name, unit in observed.units.items()
        if not name.endswith(TARGET)
    )


def as_it_was(observed: Observed, release: Release, like: Desired) -> Desired:
    """A release that runs if anything of the service did, and is enabled if anything was.

    Not each unit by itself: of a run that was cut off before, some may be stopped.
    """
    units = startable(release)
    own = {name: unit for name, unit in observed.units.items() if name in {*units, *like.texts}}
    runs = any(unit.state != "inactive" for name, unit in own.items() if not name.endswith(TARGET))
    return replace(
        like,
        release=release,
        active=units if runs else (),
        enabled=units if was_enabled(own) else (),
        spare=[*like.spare, *([like.id] if like.id else [])],
        prepare=(),
        tried=True,
        parts=PARTS,
        secrets={name: secret.proven for name, secret in observed.secrets.items()},
    )
