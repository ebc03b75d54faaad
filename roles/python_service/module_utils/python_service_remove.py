# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Take away what the role made on a host, and leave what it did not make."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Sequence

from .python_service_host import (
    DATA,
    UNITS,
    Layout,
    account_exists,
    is_own_unit,
    read,
    run,
    show,
    temporary_name,
)
from .python_service_record import Record, claim, path_of, read_record, write_record


class RemoveError(Exception):
    """Something that is the role's and could not be taken away; says what."""


def remove(name: str, *, data: bool, check: bool) -> list[str]:
    """Remove a service, and with ``data`` its directories in /var; returns what goes.

    Where the role has no record of the service nothing is its own. With
    ``check`` nothing is touched, and the answer is the same. It can be cut off
    anywhere and repeated: the record goes last, and stays as long as data does.
    """
    record = read_record(name)
    if record is None:
        return []
    layout = Layout(record.root, name)
    unit = os.path.join(UNITS, layout.unit)
    if os.path.lexists(unit) and not is_own_unit(unit):
        raise RemoveError(f"{unit} is not the role's any more; move it away and run this again")
    accounts = _accounts(record, layout)
    kept = [path for parent in DATA if _holds(path := os.path.join(parent, layout.name))]
    going = [
        *([unit] if os.path.lexists(unit) else []),
        *(kept if data else []),
        *(f"{kind} {name}" for kind, name in accounts),
        *_own_files(layout),
        # It stays with the data, and says that it is the role's.
        *([] if kept and not data else [path_of(layout.name)]),
    ]
    if not check:
        _remove_unit(layout, unit)
        for parent in DATA:
            path = os.path.join(parent, layout.name)
            if data:
                _delete(path)
            elif os.path.isdir(path) and not os.listdir(path):
                os.rmdir(path)
        _hand_over(record, accounts, layout)
        _remove_accounts(accounts, () if data else kept)
        for path in _own_files(layout):
            _delete(path)
        if kept and not data:
            write_record(layout.name, Record(layout.root))
        else:
            os.unlink(path_of(layout.name))
    return going


def _accounts(record: Record, layout: Layout) -> list[tuple[str, str]]:
    """The accounts that the role made and that no other service of this host runs as."""
    return [
        (kind, name)
        for kind, names in (("user", record.users), ("group", record.groups))
        for name in names
        if account_exists(kind, name) and not _users_of(kind, name, layout)
    ]


def _remove_unit(layout: Layout, unit: str) -> None:
    if show(layout.unit, "LoadState")["LoadState"] != "not-found":
        # It may run although its file is gone.
        _do("systemctl", "stop", layout.unit)
    if os.path.lexists(unit):
        _do("systemctl", "disable", "--quiet", layout.unit)
        os.unlink(unit)
    _delete(temporary_name(unit))
    _do("systemctl", "daemon-reload")
    run(["systemctl", "reset-failed", layout.unit])


def _hand_over(record: Record, accounts: list[tuple[str, str]], layout: Layout) -> None:
    """Accounts that other services of the role run as are theirs to remove from now on."""
    for kind, names in (("user", record.users), ("group", record.groups)):
        for name in names:
            for other in _users_of(kind, name, layout):
                theirs = read_record(other)
                if (kind, name) not in accounts and theirs:
                    users, groups = ([name], []) if kind == "user" else ([], [name])
                    claim(Layout(theirs.root, other), users, groups)


def _remove_accounts(accounts: Sequence[tuple[str, str]], directories: Sequence[str]) -> None:
    """Remove accounts, and give root what is theirs in ``directories``.

    Else the next account that gets the same number would own it.
    """
    for kind, name in accounts:
        old, new = (name, "root") if kind == "user" else (f":{name}", ":root")
        for directory in directories:
            _do("chown", "-R", "-h", f"--from={old}", new, directory)
    for kind, name in accounts:
        # A group may have gone with its user: login.defs(5), USERGROUPS_ENAB.
        if account_exists(kind, name):
            _do(f"{kind}del", name)


def _own_files(layout: Layout) -> list[str]:
    """What is the role's in the service's directory, and the directory if that is all of it."""
    names = ("releases", "environments", "current", ".current.new", "history.jsonl", ".incoming-*")
    own = [path for name in names for path in glob.glob(os.path.join(layout.base, name))]
    others = os.path.isdir(layout.base) and set(os.listdir(layout.base)) - {
        os.path.basename(path) for path in own
    }
    return own if others or not os.path.isdir(layout.base) else [*own, layout.base]


def _holds(path: str) -> bool:
    return os.path.isdir(path) and bool(os.listdir(path))


def _delete(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _users_of(kind: str, name: str, layout: Layout) -> list[str]:
    """Names of other services of this host that run as an account."""
    return [
        os.path.basename(path)[: -len(".service")]
        for path in glob.glob(os.path.join(UNITS, "*.service"))
        if os.path.basename(path) != layout.unit
        and f"\n{kind.capitalize()}={name}\n" in (read(path) or "")
    ]


def _do(*command: str) -> None:
    result = run(command)
    if result.returncode != 0:
        raise RemoveError(f"{' '.join(command)} failed: {result.stderr.strip()}")
