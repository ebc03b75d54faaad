# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Remove what the role made on a host, and leave what it did not make.

What the service owned is never trusted on the way: it may have left links,
trees that are deeper than any path is long, and processes.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from ..errors import ServiceError
from ..layout import UNIT_MARK, Layout
from . import history, record, store, trial
from .decide import Desired, decide
from .files import names, read, remove, temporary_name
from .lock import locked
from .machine import Machine
from .observe import observe, owner
from .record import Record
from .releases import staged, venvs
from .sandbox import end_left
from .steps import Change, Hands, Request

_ACCOUNT = ("user", "group")
#: A character of a path in proc_pid_mountinfo(5) that would end it.
_ESCAPED = re.compile(r"\\([0-7]{3})")


class Removal(NamedTuple):
    """What is asked for: ``by`` is who asks; ``data`` is to go as well; ``check`` only looks."""

    by: str
    data: bool = False
    check: bool = False


class Removed(NamedTuple):
    """Paths and accounts that go, in order, and in ``warnings`` what stays and why."""

    things: list[str]
    warnings: list[str]


def remove_service(machine: Machine, name: str, wish: Removal) -> Removed:
    """Remove a service.

    Where the role has no record of the service nothing is its own. Where it is
    only to look, nothing is touched, and the answer is the same. It can be cut
    off anywhere and repeated: the record goes last, and stays as long as data
    does, and the history with it.
    """
    found = record.find(name, machine.root)
    if found is None:
        return Removed([], [])
    if wish.check:
        removal = _Removal(machine, *found, data=wish.data)
        return Removed([*removal.units(), *removal.rest()], removal.warnings())
    with locked(found[0], wish.by):
        return _Removal(machine, *found, data=wish.data).carry_out(wish.by)


class _Removal:
    """A service that is to go, as it was when it was looked at."""

    def __init__(self, machine: Machine, layout: Layout, noted: Record, *, data: bool) -> None:
        self._layout = layout
        self._record = noted
        self._machine = machine
        self._accounts = machine.accounts
        self._data = data
        unit = layout.unit(layout.main_unit)
        if os.path.lexists(unit) and not (read(unit) or "").startswith(UNIT_MARK):
            raise ServiceError(f"{unit} is no longer the role's; move it away and run this again")
        self._observed = observe(layout, machine)
        main = self._observed.units.get(layout.main_unit)
        lines = ((main and main.text) or "").split("\n")
        self._has_sockets = f"RuntimeDirectory={layout.name}" in lines
        # What systemd makes of a directory where DynamicUser= is set: systemd.exec(5). Any other
        # link is an administrator's, and nothing is touched that it leads to.
        links = [path for path in layout.data if os.path.islink(path)]
        self._links = {path: _private(path) for path in links if _leads_to_private(path)}
        self._others_links = [path for path in links if path not in self._links]
        self._expect_no_mounts()

    def _expect_no_mounts(self) -> None:
        """Refuse to go on where what is mounted, and so is somebody else's, would go or change hands."""
        places = self._places()
        sockets = [self._layout.sockets] if self._has_sockets else []
        going = [*self._own_files(), *sockets, *(places if self._data else [])]
        for point in _mount_points(self._machine.root):
            inside = any(point.startswith(f"{os.path.realpath(path)}/") for path in going + places)
            if inside or point in map(os.path.realpath, going):
                raise ServiceError(
                    f"a file system is mounted at {point}, among what is the service's; "
                    "unmount it and run this again"
                )

    def units(self) -> list[str]:
        """Units and scripts that go."""
        units = self._observed.units.items()
        return [self._layout.unit(name) for name, unit in units if unit.text is not None]

    def _scripts(self) -> list[str]:
        """Those among them that lie in the service's directory."""
        return [path for path in self.units() if os.path.dirname(path) == self._layout.base]

    def rest(self) -> list[str]:
        """What goes besides; nothing where nothing is left but what stays."""
        return [
            *(self._full() if self._data else []),
            *(f"{kind} {name}" for kind, name in self._own_accounts()),
            *self._own_files(),
            # It stays with the data, and says that it is the role's.
            *([] if self._staying() else [self._layout.record]),
        ]

    def warnings(self) -> list[str]:
        """What stays that the role did not make, or that somebody else has taken into use."""
        found = [
            f"{path} stays: it is a link that the role did not make, to {os.readlink(path)}; "
            "what is there may belong to an account that is gone"
            for path in self._others_links
        ]
        own = self._own_accounts()
        for kind, name in self._made():
            users = self._users_of(kind, name, own)
            # Another service of the role takes the account over.
            if users and not any(users.values()):
                found.append(
                    f"the {kind} {name} stays: it is used by {', '.join(users)}; "
                    "remove it by hand when nobody needs it"
                )
        others = [*self._others_files()]
        if others:
            found.append(f"these stay, which the role did not make: {', '.join(others)}")
        return found

    def carry_out(self, by: str) -> Removed:
        """Do it; nothing that is gone already is an error."""
        layout = self._layout
        units = self.units()
        request = Request("remove", by)
        change = Change(layout, self._machine, Desired(), request, self._observed)
        # What else is removed goes with all the rest.
        later = ("unlink", "prune")
        steps = [step for step in decide(self._observed, Desired()) if step.action not in later]
        end_left(layout, self._machine.systemd)
        trial.end_left(layout, self._machine.systemd)
        Hands(change).carry_out(steps)
        remove(layout.new_unit)
        own = self._own_accounts()
        for kind, name in own:
            if kind == "user":
                self._accounts.end_processes(name)
        # systemd itself removes them with the process, unless it was told otherwise.
        if self._has_sockets or self._owns(layout.sockets, own):
            remove(layout.sockets)
        # Only now nobody is left who writes anything.
        removed = Removed([*units, *self.rest()], self.warnings())
        staying = self._staying()
        self._remove_data()
        self._hand_over(own)
        for kind, name in own:
            self._accounts.give_to_root(kind, name, [] if self._data else self._full())
        for kind, name in own:
            self._accounts.remove(kind, name)
        if staying and removed.things:
            self._note(by)
        for path in self._own_files():
            remove(path)
        store.prune(layout)
        if staying:
            record.write_record(layout, Record(layout.root))
        else:
            record.forget(layout)
        return removed

    def _owns(self, path: str, own: Collection[tuple[str, str]]) -> bool:
        """Whether a directory is one of these accounts'."""
        users = [self._accounts.number(kind, name) for kind, name in own if kind == "user"]
        return os.path.lexists(path) and os.lstat(path).st_uid in users

    def _places(self) -> list[str]:
        """The service's directories of data, where they really are."""
        places = [self._links.get(path, path) for path in self._layout.data]
        return [path for path in places if os.path.isdir(path) and not os.path.islink(path)]

    def _full(self) -> list[str]:
        """Those that hold data."""
        return [path for path in self._places() if os.listdir(path) or os.path.ismount(path)]

    def _staying(self) -> list[str]:
        """Where data stays."""
        return [] if self._data else [*self._full(), *self._others_links]

    def _remove_data(self) -> None:
        staying = self._staying()
        for place in self._places():
            if self._data:
                remove(place)
            elif place not in staying:
                os.rmdir(place)
        for link, place in self._links.items():
            if place not in staying:
                os.unlink(link)

    def _note(self, by: str) -> None:
        if os.path.isdir(self._layout.base):
            last = history.in_place(history.events(self._layout))
            event = history.Event("remove", last.after if last else None, None, history.REMOVED, by)
            history.append(self._layout, event)

    def _made(self) -> list[tuple[str, str]]:
        """The accounts that the role made and that are there, users before groups."""
        return [
            (kind, name)
            for kind, names_of in zip(_ACCOUNT, (self._record.users, self._record.groups))
            for name in names_of
            if self._accounts.exists(kind, name)
        ]

    def _own_accounts(self) -> list[tuple[str, str]]:
        """The accounts that the role made and that nobody else on this host uses."""
        own: list[tuple[str, str]] = []
        for kind, name in self._made():
            if not self._users_of(kind, name, own):
                own.append((kind, name))
        return own

    def _users_of(
        self, kind: str, name: str, going: Collection[tuple[str, str]]
    ) -> dict[str, str | None]:
        """Who else uses an account: units with the service of the role whose they are, and users.

        Users that are ``going`` do not count.
        """
        directive = kind.capitalize()
        line = re.compile(rf"^[ \t]*{directive}[ \t]*=[ \t]*{re.escape(name)}[ \t]*$", re.MULTILINE)
        units = {}
        for file in names(self._layout.units):
            if file.endswith(".service") and file not in self._observed.units:
                text = _text(self._layout.unit(file))
                if line.search(text):
                    units[file] = owner(file, text)
        users = [
            user for user in self._accounts.users_of(kind, name) if ("user", user) not in going
        ]
        return {**units, **dict.fromkeys((f"the user {user}" for user in users), None)}

    def _hand_over(self, own: Collection[tuple[str, str]]) -> None:
        """Accounts that other services of the role run as are theirs to remove from now on."""
        for kind, name in self._made():
            if (kind, name) in own:
                continue
            for service in self._users_of(kind, name, own).values():
                theirs = record.find(service, self._layout.host) if service else None
                if theirs:
                    record.claim(theirs[0], [(kind, name)])

    def _own_files(self) -> list[str]:
        """What is the role's in the service's directory, and the directory if that is all of it."""
        layout = self._layout
        links = (layout.current, temporary_name(layout.current))
        new = temporary_name(layout.run)
        secrets = (layout.secrets, layout.old_secrets, layout.new_secrets)
        own = [
            *_with_directory(layout.releases, map(layout.release, staged(layout))),
            *_with_directory(layout.venvs, map(layout.venv, venvs(layout))),
            *(path for path in links if os.path.islink(path)),
            *(path for path in [new] if os.path.isfile(path)),
            *(path for path in secrets if os.path.isdir(path)),
            *glob.glob(os.path.join(glob.escape(layout.base), ".incoming-*")),
        ]
        if not self._staying() and os.path.lexists(layout.history):
            own.append(layout.history)
        others = set(names(layout.base)) - {
            os.path.basename(path) for path in own + self._scripts()
        }
        if others or not os.path.isdir(layout.base) or os.path.ismount(layout.base):
            return own
        return [*own, layout.base]

    def _others_files(self) -> Iterator[str]:
        """What others put into the service's directory."""
        layout = self._layout
        files = [*self._own_files(), *self._scripts(), layout.history]
        own = {os.path.basename(path) for path in files}
        parts = {layout.releases: staged(layout), layout.venvs: venvs(layout)}
        parts[layout.base] = [*own, *map(os.path.basename, parts)]
        for directory, known in parts.items():
            for name in names(directory):
                if name not in known:
                    yield os.path.join(directory, name)


def _with_directory(directory: str, own: Iterable[str]) -> list[str]:
    """What the role made in a directory, which stands for all of it where it holds nothing else."""
    paths = [*own]
    if set(names(directory)) - {os.path.basename(path) for path in paths}:
        return paths
    return [directory] if os.path.isdir(directory) else []


def _text(path: str) -> str:
    """Text of a unit; none where systemd could not read it either: a directory, a link to nowhere."""
    try:
        return (read(path) if os.path.isfile(path) else None) or ""
    except OSError:
        return ""


def _private(path: str) -> str:
    """Where systemd puts a service's directory that nobody else may enter."""
    parent, name = os.path.split(path)
    return os.path.join(parent, "private", name)


def _leads_to_private(link: str) -> bool:
    return os.readlink(link) == os.path.relpath(_private(link), os.path.dirname(link))


def _mount_points(root: str) -> list[str]:
    lines = (read(os.path.join(root, "proc/self/mountinfo")) or "").split("\n")
    points = [line.split(" ")[4] for line in lines if line]
    return [_ESCAPED.sub(lambda found: chr(int(found[1], 8)), point) for point in points]
