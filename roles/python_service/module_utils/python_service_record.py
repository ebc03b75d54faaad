# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What says on a host that a service is the role's own, and what the role made for it.

The record is written before anything else is made, and removed when nothing is
left. Whatever bears the name of a service without a record is somebody else's.
"""

from __future__ import annotations

import json
import os
from typing import NamedTuple

from .python_service_host import Layout, read, write

#: Not a directory that a service could have by its name, since names hold no dot.
DIRECTORY = "/var/lib/python_service.d"


class RecordError(Exception):
    """A record that cannot be read; says which, and what to do."""


class Record(NamedTuple):
    """Where the service's directory is, and the accounts that the role made for it."""

    root: str
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def path_of(name: str) -> str:
    """Path of a service's record."""
    return os.path.join(DIRECTORY, f"{name}.json")


def read_record(name: str) -> Record | None:
    """The record of a service, or None where the role has none by that name."""
    text = read(path_of(name))
    if text is None:
        return None
    try:
        content = json.loads(text)
        return Record(content["root"], tuple(content["users"]), tuple(content["groups"]))
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(
            f"{path_of(name)} cannot be read ({error}); it should hold "
            '{"root": "/opt", "users": […], "groups": […]}, the accounts being those that the role made'
        ) from error


def write_record(name: str, record: Record) -> None:
    """Write the record of a service, on the disk before this returns."""
    os.makedirs(DIRECTORY, mode=0o755, exist_ok=True)
    write(path_of(name), json.dumps(record._asdict()) + "\n")


def claim(layout: Layout, users: list[str], groups: list[str]) -> bool:
    """Note that the service is the role's, and which accounts it makes; False if it is noted."""
    before = read_record(layout.name) or Record("")
    after = Record(
        layout.root,
        tuple(dict.fromkeys([*before.users, *users])),
        tuple(dict.fromkeys([*before.groups, *groups])),
    )
    if before != after:
        write_record(layout.name, after)
    return before != after
