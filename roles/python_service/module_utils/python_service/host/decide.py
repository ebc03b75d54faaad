# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What has to be done for a host to be as it is wanted: a pure function of both.

A deploy, a way back and a removal differ in what is desired, and in nothing
else. Check mode shows the steps, and a run carries them out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..layout import STAND_IN
from ..model import PARTS, Prepared, Process, Release, anonymous, release_from_json
from . import handover, history
from .history import Event
from .secrets import Secret, secrets_from
from .systemd import BUSY, UP

#: A kind, ``group`` or ``user``, and a name.
Account = tuple[str, str]
#: How the name of a unit ends that stands for all others of the service.
TARGET = ".target"
#: The order in which units start: what triggers others comes first, and then all services side by side.
_KINDS = ((".socket", ".timer"), (".service",), (TARGET,))
#: States of a unit's file for which enabling has nothing to do, or is done.
_SETTLED = ("enabled", "static", "indirect", "generated", "alias")


@dataclass(frozen=True)
class ObservedUnit:
    """A unit, or a drop-in of one, as it is on the host.

    ``text`` is None where it is not installed, ``state`` is systemd's
    ``ActiveState``, ``enabled`` its ``UnitFileState``, ``fragment`` the path of the
    file that systemd loaded. ``release`` is the id of the release that its
    invocation was started from, and ``runs`` the fingerprint of that (`Release.fingerprint`),
    None where nothing runs, or where that cannot be told or is not whole any more.
    ``done`` says that it has come to its end, well, as a oneshot does; then
    ``runs`` is of the release that counts.
    """

    text: str | None = None
    state: str = "inactive"
    enabled: str = ""
    reload: bool = False
    release: str | None = None
    runs: str | None = None
    invocation: str = ""
    fragment: str = ""
    done: bool = False


class Held(NamedTuple):
    """What a release needs besides itself: the id of its venv, and names of secrets."""

    venv: str
    secrets: Collection[str] = ()

    @classmethod
    def by(cls, release: Release) -> Held:
        return cls(release.venv.id, release.secrets)


@dataclass(frozen=True)
class Observed:
    """What is on the host of a service.

    ``units`` are those that are the service's or are wanted to be, by name.
    ``current`` is the release that people are shown. ``releases`` are those on
    the host with what they need, ``unreadable`` those of which that cannot be
    told. ``secrets`` are those on the host by name. ``built`` says that the venv of
    the wanted release is there and whole, ``staged`` that the release is as well,
    ``claimed`` that the host has noted that the service is the role's, and
    ``lacking`` are wanted accounts that the host does not have. ``commands`` are the
    units of commands that people run, with the releases that these were started in.
    """

    units: Mapping[str, ObservedUnit] = field(default_factory=dict)
    current: str | None = None
    events: tuple[Event, ...] = ()
    releases: Mapping[str, Held] = field(default_factory=dict)
    unreadable: Collection[str] = ()
    venvs: Collection[str] = ()
    secrets: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    built: bool = True
    staged: bool = True
    claimed: bool = True
    lacking: tuple[Account, ...] = ()
    commands: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def running(self) -> list[str]:
        """Releases that processes were started from."""
        return sorted({unit.release for unit in self.units.values() if unit.release})


@dataclass(frozen=True)
class Desired:
    """What a host should have of a service; without a ``release``, nothing that runs.

    ``drop_ins`` are what this host adds to the release's units, ``scripts`` what people
    execute there, and ``not_honoured``
    the directives that it has no way to honour. ``active`` are the
    units that are to run and ``enabled`` those to be started at boot. ``keep``
    is how many releases that were in place stay, and ``spare`` are others that do.
    ``accounts`` are those that it runs as, a user after its group. ``secrets`` are
    the values that the host is to have, by name; others stay as they are.
    ``prepare`` are the commands that come before the release is activated, and ``tried``
    says that it need not be tried any more: it ran before what it is to take the place of.
    Of it all, only ``parts`` are to be done now.
    """

    release: Release | None = None
    drop_ins: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    not_honoured: Sequence[str] = ()
    active: Collection[str] = ()
    enabled: Collection[str] = ()
    keep: int = 1
    spare: Collection[str] = ()
    accounts: tuple[Account, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    prepare: tuple[Prepared, ...] = ()
    tried: bool = False
    parts: Collection[str] = PARTS

    @classmethod
    def of(cls, release: Release, *, started: bool, enabled: bool, keep: int) -> Desired:
        """A release with all of its processes, running or not."""
        units = startable(release)
        return cls(
            release, active=units if started else (), enabled=units if enabled else (), keep=keep
        )

    @classmethod
    def from_options(cls, given: Mapping[str, Any]) -> Desired:
        """What the options of a module that looks at or makes a deploy want (`module.DEPLOY_OPTIONS`)."""
        release = release_from_json(given["release"])
        desired = cls.of(
            release,
            started=given["state"] == "started",
            enabled=given["enabled"],
            keep=given["keep_releases"],
        )
        accounts = (("group", given["group"]), ("user", given["user"]))
        return replace(
            desired,
            accounts=accounts,
            secrets=secrets_from(given["secrets"]),
            prepare=release.prepare,
            parts=given["parts"],
        )

    @property
    def id(self) -> str | None:
        return self.release.id if self.release else None

    @property
    def texts(self) -> dict[str, str]:
        """Everything that is to be installed, by name."""
        units = self.release.units if self.release else {}
        return {**units, **self.drop_ins, **self.scripts}


class Step(NamedTuple):
    """One thing to do: a word for it, and what to do it to.

    ========== ===========================================================
    claim      note that the service is the role's, and what accounts it makes
    make       a group or a user
    stage      make a release, and its venv, from what was sent
    keep       a release, until it is activated or another one is staged
    prepare    a release, by a command
    try        processes, by their units, on sockets of their own
    distrust   note that the running invocations of units are out of date
    stop       units
    disable    units
    set        the value of a secret
    write      the file of a unit, or a script; ``text`` is the new one
    remove     the file of a unit, or a script
    reload     systemd's own view of the units
    reset      the count of failed starts of units
    start      units, or anew what already runs
    prove      that processes are up, by their units
    enable     units
    link       the release that people are shown
    unlink     likewise, where there is none any more
    record     the result of it in the history; ``text`` is the result
    prune      a release, a venv, a secret or a value of before that nobody needs
    ========== ===========================================================
    """

    action: str
    subjects: tuple[str, ...] = ()
    text: str = ""

    def __str__(self) -> str:
        return " ".join([self.action, *self.subjects])


def started_units(process: Process) -> tuple[str, ...]:
    """The units that are started for a process, in this order."""
    if process.timer:
        return (process.timer,)
    return (process.socket, process.unit) if process.socket else (process.unit,)


def startable(release: Release) -> list[str]:
    """All units of a release that are started, and that may be enabled."""
    units = [unit for process in release.processes for unit in started_units(process)]
    return [*units, *(name for name in release.units if name.endswith(TARGET))]


def decide(observed: Observed, desired: Desired) -> list[Step]:
    """The steps from what is observed to what is desired, in order; none where it is so."""
    decision = _Decision(observed, desired)
    parts = {"stage": decision.stage, "prepare": decision.prepare, "activate": decision.activate}
    return [step for part in PARTS if part in desired.parts for step in parts[part]()]


def handover_told(observed: Observed, desired: Desired) -> str:
    """Whether another of each process that has sockets serves while it is started anew, or why not."""
    decision = _Decision(observed, desired)
    processes = desired.release.processes if desired.release else ()
    anew = [process for process in processes if decision.starts(process.unit)]
    if not anew or "activate" not in desired.parts:
        return "not needed: nothing is started anew"
    with_sockets = [process for process in anew if process.socket]
    if not with_sockets:
        return "not used: what is started anew has no python_service_listen"
    left = [
        f"not used for {process.unit}: {why}"
        for process in with_sockets
        for why in [decision.why_stalled(process)]
        if why
    ]
    return "; ".join(left) or "used"


def lacking(observed: Observed, desired: Desired) -> list[Step]:
    """The steps of those parts that have to be done before the ones that are to be done now."""
    before = PARTS[: min(PARTS.index(part) for part in desired.parts)]
    return decide(observed, replace(desired, parts=before)) if before else []


def prune(observed: Observed, desired: Desired, lasting: Collection[str]) -> Iterator[Step]:
    """The releases, and then the venvs, that nobody needs once it is as desired.

    ``lasting`` are releases that processes go on running from.
    """
    recent = [name for name in history.placed(observed.events) if name != desired.id]
    if desired.release:
        recent.append(desired.release.id)
    stay = {
        *recent[-desired.keep :],
        *desired.spare,
        *lasting,
        desired.id,
        history.previous(observed.events, desired.id),
        _waiting(observed, desired),
    }
    present = {*observed.releases, *observed.unreadable}
    unwanted = sorted(present - stay)
    yield from (Step("prune", ("release", name)) for name in unwanted)
    if not stay & set(observed.unreadable) - {desired.id}:
        # What an unreadable release needs is not known: then all of them stay.
        held = [held for name, held in observed.releases.items() if name in stay]
        if desired.release:
            held.append(Held.by(desired.release))
        for name in sorted(set(observed.venvs) - {one.venv for one in held}):
            yield Step("prune", ("venv", name))
        # A secret may be needed on the way back to a release, also where no newer one has it.
        for name in sorted(set(observed.secrets).difference(*(one.secrets for one in held))):
            yield Step("prune", ("secret", name))
    if desired.release:
        for name in renewed(observed, desired):
            yield Step("prune", ("old value of", name))


def _waiting(observed: Observed, desired: Desired) -> str | None:
    """The staged release that stays; none where another is activated, which then was staged after it."""
    last = history.in_place(observed.events)
    in_place = last is not None and last.after == desired.id
    return history.staged(observed.events) if "stage" in desired.parts or in_place else None


def renewed(observed: Observed, desired: Desired) -> list[str]:
    """Names of the secrets of which the service has not proven that it works with the value that they are to have."""
    return sorted(
        name
        for name, secret in observed.secrets.items()
        if secret.before is not None or desired.secrets.get(name, secret.value) != secret.value
    )


class _Decision:
    """The parts of `decide`, which look at the same two things."""

    def __init__(self, observed: Observed, desired: Desired) -> None:
        self._observed = observed
        self._desired = desired
        self._texts = desired.texts
        units = [
            name
            for name in {**observed.units, **self._texts}
            if "/" not in name and not name.endswith(STAND_IN)
        ]
        #: Units in the order of systemd's own dependencies: what triggers others comes first.
        self._units = sorted(units, key=lambda name: (name.endswith(".service"), name))
        self._written = [
            name for name, text in self._texts.items() if self._unit(name).text != text
        ]
        self._orphans = [
            name
            for name, unit in observed.units.items()
            if unit.text is not None and name not in self._texts and not name.endswith(STAND_IN)
        ]
        self._rewritten = {
            name.partition(".d/")[0]
            for name in [*self._written, *self._orphans]
            if self._differs(name)
        }
        self._to_set = [
            name
            for name, value in desired.secrets.items()
            if observed.secrets.get(name, Secret("", closed=False))[:2] != (value, True)
        ]
        processes = desired.release.processes if desired.release else ()
        self._rewritten.update(
            process.unit for process in processes if any(map(self._is_renewed, process.secrets))
        )
        self._to_start = [name for name in self._units if self._has_to_start(name)]
        self._accepted = self._is_accepted()
        self._handed = [process for process in processes if not self.why_stalled(process)]

    def stage(self) -> Iterator[Step]:
        desired, observed = self._desired, self._observed
        if desired.release and (observed.lacking or not observed.claimed):
            yield Step("claim")
        yield from (Step("make", account) for account in observed.lacking)
        if desired.release and not observed.staged:
            yield from self._many(
                "distrust", [name for name in self._units if self._runs_from_ruins(name)]
            )
            yield Step("stage", (desired.release.id,))
        if desired.release and "activate" not in desired.parts and not self._is_kept():
            yield Step("keep", (desired.release.id,))

    def prepare(self) -> Iterator[Step]:
        done = history.prepared(self._observed.events, self._desired.id)
        for one in self._desired.prepare:
            if one.command not in done:
                yield Step("prepare", (one.command,))

    def activate(self) -> Iterator[Step]:
        desired, observed = self._desired, self._observed
        outdated = [
            name
            for name in self._to_start
            if name in self._rewritten and self._unit(name).state in BUSY
        ]
        commands = () if desired.release else observed.commands
        stopped = [name for name in self._units if self._has_to_stop(name)]
        ended = [name for name in stopped if not name.endswith(TARGET)]
        if not desired.tried:
            yield from self._many("try", [process.unit for process in self._handed])
        yield from self._many("distrust", outdated)
        yield from (Step("set", ("secret", name)) for name in self._to_set)
        stand_ins = self._stand_ins()
        writes = [Step("write", (name,), self._texts[name]) for name in self._written]
        reload = any(unit.reload for unit in observed.units.values())
        if stand_ins:
            # All by one reload: each takes the processor from whoever serves.
            yield from (Step("write", (name,), text) for name, text in stand_ins.items())
            yield from writes
            writes, reload = [], False
            yield Step("reload")
            yield Step("start", tuple(stand_ins))
            yield Step("prove", tuple(stand_ins))
        yield from self._many("stop", [*ended, *commands])
        yield from self._many(
            "disable", [name for name in self._units if self._is_to_disable(name)]
        )
        yield from writes
        yield from (Step("remove", (name,)) for name in self._orphans)
        if writes or self._orphans or reload:
            yield Step("reload")
        # Earlier, it would take with it what was a part of it and is no more.
        yield from self._many("stop", [name for name in stopped if name.endswith(TARGET)])
        failed = [name for name in self._units if name in self._to_start or name in self._orphans]
        yield from self._many("reset", failed)
        for kinds in _KINDS:
            yield from self._many(
                "start", [name for name in self._to_start if name.endswith(kinds)]
            )
        yield from self._many("prove", [process.unit for process in self._to_prove()])
        enabled = [name for name in self._units if self._is_to_enable(name)]
        yield from self._end_stand_ins(stand_ins, reload=not enabled)
        yield from self._many("enable", enabled)  # with a reload of systemd's own
        if desired.release and observed.current != desired.id:
            yield Step("link", (desired.release.id,))
        if not desired.release and observed.current:
            yield Step("unlink", (observed.current,))
        if desired.release and not self._accepted:
            result = history.ACCEPTED if desired.active else history.STOPPED
            yield Step("record", (desired.release.id,), result)
        yield from prune(observed, desired, self._lasting())

    def _lasting(self) -> set[str]:
        """Releases that processes were started from which are neither stopped nor started anew.

        Likewise those of commands, which end by themselves.
        """
        processes = {
            unit.release
            for name, unit in self._observed.units.items()
            if unit.release
            and not name.endswith(STAND_IN)
            and name not in self._to_start
            and not self._has_to_stop(name)
        }
        return processes.union(filter(None, self._observed.commands.values()))

    def _stand_ins(self) -> dict[str, str]:
        """The texts of the units that have to be started to serve meanwhile, by their names."""
        release = self._desired.release
        if release is None:
            return {}
        service = handover.stem(release.processes[0].unit)
        return {
            handover.stand_in(process): handover.stand_in_text(
                service, process, release, self._desired.drop_ins
            )
            for process in self._handed
            # One of a run that was cut off is as good.
            if self._unit(handover.stand_in(process)).state not in UP
        }

    def _end_stand_ins(self, started: Collection[str], *, reload: bool) -> Iterator[Step]:
        """Let those go that served meanwhile, also for a run that was cut off."""
        known = {name for name in self._observed.units if name.endswith(STAND_IN)}
        busy = {name for name in known if self._unit(name).state in BUSY}
        names = sorted(known.union(started))
        yield from self._many("stop", sorted(busy.union(started)))
        yield from (Step("remove", (name,)) for name in names)
        if names and reload:
            yield Step("reload")

    def starts(self, unit: str) -> bool:
        """Whether a unit is started anew."""
        return unit in self._to_start

    def why_stalled(self, process: Process) -> str:
        """Why nobody serves while a process is started anew; empty where another of it does."""
        unit, socket = process.unit, process.socket
        release = self._desired.release
        if release is None or not self.starts(unit):
            return "it was not restarted"
        if not socket:
            return "it has no python_service_listen"
        if not any(self._unit(one).state in UP for one in (unit, handover.stand_in(process))):
            return "it did not run"
        if self._listens_anew(unit):
            return "its addresses change"
        if not process.handover:
            return "its handover is false"
        others = handover.other_listeners(release.units[socket])
        return f"its socket has {' and '.join(others)}" if others else ""

    def _unit(self, name: str) -> ObservedUnit:
        return self._observed.units.get(name, ObservedUnit())

    def _is_renewed(self, secret: str) -> bool:
        """Whether the host has another value of a secret than it is to have, or none."""
        before = self._observed.secrets.get(secret)
        return secret in self._to_set and (
            before is None or before.value != self._desired.secrets[secret]
        )

    @staticmethod
    def _many(action: str, names: list[str]) -> Iterator[Step]:
        if names:
            yield Step(action, tuple(names))

    def _differs(self, name: str) -> bool:
        """Whether a file says something else than the wanted one, whatever the release is called."""
        before = self._unit(name).text
        after = self._texts.get(name)
        return anonymous(before or "") != anonymous(after or "")

    def _is_job(self, name: str) -> bool:
        """Whether a service is run by its timer, and so neither started nor stopped here."""
        processes = self._desired.release.processes if self._desired.release else ()
        return any(process.timer and process.unit == name for process in processes)

    def _has_to_start(self, name: str) -> bool:
        if name not in self._desired.active:
            return False
        unit = self._unit(name)
        works = unit.state in UP or unit.done
        if name.endswith(TARGET):
            return not works
        if not works or name in self._rewritten or self._listens_anew(name):
            return True
        release = self._desired.release
        if not name.endswith(".service") or release is None:
            return False
        return unit.runs != release.fingerprint(name)

    def _runs_from_ruins(self, name: str) -> bool:
        """Whether a process was started from what may be made anew in the same place."""
        unit = self._unit(name)
        return name.endswith(".service") and unit.state in BUSY and unit.runs is None

    def _has_to_stop(self, name: str) -> bool:
        if self._unit(name).state not in BUSY:
            return False
        if name in self._desired.active:
            return self._listens_anew(name)
        return not self._is_job(name)

    def _listens_anew(self, name: str) -> bool:
        """Whether a unit has to go for a while, since systemd opens no socket of a running service."""
        processes = self._desired.release.processes if self._desired.release else ()
        return any(
            name in (process.socket, process.unit)
            and (process.socket in self._rewritten or self._unit(process.socket).state not in UP)
            for process in processes
            if process.socket
        )

    def _is_to_disable(self, name: str) -> bool:
        return self._unit(name).enabled == "enabled" and (
            name not in self._desired.enabled or name in self._orphans
        )

    def _is_to_enable(self, name: str) -> bool:
        """Also anew, since what a unit is wanted by may have changed with it."""
        if name not in self._desired.enabled:
            return False
        return (
            self._unit(name).enabled not in _SETTLED or name in self._written or not self._accepted
        )

    def _is_accepted(self) -> bool:
        """Whether the history says of the wanted release what it has to say."""
        last = history.in_place(self._observed.events)
        if last is None or last.after != self._desired.id:
            return False
        if renewed(self._observed, self._desired):
            return False
        return last.result == history.ACCEPTED or not self._desired.active

    def _is_kept(self) -> bool:
        """Whether the wanted release stays on the host, whatever else is deployed meanwhile."""
        last = history.in_place(self._observed.events)
        in_place = last is not None and last.after == self._desired.id
        return in_place or history.staged(self._observed.events) == self._desired.id

    def _to_prove(self) -> list[Process]:
        if self._desired.release is None or not self._desired.active:
            return []
        return [
            process
            for process in self._desired.release.processes
            if set(started_units(process)) <= set(self._desired.active)
            and (not self._accepted or set(started_units(process)) & set(self._to_start))
        ]
