# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What says on a host that a service is the role's own, and what the role made for it.

The record is written before anything else is made, and removed when nothing is
left. Whatever bears the name of a service without a record is somebody else's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import ServiceError
from ..layout import Layout
from .files import make_directory, read, remove, temporary_name, write


class Record(NamedTuple):
    """Where the service's directory is, and the accounts that the role made for it."""

    root: str
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def read_record(layout: Layout) -> Record | None:
    """The record of a service, or None where the role has none by that name.

    Only the name of ``layout`` counts: the record tells the root.
    """
    text = read(layout.record)
    if text is None:
        return None
    try:
        content = json.loads(text)
        return Record(content["root"], tuple(content["users"]), tuple(content["groups"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError(
            f"{layout.record} cannot be read ({error}); it should hold "
            '{"root": "/opt", "users": […], "groups": […]}, the accounts being those that the role made'
        ) from error


def find(name: str, host: str = "/") -> tuple[Layout, Record] | None:
    """Where a service of the role's is on this host, or None where there is none of that name."""
    layout = Layout("/", name, host)
    record = read_record(layout)
    return None if record is None else (layout._replace(root=record.root), record)


def write_record(layout: Layout, record: Record) -> None:
    """Write the record of a service, on the disk before this returns."""
    make_directory(layout.records)
    write(layout.record, json.dumps(record._asdict()) + "\n")


def is_claimed(layout: Layout) -> bool:
    """Whether it is noted that the service, where it is, is the role's."""
    noted = read_record(layout)
    return noted is not None and noted.root == layout.root


def claim(layout: Layout, accounts: Iterable[tuple[str, str]]) -> None:
    """Note that the service is the role's, and which accounts it makes, by kind and name."""
    before = read_record(layout) or Record("")
    users, groups = list(before.users), list(before.groups)
    for kind, name in accounts:
        (users if kind == "user" else groups).append(name)
    after = Record(layout.root, tuple(dict.fromkeys(users)), tuple(dict.fromkeys(groups)))
    if before != after:
        write_record(layout, after)


def forget(layout: Layout) -> None:
    """Remove the record: nothing of the service is the role's any more."""
    for path in (temporary_name(layout.record), layout.record):
        remove(path)
