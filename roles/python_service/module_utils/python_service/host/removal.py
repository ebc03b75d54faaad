# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Remove what the role made on a host, and leave what it did not make."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import ServiceError
from ..layout import UNIT_MARK, Layout
from . import history, record
from .decide import Desired, decide
from .files import names, read, remove
from .lock import locked
from .machine import Machine
from .observe import observe
from .record import Record
from .steps import Change, Hands, Request

_ACCOUNT = ("user", "group")


class Removal(NamedTuple):
    """What is asked for: ``by`` is who asks; ``data`` is to go as well; ``check`` only looks."""

    by: str
    data: bool = False
    check: bool = False


def remove_service(machine: Machine, name: str, wish: Removal) -> list[str]:
    """Remove a service; returns the paths and accounts that go.

    Where the role has no record of the service nothing is its own. Where it is
    only to look, nothing is touched, and the answer is the same. It can be cut
    off anywhere and repeated: the record goes last, and stays as long as data
    does, and the history with it.
    """
    found = record.find(name, machine.root)
    if found is None:
        return []
    if wish.check:
        return _Removal(machine, *found, data=wish.data).going()
    with locked(found[0], wish.by):
        removal = _Removal(machine, *found, data=wish.data)
        going = removal.going()
        removal.carry_out(wish.by)
        return going


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
        self._observed = observe(layout, machine.systemd)
        self._full = [path for path in layout.data if os.path.isdir(path) and os.listdir(path)]
        self._staying = [] if data else self._full

    def going(self) -> list[str]:
        """Paths and accounts that go, in order; none where nothing is left but what stays."""
        return [
            *(
                self._layout.unit(name)
                for name, unit in self._observed.units.items()
                if unit.text is not None
            ),
            *(self._full if self._data else []),
            *(f"{kind} {name}" for kind, name in self._own_accounts()),
            *self._own_files(),
            # It stays with the data, and says that it is the role's.
            *([] if self._staying else [self._layout.record]),
        ]

    def carry_out(self, by: str) -> None:
        """Do it; nothing that is gone already is an error."""
        layout = self._layout
        going = self.going()
        request = Request("remove", by)
        change = Change(layout, self._machine, Desired(), request, self._observed)
        # What is pruned otherwise goes here with all the rest.
        steps = [step for step in decide(self._observed, Desired()) if step.action != "prune"]
        Hands(change).carry_out(steps)
        remove(layout.new_unit)
        for path in layout.data:
            if self._data:
                remove(path)
            elif os.path.isdir(path) and not os.listdir(path):
                os.rmdir(path)
        own = self._own_accounts()
        self._hand_over(own)
        for kind, name in own:
            self._accounts.give_to_root(kind, name, self._staying)
        for kind, name in own:
            self._accounts.remove(kind, name)
        if self._staying and going:
            self._note(by)
        for path in self._own_files():
            remove(path)
        if self._staying:
            record.write_record(layout, Record(layout.root))
        else:
            record.forget(layout)

    def _note(self, by: str) -> None:
        if os.path.isdir(self._layout.base):
            last = history.in_place(history.events(self._layout))
            event = history.Event("remove", last.after if last else None, None, history.REMOVED, by)
            history.append(self._layout, event)

    def _own_accounts(self) -> list[tuple[str, str]]:
        """The accounts that the role made and that no other service of this host runs as."""
        return [
            (kind, name)
            for kind, names_of in zip(_ACCOUNT, (self._record.users, self._record.groups))
            for name in names_of
            if self._accounts.exists(kind, name) and not self._users_of(kind, name)
        ]

    def _hand_over(self, own: Sequence[tuple[str, str]]) -> None:
        """Accounts that other services of the role run as are theirs to remove from now on."""
        for kind, names_of in zip(_ACCOUNT, (self._record.users, self._record.groups)):
            for name in names_of:
                for other in self._users_of(kind, name):
                    theirs = record.find(other, self._layout.host)
                    if (kind, name) not in own and theirs:
                        users, groups = ([name], []) if kind == "user" else ([], [name])
                        record.claim(theirs[0], users, groups)

    def _users_of(self, kind: str, name: str) -> list[str]:
        """Names of other services of this host that run as an account."""
        line = f"\n{kind.capitalize()}={name}\n"
        return [
            file[: -len(".service")]
            for file in names(self._layout.units)
            if file.endswith(".service")
            and file not in self._observed.units
            and line in (read(self._layout.unit(file)) or "")
        ]

    def _own_files(self) -> list[str]:
        """What is the role's in the service's directory, and the directory if that is all of it."""
        base = self._layout.base
        patterns = ["releases", "environments", "current", ".current.new", ".incoming-*"]
        if not self._staying:
            patterns.append("history.jsonl")
        own = [
            path
            for pattern in patterns
            for path in glob.glob(os.path.join(glob.escape(base), pattern))
        ]
        others = set(names(base)) - {os.path.basename(path) for path in own}
        return own if others or not os.path.isdir(base) else [*own, base]
