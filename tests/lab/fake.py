"""A host that is a directory: its files are real, its systemd, accounts and venvs are not."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from lab.fake_systemd import FakeSystemd, Invocation, credentials_of, inodes_of
from python_service.library import python_service_deploy
from python_service.module_utils.python_service.archive import pack
from python_service.module_utils.python_service.controller.configuration import source_of
from python_service.module_utils.python_service.controller.secrets import packed
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import builder, files, history, venv
from python_service.module_utils.python_service.host.accounts import Accounts
from python_service.module_utils.python_service.host.builder import Builder
from python_service.module_utils.python_service.host.decide import Desired, startable
from python_service.module_utils.python_service.host.files import names, read, remove, write
from python_service.module_utils.python_service.host.isolation import on_this_host
from python_service.module_utils.python_service.host.machine import Machine
from python_service.module_utils.python_service.host.outcome import Outcome
from python_service.module_utils.python_service.host.python import Python
from python_service.module_utils.python_service.host.removal import Removal, remove_service
from python_service.module_utils.python_service.host.rollback import Rollback, roll_back
from python_service.module_utils.python_service.host.systemd import UP
from python_service.module_utils.python_service.layout import UNIT_MARK, Layout
from python_service.module_utils.python_service.model import (
    PARTS,
    Health,
    Prepared,
    Process,
    Release,
    Venv,
    anonymous,
    release_to_json,
)
from python_service.module_utils.python_service.source import combined_digest, scan


class FakeAccounts(Accounts):
    """Accounts in memory, each with what it owns."""

    def __init__(self) -> None:
        self.made: set[tuple[str, str]] = set()
        self.owned: set[tuple[str, str, str]] = set()
        #: Kind and name of an account, and a user of the administrator's that has its number.
        self.shared: set[tuple[str, str, str]] = set()
        #: Users whose processes were ended.
        self.ended: list[str] = []

    def exists(self, kind: str, name: str) -> bool:
        return (kind, name) in self.made

    def number(self, kind: str, name: str) -> int:
        return os.getegid()

    def groups_of(self, user: str) -> list[int]:
        return [os.getegid()]

    def is_root(self, user: str) -> bool:
        return user == "root"

    def users_of(self, kind: str, name: str) -> list[str]:
        first = [name] if kind == "group" and self.exists("user", name) else []
        return [*first, *(user for *account, user in self.shared if account == [kind, name])]

    def end_processes(self, user: str) -> None:
        self.ended.append(user)

    def make_group(self, name: str) -> None:
        self.made.add(("group", name))

    def make_user(self, name: str, group: str, comment: str) -> None:
        assert ("group", group) in self.made, comment
        self.made.add(("user", name))

    def remove(self, kind: str, name: str) -> None:
        self.made.discard((kind, name))

    def give_to_root(self, kind: str, name: str, directories: Sequence[str]) -> None:
        self.owned -= {(kind, name, directory) for directory in directories}


@dataclass(frozen=True)
class Program:
    """One process of a release that is to be made; ``does`` is a word that `fake_systemd` knows.

    The main process has no ``name``. ``socket`` is an address and ``timer`` a time, ``secrets``
    are names of some. ``handover`` says that two of it may run at once.
    """

    does: str = "good"
    name: str = ""
    type: str = "exec"
    settle: float = 0.5
    checked: bool = False
    socket: str | None = None
    timer: str | None = None
    stays: bool = True
    secrets: tuple[str, ...] = ()
    handover: bool = True


def make_release(  # noqa: PLR0913 - as much as a release is of
    host: FakeHost,
    name: str,
    *programs: Program,
    source: str = "1",
    venv_of: str = "a",
    files: str = "",
    prepare: Sequence[str] = (),
) -> Release:
    """A release of these programs, and of the source, the venv and the files that these words stand for.

    ``prepare`` are words as those of programs, for commands that are run before it is activated.
    """
    host.services.add(name)
    layout = host.layout(name)
    digest = host.source(source).digest
    configuration = host.configuration(files)
    made_from = Venv(combined_digest([venv_of])[:12], "/usr/bin/python3")
    nameless = _processes(layout, programs, made_from, "")
    words = [*(repr(program) for program in programs), *prepare]
    release = combined_digest([digest, configuration, made_from.id, *words, *nameless])[:12]
    units = _processes(layout, programs, made_from, release)
    if configuration:
        line = f"Environment=CONFIGURATION_DIRECTORY={layout.etc(release)}\n"
        units = {
            unit: text.replace("WorkingDirectory=", f"{line}WorkingDirectory=")
            for unit, text in units.items()
        }
    processes = tuple(
        Process(
            unit=f"{_stem(name, program)}.service",
            program=_serve(layout, made_from),
            settle=program.settle,
            health=Health(timeout=3.0, command="check") if program.checked else None,
            socket=f"{_stem(name, program)}.socket" if program.socket else None,
            timer=f"{_stem(name, program)}.timer" if program.timer else None,
            secrets=program.secrets,
            handover=program.handover,
        )
        for program in programs
    )
    origin = {"created": "2026-01-01T00:00:00+00:00", "by": "me@here", "revision": None}
    commands = tuple(
        Prepared(word, f"{_serve(layout, made_from)} {word}", once=True, timeout=60.0)
        for word in prepare
    )
    return Release(
        id=release,
        source=digest,
        venv=made_from,
        project=False,
        units=units,
        processes=processes,
        origin=origin,
        files=configuration,
        prepare=commands,
    )


def _stem(name: str, program: Program) -> str:
    return f"{name}-{program.name}" if program.name else name


def _serve(layout: Layout, made_from: Venv) -> str:
    return os.path.join(layout.venv(made_from.id), "bin", "serve")


def _processes(
    layout: Layout, programs: Sequence[Program], made_from: Venv, release: str
) -> dict[str, str]:
    units = {}
    several = len(programs) > 1 or any(program.socket or program.timer for program in programs)
    part = f"PartOf={layout.target}\n" if several else ""
    for program in programs:
        stem = _stem(layout.name, program)
        head = f"{UNIT_MARK}; the next deploy writes it again.\n# Service: {layout.name}\n"
        install = (
            "" if program.timer or program.socket else "[Install]\nWantedBy=multi-user.target\n"
        )
        units[f"{stem}.service"] = (
            f"{head}[Unit]\n{'' if program.timer else part}StartLimitIntervalSec=10800\n"
            f"[Service]\nType={program.type}\n"
            f"ExecStart={_serve(layout, made_from)} {program.does}\n"
            f"WorkingDirectory={layout.app(release)}\n"
            f"Environment=PYTHON_SERVICE_RELEASE={release}\n"
            f"LogExtraFields=PYTHON_SERVICE_RELEASE={release}\n"
            "Restart=on-failure\nRestartSec=1\n"
            + "".join(f"LoadCredential={one}:{layout.secret(one)}\n" for one in program.secrets)
            + ("RemainAfterExit=yes\n" if program.type == "oneshot" and program.stays else "")
            + install
        )
        if program.socket:
            units[f"{stem}.socket"] = (
                f"{head}[Unit]\n{part}[Socket]\nListenStream={program.socket}\n"
                "[Install]\nWantedBy=sockets.target\n"
            )
        if program.timer:
            units[f"{stem}.timer"] = (
                f"{head}[Unit]\n{part}[Timer]\nOnCalendar={program.timer}\n[Install]\nWantedBy=timers.target\n"
            )
    if several:
        head = f"{UNIT_MARK}; the next deploy writes it again.\n# Service: {layout.name}\n"
        wanted = [name for name, text in units.items() if part in text]
        units[layout.target] = (
            f"{head}[Unit]\n"
            + "".join(f"Wants={name}\n" for name in wanted)
            + "[Install]\nWantedBy=multi-user.target\n"
        )
    return units


class FakeHost:
    """A host below ``root``, with what is asked of it by the modules of the role."""

    def __init__(self, root: str) -> None:
        self.root = os.path.join(root, "host")
        self.controller = os.path.join(root, "controller")
        os.makedirs(self.controller)
        self.systemd = FakeSystemd(self.root)
        self.accounts = FakeAccounts()
        self.machine = Machine(self.systemd, self.accounts, self.root)
        #: Ids of venvs that cannot be built, and what pip says then.
        self.unbuildable: dict[str, str] = {}
        #: Names of the services that releases were made for.
        self.services: set[str] = set()
        #: Texts of configuration files by path, by the digest of all.
        self.configurations: dict[str, dict[str, str]] = {"": {}}
        #: What the last removal said of what stays.
        self.warnings: list[str] = []

    def layout(self, name: str) -> Layout:
        return Layout("/opt", name, self.root)

    # What the controller has

    def source(self, word: str) -> Any:
        """The source that a word stands for, scanned."""
        directory = Path(self.controller, f"source-{word}")
        if not directory.exists():
            directory.mkdir()
            (directory / "main.py").write_text(f"print({word!r})\n")
        return scan(str(directory))

    def configuration(self, word: str) -> str:
        """The digest of the configuration files that a word stands for; an empty one for none."""
        texts = {"app.toml": f"{word}\n", "conf/log.ini": ""} if word else {}
        digest = source_of(texts).digest if texts else ""
        self.configurations[digest] = texts
        return digest

    def archive(self, release: Release) -> str:
        """What the action sends: the parts of a release."""
        path = Path(self.controller, f"{release.source}-{release.files}.tar.gz")
        if not path.exists():
            sources = [scan(path) for path in glob.glob(f"{self.controller}/source-*")]
            (found,) = [source for source in sources if source.digest == release.source]
            texts = self.configurations[release.files]
            with path.open("wb") as file:
                pack({"app": found}, {f"etc/{name}": text for name, text in texts.items()}, file)
        return str(path)

    # What the modules do

    def deploy(  # noqa: PLR0913 - as many as the role has variables for it
        self,
        release: Release,
        *,
        started: bool = True,
        enabled: bool = True,
        keep: int = 5,
        by: str = "me@here",
        secrets: Mapping[str, str] | None = None,
        parts: Sequence[str] = PARTS,
        elsewhere: str | None = None,
        instead_of: str | None = None,
        check: bool = False,
    ) -> dict[str, Any]:
        """Deploy as the role does; raises `ServiceError` as its module does."""
        name = release.processes[0].unit.rpartition(".")[0]
        given = {
            "name": name,
            "root": "/opt",
            "release": json.loads(json.dumps(release_to_json(release))),
            "user": name,
            "group": name,
            "state": "started" if started else "stopped",
            "enabled": enabled,
            "keep_releases": keep,
            "secrets": packed(secrets or {}),
            "parts": [*parts],
            "by": by,
            "files_diff": [],
            "elsewhere": elsewhere,
            "instead_of": instead_of,
            "plan": None,
            "archive": self.archive(release),
        }
        return python_service_deploy.deploy(given, check, self.machine)

    def roll_back(
        self, name: str, to: str | None = None, *, keep: int = 5, check: bool = False
    ) -> Outcome:
        return roll_back(self.machine, name, Rollback("me@here", to, keep, check))

    def remove(self, name: str, *, data: bool = False, check: bool = False) -> list[str]:
        removed = remove_service(self.machine, name, Removal("me@here", data, check))
        self.warnings = removed.warnings
        return removed.things

    # What happens to the host

    def reboot(self) -> None:
        remove(os.path.join(self.root, "run"))
        os.makedirs(os.path.join(self.root, "run/systemd/system"))
        self.systemd.reboot()

    def write_data(self, name: str) -> None:
        """The service has stored something."""
        directory = self.layout(name).data[0]
        os.makedirs(directory, exist_ok=True)
        Path(directory, "precious").write_text("data")
        self.accounts.owned |= {("user", name, directory), ("group", name, directory)}

    @contextlib.contextmanager
    def in_place(self) -> Iterator[FakeHost]:
        """Have the role's modules work on this host."""
        with contextlib.ExitStack() as stack:
            for target, attribute, stand_in in (
                (builder, "_free_number", ourselves),
                (files, "remove_directory", shutil.rmtree),
                (venv, "build", self._build),
                (venv, "is_whole", _is_whole),
                (venv, "trusted", _trusted),
                # Waits for all the disks of the machine that the tests run on.
                (os, "sync", lambda: None),
            ):
                stack.enter_context(mock.patch.object(target, attribute, stand_in))
            yield self

    def _build(self, layout: Layout, made_from: Venv, _incoming: str, _builder: Builder) -> None:
        path = layout.venv(made_from.id)
        remove(path)
        try:
            os.makedirs(os.path.join(path, "bin"))
            if made_from.id in self.unbuildable:
                raise ServiceError(self.unbuildable[made_from.id])
            write(os.path.join(path, "bin", "serve"), "", 0o755)
            write(os.path.join(path, "environment.json"), "{}")
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise

    # What a person would find

    def own_units(self, name: str) -> dict[str, str]:
        """Texts of the files that say that they are a service's: units, drop-ins and its script."""
        layout = self.layout(name)
        texts = {}
        paths = [*glob.glob(f"{layout.units}/*"), *glob.glob(f"{layout.units}/*.d/*"), layout.run]
        paths += glob.glob(f"{layout.transient_units}/*")
        for path in paths:
            text = read(path) if os.path.isfile(path) and not os.path.islink(path) else ""
            if f"\n# Service: {name}\n" in (text or ""):
                unit = path != layout.run
                texts[os.path.relpath(path, layout.units) if unit else path] = text or ""
        return texts

    def units_of(self, release: Release) -> dict[str, str]:
        """Likewise, of a release that is deployed."""
        name = release.processes[0].unit.rpartition(".")[0]
        return on_this_host(self.layout(name), self.machine, Desired(release)).texts

    def enabled_units(self, name: str) -> set[str]:
        """Units of a service that some target wants, whether they exist or not."""
        links = map(os.path.basename, glob.glob(f"{self.layout(name).units}/*.wants/*"))
        return {unit for unit in links if self._is_of(name, unit)}

    def running_units(self, name: str) -> set[str]:
        """Units of a service that run, or are about to."""
        return {unit for unit in self.systemd.running() if self._is_of(name, unit)}

    def _is_of(self, name: str, unit: str) -> bool:
        """Whether a unit is a service's by its name; that of another may begin with this one's."""
        stem = unit.rpartition(".")[0]
        owners = [one for one in self.services if stem == one or stem.startswith(f"{one}-")]
        return max(owners, key=len, default=None) == name

    def invocations(self, name: str) -> dict[str, str]:
        """The invocations of what runs."""
        units = {unit: self.systemd.unit(unit).invocation for unit in self.running_units(name)}
        return {unit: found.id for unit, found in units.items() if found}

    def missing(self, name: str, release: Release) -> list[str]:
        """What does not serve of a release, all processes of which should; empty where all do."""
        return [
            f"{unit} does not serve release {release.id}"
            for unit in startable(release)
            if not self.serves(name, release, unit)
        ]

    def serves(self, name: str, release: Release, unit: str) -> bool:
        """Whether a unit runs what a release, or one that is the same to it, says."""
        found = self.systemd.unit(unit)
        text = release.units[unit]
        if found.invocation is None:
            return False
        if unit.endswith(".target"):  # it runs nothing
            return found.state in UP
        done = "Type=oneshot" in text and found.result == "success" and found.sub == "dead"
        return (
            (found.state in UP or done)
            and anonymous(found.invocation.text.text) == anonymous(text)
            and (not unit.endswith(".service") or self._is_from(name, release, found.invocation))
            and found.invocation.credentials == credentials_of(found.invocation.text)
        )

    def _is_from(self, name: str, release: Release, invocation: Invocation) -> bool:
        """Whether an invocation was started from what is in a release, and that is still there."""
        app = invocation.text.last("WorkingDirectory")
        venvs = self.layout(name).venv(release.venv.id)
        return (
            os.path.isdir(app)
            and scan(app).digest == release.source
            and self._finds_files(release, invocation)
            and invocation.text.command[0].startswith(f"{venvs}/")
            and invocation.inodes == inodes_of(invocation.text)
        )

    @staticmethod
    def _finds_files(release: Release, invocation: Invocation) -> bool:
        """Whether an invocation finds the configuration files of a release, where that has some."""
        prefix = "CONFIGURATION_DIRECTORY="
        found = [
            scan(line[len(prefix) :]).digest
            for line in invocation.text["Environment"]
            if line.startswith(prefix) and os.path.isdir(line[len(prefix) :])
        ]
        return found == ([release.files] if release.files else [])

    def leftovers(self, name: str) -> list[str]:
        """Files of runs that were cut off; what is in /run is gone after a boot."""
        found = [file for file in names(self.layout(name).base) if file.startswith(".")]
        for directory, folders, inside in os.walk(self.root):
            if directory == self.root:
                folders.remove("run")
            found += [os.path.join(directory, file) for file in inside if file.endswith(".new")]
        return [*found, *self.old_secrets(name), *names(self.layout(name).new_secrets)]

    def secrets(self, name: str) -> dict[str, str]:
        """The values of a service's secrets that are on the host."""
        return self._values(self.layout(name).secrets)

    def old_secrets(self, name: str) -> dict[str, str]:
        """The values of before that are on the host."""
        return self._values(self.layout(name).old_secrets)

    @staticmethod
    def _values(directory: str) -> dict[str, str]:
        return {one: read(os.path.join(directory, one)) or "" for one in names(directory)}

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of the history."""
        text = read(self.layout(name).history) or ""
        return [json.loads(line) for line in text.splitlines()]

    def counting(self, name: str) -> str | None:
        """The release that the history says is in place."""
        last = history.in_place(history.events(self.layout(name)))
        return last.after if last else None

    def picture(self, name: str) -> dict[str, Any]:
        """All that can be seen of a service: its files and what runs of it."""
        return {
            "files": self.files(name),
            "enabled": self.enabled_units(name),
            "running": self.invocations(name),
            "accounts": {one for one in self.accounts.made if one[1] == name},
        }

    def files(self, name: str) -> dict[str, str]:
        """All files of a service by their paths, with what is in them."""
        layout = self.layout(name)
        found = {layout.record: read(layout.record) or "", **self.own_units(name)}
        for root in (layout.base, *layout.data):
            for directory, folders, here in os.walk(root):
                for file in [*folders, *here]:
                    path = os.path.join(directory, file)
                    if os.path.islink(path):
                        found[path] = os.readlink(path)
                    else:
                        found[path] = "" if os.path.isdir(path) else read(path) or ""
        return found


@contextlib.contextmanager
def ourselves(_layout: Layout) -> Iterator[int]:
    """In place of another user's number: others cannot enter the directories of tests."""
    yield os.geteuid()


class _IdlePython(Python):
    """One that compiles nothing."""

    def compile(self, directory: str, final: str) -> None: ...


def _trusted(made_from: Venv) -> Python:
    return _IdlePython(made_from.python, "cpython", "3.11.2", "cpython-311-x86_64-linux-gnu")


def _is_whole(layout: Layout, name: str) -> bool:
    """As the real one, with a program in place of the interpreter that it asks."""
    path = layout.venv(name)
    return all(
        os.path.isfile(os.path.join(path, part)) for part in ("environment.json", "bin/serve")
    )


@contextlib.contextmanager
def fake_host() -> Iterator[FakeHost]:
    """A host that is there for a while, and on which the role's modules work."""
    memory = "/dev/shm"  # a deploy syncs each file that it writes
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as root:
        host = FakeHost(root)
        with host.in_place():
            yield host
