"""A systemd that starts nothing: units, jobs, restarts and a clock, for tests of what the role tells it.

Its units are real files below the root of a host; everything else is in memory. It keeps
to what systemd.unit(5), systemd.service(5), systemd.socket(5) and systemctl(1) say, as
far as the role depends on it: a unit is what was loaded, and not what lies on the disk; a
restart that systemd does by itself is a new invocation; a socket is not opened for a
service that runs.

What a program does is decided by the last word of its unit's ``ExecStart=``:

============ =====================================================================
good         comes up, is ready, stays up, and is healthy
unhealthy    likewise, and never healthy
warms-up     likewise, and healthy after two seconds
exits        soon ends with status 1, and is never ready
ends         soon ends with status 0, and is never ready
falls        comes up, is ready, and soon ends with status 1, on and on
crashes      comes up, and ends with status 1 after three seconds, on and on
listens      comes up, and accepts connections
gives-up     comes up, logs an error, and ends with status 1 after five seconds, on and on
deaf         comes up, accepts no connections, and ends like that, without a word
never-ready  does not say that it is ready, which ``Type=notify`` waits for
hangs        a oneshot that does not end
refuses      keeps systemd from starting it in place of what runs
check        is healthy as long as the process is whose sandbox it runs in
============ =====================================================================

Whatever it is, it exits where one of its secrets is ``wrong``.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host.files import read
from python_service.module_utils.python_service.host.systemd import BUSY, UP, Status, Systemd
from python_service.module_utils.python_service.layout import TRIAL

#: By the names that journalctl(1) has for those that the role asks for.
_PRIORITIES = {"err": 3, "warning": 4}
_TARGETS = ("multi-user.target", "sockets.target", "timers.target")
_RESTART_SEC = 1.0
# What systemd.unit(5) says of StartLimitBurst= and StartLimitIntervalSec=, and the role's template.
_START_LIMITS = {"": (5, 10.0), "10800": (100, 10800.0), "0": (10**6, 0.0)}
_START_TIMEOUT = 90.0
_SOON = 0.2
_CRASH = 3.0
_GIVE_UP = 5.0
_WARM = 2.0


class Text(dict[str, list[str]]):
    """What a unit's text says, by directive."""

    def __init__(self, text: str) -> None:
        super().__init__()
        for line in text.splitlines():
            name, found, value = line.partition("=")
            if found and not line.startswith("#"):
                self.setdefault(name, []).append(value)
        self.text = text

    def last(self, name: str, default: str = "") -> str:
        return self.get(name, [default])[-1]

    @property
    def command(self) -> list[str]:
        return self.last("ExecStart").replace('"', "").split()

    @property
    def release(self) -> str | None:
        found = re.search(r"^LogExtraFields=PYTHON_SERVICE_RELEASE=(\w+)$", self.text, re.MULTILINE)
        return found[1] if found else None


@dataclass
class Invocation:
    """One start of a unit: what systemd had loaded then, and what was on the disk."""

    id: str
    text: Text
    started: float
    #: Which directories it runs from: another one in their place is none of its own.
    inodes: tuple[int, ...] = ()
    #: The secrets that it was given.
    credentials: dict[str, str | None] = field(default_factory=dict)


@dataclass
class Unit:
    """What systemd has in memory of a unit."""

    text: str | None
    state: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    code: int = 0
    status: int = 0
    restarts: int = 0
    invocation: Invocation | None = None
    starts: list[float] = field(default_factory=list)
    #: When something happens by itself, and what: ``end`` or ``restart``.
    due: tuple[float, str] | None = None


class Entry(NamedTuple):
    """An entry of the journal: its fields, when it was written, its priority and its message."""

    fields: frozenset[str]
    when: float
    priority: int
    message: str


class FakeSystemd(Systemd):
    """PID 1 of a host whose file system begins at ``root``."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.now = 1000.0
        self.units: dict[str, Unit] = {}
        self.entries: list[Entry] = []
        self.told: list[str] = []
        #: Commands that ran in releases before they were activated, each as a release and a word.
        self.ran: list[tuple[str | None, str]] = []
        #: Releases whose programs do not come up on this host any more.
        self.sick: set[str] = set()
        #: Called with what is about to happen, before it does.
        self.watcher: Callable[[str], None] | None = None
        #: While it carries out what it was told, which ends whoever told it.
        self.works = False
        #: Timers that have nothing to make up for, since they were told so.
        self.forgot: list[str] = []
        #: Units that were stopped while nobody else served on a socket of theirs that stayed open.
        self.stalled: list[str] = []
        self._count = 0
        self._pinned: set[str] = set()
        for directory in ("etc/systemd/system", "run/systemd/system"):
            os.makedirs(os.path.join(root, directory), exist_ok=True)

    # What the role asks and tells

    def status(self, units: Sequence[str]) -> dict[str, Status]:
        self._watch(f"show {' '.join(units)}")
        with self._working():
            return {name: self._show(name) for name in units}

    def times(self, units: Sequence[str]) -> dict[str, Status]:
        self._watch(f"times {' '.join(units)}")
        with self._working():
            return {name: self._show(name) for name in units}

    def loaded(self, pattern: str) -> dict[str, Status]:
        self._watch(f"show {pattern}")
        return {name: self._show(name) for name in fnmatch.filter(self.units, pattern)}

    def control(self, verb: str, units: Sequence[str] = (), limit: float = 0.0) -> None:
        self._watch(" ".join([verb, *units]))
        self.told.append(" ".join([verb, *units]))
        with self._working():
            self._control(verb, units)

    def stopping(self, unit: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()  # what it starts has ended when it answers

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        self.works = True
        try:
            yield
        finally:
            self.works = False

    def _control(self, verb: str, units: Sequence[str]) -> None:
        actions: Mapping[str, Callable[[str], None]] = {
            "start": self._start,
            "restart": self._restart,
            "stop": self._stop,
            "enable": self._enable,
            "disable": self._disable,
            "reenable": self._reenable,
        }
        if verb == "daemon-reload":
            self._reload()
            return
        failures = []
        for name in units:
            try:
                actions[verb](name)
            except ServiceError as error:
                failures.append(str(error))
        if verb in ("enable", "disable", "reenable"):
            self._reload()
        if failures:
            raise ServiceError("\n".join(failures))

    def reset(self, units: Sequence[str]) -> None:
        self._watch(f"reset-failed {' '.join(units)}")
        self.told.append(" ".join(["reset-failed", *units]))
        for name in units:
            unit = self.units.get(name)
            if unit:
                unit.starts.clear()
                if unit.state == "failed":
                    unit.state = "inactive"

    def forget_runs(self, timers: Sequence[str]) -> None:
        self._watch(f"forget {' '.join(timers)}")
        with self._working():
            for name in timers:
                with contextlib.suppress(ServiceError):
                    self._stop(name)
        self.forgot += timers

    def calendar_problem(self, text: str) -> str | None:
        self._watch(f"calendar {text}")
        return "Failed to parse calendar expression" if "nonsense" in text else None

    def prepared(self, units: Sequence[str]) -> bool:
        self._watch(f"prepared {' '.join(units)}")
        started = (self._get(name).invocation for name in units)
        return any("ExecStartPre" in one.text for one in started if one)

    def release_of(self, unit: str, status: Mapping[str, str]) -> str | None:
        found = self.units.get(unit)
        running = found and found.state in BUSY and found.invocation
        return running.text.release if running else None

    def verify(self, units: Mapping[str, str]) -> tuple[list[str], list[str]]:
        self._watch(f"verify {' '.join(units)}")
        return [f"{name}: nonsense" for name, text in units.items() if "nonsense" in text], []

    def is_running(self) -> bool:
        return True

    def version(self) -> int:
        return 257

    def journal(self, matches: Sequence[str], since: float = 0.0) -> list[str]:
        self._watch("journal")
        fields = {match for match in matches if "=" in match}
        most = _PRIORITIES[matches[-1]] if "--priority" in matches else 7
        return [
            entry.message
            for entry in self.entries
            if fields <= entry.fields and entry.when >= since and entry.priority <= most
        ][-20:]

    def listens(self, status: Mapping[str, str]) -> bool:
        self._watch("listens")
        unit = self._get(status["Id"])
        return bool(unit.invocation and self._behaviour(unit.invocation) == "listens")

    def identity(self) -> str:
        return "fake"

    def try_settings(self, settings: Sequence[str], command: Sequence[str]) -> str | None:
        return "[]"

    def sync_journal(self) -> None:
        pass

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self._watch("sleep")
        self.advance(seconds)

    # What happens on the host by itself, or by somebody's hand

    def advance(self, seconds: float) -> None:
        """Let time pass, and happen what happens in it."""
        with self._working():
            self._advance(seconds)

    def _advance(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            dues = [(unit.due, name) for name, unit in self.units.items() if unit.due]
            if not dues or min(dues)[0][0] > end:
                break
            (when, what), name = min(dues)
            self.now = max(self.now, when)
            self._happen(name, what)
        self.now = end

    def reboot(self) -> None:
        """End everything, and start what is enabled."""
        self.units = {}
        for target in _TARGETS:
            for name in sorted(self.wanted_by(target)):
                if self._read(name) is not None:
                    try:
                        self._start(name)
                    except ServiceError:
                        continue
        self._pinned = self._wanted()

    def connect(self, name: str) -> None:
        """Somebody connects to a socket, which starts its service."""
        if self._get(name).state == "active":
            self._fire(name)

    def elapse(self, name: str) -> None:
        """The time of a timer has come."""
        if self._get(name).state == "active":
            self._fire(name)

    def run_command(self, name: str) -> str:
        """Root runs a command of a service, which goes on; its unit."""
        drop_ins = os.path.join(self.root, "etc/systemd/system", f"{name}.run-.service.d")
        texts = [read(os.path.join(drop_ins, file)) or "" for file in os.listdir(drop_ins)]
        self._count += 1
        unit = f"{name}.run-{self._count}.service"
        invocation = Invocation(f"{self._count:032x}", Text("".join(texts)), self.now)
        self.units[unit] = Unit(None, "active", "running", invocation=invocation)
        return unit

    def servers(self, socket: str) -> list[str]:
        """The services that run and were given a socket, if that is open."""
        if self._get(socket).state not in UP:
            return []
        return [
            name
            for name, unit in self.units.items()
            if unit.state in UP and socket in self._sockets(name)
        ]

    def _sockets(self, name: str) -> list[str]:
        """The sockets that a service has, by its name or since it says so."""
        if not name.endswith(".service"):
            return []
        own = f"{name.rpartition('.')[0]}.socket"
        said = Text(self.units[name].text or "").get("Sockets", [])
        return [*([own] if self._read(own) else []), *said]

    def wanted_by(self, target: str) -> set[str]:
        """Names of the units that a target wants: those that are enabled."""
        directory = os.path.join(self.root, "etc/systemd/system", f"{target}.wants")
        return set(os.listdir(directory)) if os.path.isdir(directory) else set()

    def unit(self, name: str) -> Unit:
        """What systemd has of a unit."""
        return self._get(name)

    def running(self) -> dict[str, Unit]:
        """Units that are not inactive, by name."""
        return {name: unit for name, unit in self.units.items() if unit.state in BUSY}

    # Loading

    def _watch(self, what: str) -> None:
        if self.watcher:
            self.watcher(what)

    def _path(self, name: str) -> str | None:
        for directory in ("etc/systemd/system", "run/systemd/system"):
            path = os.path.join(self.root, directory, name)
            if os.path.lexists(path):
                return path
        return None

    def _read(self, name: str) -> str | None:
        """A unit and its drop-ins as they lie on the disk; empty where it is masked."""
        path = self._path(name)
        if path is None:
            return None
        if os.path.islink(path):
            return ""
        with open(path, encoding="utf-8") as file:
            text = file.read()
        drop_ins = f"{path}.d"
        for drop_in in sorted(os.listdir(drop_ins)) if os.path.isdir(drop_ins) else []:
            if drop_in.endswith(".conf"):
                with open(os.path.join(drop_ins, drop_in), encoding="utf-8") as file:
                    text += file.read()
        return text

    def _wanted(self) -> set[str]:
        return {name for target in _TARGETS for name in self.wanted_by(target)}

    def _get(self, name: str) -> Unit:
        unit = self.units.get(name)
        forgotten = unit and unit.state == "inactive" and name not in self._pinned
        if unit is None or forgotten:
            # Of a unit that nothing refers to, systemd keeps nothing but how often it started.
            starts = unit.starts if unit else []
            unit = self.units[name] = Unit(self._read(name), starts=starts)
        return unit

    def _reload(self) -> None:
        self._pinned = self._wanted()
        for name, unit in self.units.items():
            unit.text = self._read(name)

    def _show(self, name: str) -> Status:
        unit = self._get(name)
        text = Text(unit.text or "")
        path = self._path(name)
        load = {None: "not-found", "": "masked"}.get(unit.text, "loaded")
        return Status(
            Id=name,
            LoadState=load,
            ActiveState=unit.state,
            SubState=unit.sub,
            UnitFileState=self._file_state(name),
            FragmentPath=path if path and unit.text else "",
            NeedDaemonReload="yes" if unit.text != self._read(name) else "no",
            Type=text.last("Type", "simple") if name.endswith(".service") else "",
            Result=unit.result,
            ExecMainCode=str(unit.code),
            ExecMainStatus=str(unit.status),
            ExecMainStartTimestampMonotonic=(
                str(int(unit.invocation.started * 1e6)) if unit.invocation else "0"
            ),
            ActiveEnterTimestampMonotonic=(
                str(int(unit.invocation.started * 1e6)) if unit.invocation else "0"
            ),
            ConditionResult="yes",
            RemainAfterExit=text.last("RemainAfterExit", "no"),
            MainPID="1" if unit.sub == "running" else "0",
            NRestarts=str(unit.restarts),
            InvocationID=unit.invocation.id if unit.invocation else "",
        )

    def _file_state(self, name: str) -> str:
        text = self._read(name)
        if not text:
            return "" if text is None else "masked"
        if name in self._wanted():
            return "enabled"
        return "disabled" if "WantedBy" in Text(text) else "static"

    # Jobs

    def _start(self, name: str) -> None:
        unit = self._get(name)
        if not unit.text:
            raise ServiceError(f"Unit {name} {'is masked' if unit.text == '' else 'not found'}.")
        if unit.state in UP:
            return
        if name.endswith(".service"):
            self._start_service(name, unit)
            return
        if name.endswith(".target"):
            self._invoke(name, unit)
            unit.state = unit.sub = "active"
            for wanted in Text(unit.text).get("Wants", []):
                with contextlib.suppress(ServiceError):
                    self._start(wanted)
            return
        if name.endswith(".socket") and self._get(self._triggered(name)).state in BUSY:
            raise ServiceError(f"{name}: Socket service already active, refusing.")
        if self._read(self._triggered(name)) is None:
            raise ServiceError(f"{name}: Unit to trigger not loaded.")
        self._invoke(name, unit)
        unit.state, unit.sub, unit.result = "active", "waiting", "success"

    def _start_service(self, name: str, unit: Unit) -> None:
        socket = f"{name.rpartition('.')[0]}.socket"
        # systemd.service(5): services pull in their sockets.
        if self._read(socket) and self._get(socket).state not in UP:
            self._start(socket)
        most, interval = _START_LIMITS[Text(unit.text or "").last("StartLimitIntervalSec")]
        unit.starts = [when for when in unit.starts if when > self.now - interval]
        if len(unit.starts) >= most:
            unit.state, unit.sub, unit.result, unit.due = (
                "failed",
                "failed",
                "start-limit-hit",
                None,
            )
            raise ServiceError(f"{name}: Start request repeated too quickly.")
        unit.starts.append(self.now)
        invocation = self._invoke(name, unit)
        self._come_up(name, unit, invocation)

    def _invoke(self, name: str, unit: Unit) -> Invocation:
        self._count += 1
        text = Text(unit.text or "")
        invocation = Invocation(
            f"{self._count:032x}", text, self.now, inodes_of(text), credentials_of(text)
        )
        unit.invocation, unit.due, unit.code, unit.status = invocation, None, 0, 0
        return invocation

    def _come_up(self, name: str, unit: Unit, invocation: Invocation) -> None:
        text = invocation.text
        kind, does = text.last("Type", "simple"), self._behaviour(invocation)
        if does in ("200", "203", "243"):
            self._end(name, unit, int(does))
            raise ServiceError(f"Job for {name} failed: its program cannot be executed.")
        if name.startswith("python_service.prepare."):
            self.ran.append((text.release, does))
            self._say(name, f"{name} {does}")
        if kind == "oneshot":
            self._run_through(name, unit, text, does)
            return
        if kind == "notify" and does == "never-ready":
            self.now += _START_TIMEOUT
            self._end(name, unit, 0, result="timeout")
            raise ServiceError(f"Job for {name} failed because a timeout was exceeded.")
        if does in ("exits", "ends"):
            self._say(name, f"{name} {does}")
        if kind == "notify" and does in ("exits", "ends"):
            self._end(name, unit, 1 if does == "exits" else 0, result="protocol")
            raise ServiceError(f"Job for {name} failed because it was not ready.")
        unit.state, unit.sub, unit.result = "active", "running", "success"
        if does in ("exits", "ends"):
            unit.due = (self.now + _SOON, "end")
        if does == "gives-up":
            self._say(name, "Connection in use", 3)
        ends = {"falls": _SOON, "crashes": _CRASH, "gives-up": _GIVE_UP, "deaf": _GIVE_UP}
        if does in ends:
            unit.due = (self.now + ends[does], "end")

    def _run_through(self, name: str, unit: Unit, text: Text, does: str) -> None:
        """A oneshot, from its start to its end."""
        if does == "hangs":
            self.now += float(text.last("TimeoutStartSec"))
            self._end(name, unit, 0, result="timeout")
            raise ServiceError(f"Job for {name} failed because a timeout was exceeded.")
        if does not in ("good", "unhealthy"):
            self._end(name, unit, 1)
            raise ServiceError(f"Job for {name} failed.")
        unit.result = "success"
        stays = text.last("RemainAfterExit") == "yes"
        unit.state, unit.sub = ("active", "exited") if stays else ("inactive", "dead")

    def _behaviour(self, invocation: Invocation) -> str:
        text = invocation.text
        words = text.command
        failure = self._failure(invocation)
        if failure:
            return failure
        if text.release in self.sick or "wrong" in invocation.credentials.values():
            return "exits"
        if words[-1] == "check":
            return "good" if self._is_healthy(text.last("JoinsNamespaceOf")) else "exits"
        return words[-1]

    @staticmethod
    def _failure(invocation: Invocation) -> str | None:
        """The status with which systemd itself fails to execute a program: systemd.exec(5)."""
        words = invocation.text.command
        directory = invocation.text.last("WorkingDirectory")
        if not words:
            return "203"
        if directory and not os.path.isdir(directory):
            return "200"
        if None in invocation.credentials.values():
            return "243"
        lacks = words[0].startswith("/") and not os.access(words[0], os.X_OK)
        return "203" if lacks else None

    def _is_healthy(self, name: str) -> bool:
        unit = self._get(name)
        if unit.state not in UP or unit.invocation is None:
            return False
        does = self._behaviour(unit.invocation)
        warm = self.now - unit.invocation.started >= _WARM
        return does != "unhealthy" and (does != "warms-up" or warm)

    def _parts(self, name: str) -> list[str]:
        """What is stopped and restarted with a unit."""
        return [
            part
            for part, unit in self.units.items()
            if name in Text(unit.text or "").get("PartOf", []) and unit.state in BUSY
        ]

    def _restart(self, name: str) -> None:
        unit = self._get(name)
        for part in self._parts(name):
            self._restart(part)
        if not unit.text:
            raise ServiceError(f"Unit {name} {'is masked' if unit.text == '' else 'not found'}.")
        if Text(unit.text).command[-1:] == ["refuses"] and unit.state in UP:
            raise ServiceError(f"Job for {name} canceled.")
        if unit.state in BUSY:
            self._stop(name)
        # A unit that is stopped for a moment is not forgotten.
        self.units[name] = unit
        unit.restarts = 0
        pinned, self._pinned = self._pinned, {*self._pinned, name}
        try:
            self._start(name)
        finally:
            self._pinned = pinned

    def _stop(self, name: str) -> None:
        unit = self._get(name)
        for part in self._parts(name):
            self._stop(part)
        if unit.state == "inactive" and unit.text is None:
            raise ServiceError(f"Unit {name} not loaded.")
        tried = name.endswith(TRIAL)  # nobody connects to it
        if (
            unit.state in UP
            and not tried
            and any(self.servers(socket) == [name] for socket in self._sockets(name))
        ):
            self.stalled.append(name)
        if unit.state != "failed":
            unit.state, unit.sub, unit.result = "inactive", "dead", "success"
        unit.due = None

    def _end(self, name: str, unit: Unit, status: int, result: str = "exit-code") -> None:
        """The main process has ended."""
        unit.code, unit.status = 1, status
        unit.result = "success" if result == "exit-code" and status == 0 else result
        invocation = unit.invocation
        again = invocation and invocation.text.last("Restart") == "on-failure"
        if again and unit.result != "success":
            unit.state, unit.sub = "activating", "auto-restart"
            unit.due = (self.now + _RESTART_SEC, "restart")
        else:
            failed = unit.result != "success"
            unit.state, unit.sub = ("failed", "failed") if failed else ("inactive", "dead")
            unit.due = None

    def _happen(self, name: str, what: str) -> None:
        unit = self.units[name]
        unit.due = None
        if what == "end":
            ends = unit.invocation and self._behaviour(unit.invocation) == "ends"
            self._end(name, unit, 0 if ends else 1)
            return
        unit.restarts += 1
        unit.state, unit.sub = "activating", "start"
        if not unit.text:
            unit.state, unit.sub, unit.result = "failed", "failed", "resources"
            return
        try:
            self._start_service(name, unit)
        except ServiceError:
            return

    def _fire(self, name: str) -> None:
        try:
            self._start(self._triggered(name))
        except ServiceError:
            return

    @staticmethod
    def _triggered(name: str) -> str:
        return f"{name.rpartition('.')[0]}.service"

    def _say(self, name: str, message: str, priority: int = 6) -> None:
        fields = {f"_SYSTEMD_UNIT={name}"}
        invocation = self.units[name].invocation
        if invocation:
            fields.add(f"_SYSTEMD_INVOCATION_ID={invocation.id}")
            fields.add(f"PYTHON_SERVICE_RELEASE={invocation.text.release}")
        self.entries.append(Entry(frozenset(fields), self.now, priority, message))

    # Enabling

    def _links(self, name: str) -> Iterator[str]:
        for target in _TARGETS:
            yield os.path.join(self.root, "etc/systemd/system", f"{target}.wants", name)

    def _enable(self, name: str) -> None:
        text = self._read(name)
        if not text:
            raise ServiceError(
                f"Unit file {name} {'does not exist' if text is None else 'masked'}."
            )
        for target in Text(text).get("WantedBy", []):
            link = os.path.join(self.root, "etc/systemd/system", f"{target}.wants", name)
            os.makedirs(os.path.dirname(link), exist_ok=True)
            if not os.path.lexists(link):
                os.symlink(f"../{name}", link)

    def _disable(self, name: str) -> None:
        if self._read(name) is None:
            raise ServiceError(f"Unit file {name} does not exist.")
        for link in self._links(name):
            if os.path.lexists(link):
                os.unlink(link)

    def _reenable(self, name: str) -> None:
        self._disable(name)
        self._enable(name)


def credentials_of(text: Text) -> dict[str, str | None]:
    """What a unit would be given as credentials now; None is one that is not there."""
    named = [line.partition(":") for line in text.get("LoadCredential", [])]
    return {name: read(path) for name, _, path in named}


def inodes_of(text: Text) -> tuple[int, ...]:
    """What the directories that a unit's program runs from are now."""
    program = (text.command or [""])[0]
    paths = [text.last("WorkingDirectory"), os.path.dirname(program)]
    return tuple(os.stat(path).st_ino for path in paths if path and os.path.isdir(path))
