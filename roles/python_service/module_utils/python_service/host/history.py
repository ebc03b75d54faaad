# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What happened to a service, and what follows for its releases.

`history.jsonl` has one JSON object a line: ``what`` (``deploy``, ``rollback`` or
``remove``), ``from`` and ``to`` (ids of releases, null where there is none),
``result``, ``reason`` (text, where it did not end well), ``command`` (text, where
one was run), ``by`` (user@controller) and ``when`` (ISO 8601, UTC). Results:

``staged``    the release is to stay until it is in place, or another is staged
``prepared``  a command of ``python_service_prepare`` has succeeded for the release
``accepted``  the release runs and was proven
``stopped``   the release is in place, and nothing runs
``rejected``  it was not accepted; what was there before was put back, if it was another
``failed``    it could not be made or prepared, and nothing that runs was touched
``removed``   the service was removed
"""

from __future__ import annotations

import datetime
import json
import os
from typing import NamedTuple

from ..foreign import MOST_OF_A_MESSAGE, shortened
from ..layout import Layout
from .files import read

ACCEPTED, STOPPED, REJECTED = "accepted", "stopped", "rejected"
FAILED, REMOVED = "failed", "removed"
STAGED, PREPARED = "staged", "prepared"
#: Results after which the release is the one that counts. One that was put there stopped may
#: have been started by hand since, and whoever goes back to it has it proven.
IN_PLACE = (ACCEPTED, STOPPED)

#: In the order of `Event`.
_FIELDS = ("what", "from", "to", "result", "by", "reason", "command")


class Event(NamedTuple):
    """One line of the history, without its time."""

    what: str
    before: str | None
    after: str | None
    result: str
    by: str
    reason: str | None = None
    command: str | None = None


def append(layout: Layout, event: Event) -> None:
    """Add one event, on the disk before this returns."""
    fields = {
        "what": event.what,
        "from": event.before,
        "to": event.after,
        "result": event.result,
        "by": event.by,
        "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
    if event.reason is not None:
        fields["reason"] = shortened(event.reason, MOST_OF_A_MESSAGE)
    if event.command is not None:
        fields["command"] = event.command
    line = json.dumps(fields).encode() + b"\n"
    with open(layout.history, "a+b", buffering=0) as file:
        end = file.tell()
        if end:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # a line that was cut off must not take this one with it
                line = b"\n" + line
        try:
            file.write(line)
            os.fsync(file.fileno())
        except BaseException:
            file.truncate(end)  # or what is taken for failed counts all the same
            raise


def events(layout: Layout) -> tuple[Event, ...]:
    """Events since the service was last removed, oldest first. What is no event does not count."""
    found: list[Event] = []
    for line in (read(layout.history) or "").split("\n"):
        event = _event(line)
        if event is None:
            continue
        if event.result == REMOVED:
            found.clear()
        else:
            found.append(event)
    return tuple(found)


def _event(line: str) -> Event | None:
    try:
        fields = json.loads(line)
        told = [fields.get(name) for name in _FIELDS]
    except (ValueError, AttributeError):
        return None
    what, before, after, result, by, *rest = told
    necessary = all(isinstance(value, str) for value in (what, result, by))
    other = all(isinstance(value, (str, type(None))) for value in (before, after, *rest))
    return Event(what, before, after, result, by, *rest) if necessary and other else None


def in_place(events: tuple[Event, ...]) -> Event | None:
    """The event that put the release of today in its place, well or stopped; None before the first."""
    return next((event for event in reversed(events) if event.result in IN_PLACE), None)


def placed(events: tuple[Event, ...]) -> list[str]:
    """Releases that were in place, each once, the last one at the end."""
    order: dict[str, None] = {}
    for event in events:
        if event.result in IN_PLACE and event.after:
            order.pop(event.after, None)
            order[event.after] = None
    return list(order)


def way_back(events: tuple[Event, ...]) -> list[str]:
    """The releases that rollbacks go through, the one that is in place at the end.

    A rollback takes away what it went back over, so that the next one goes
    further back and not forth again.
    """
    path: list[str] = []
    for event in events:
        release = event.after
        if event.result not in IN_PLACE or not release:
            continue
        if event.what == "rollback" and release in path:
            last = len(path) - 1 - path[::-1].index(release)
            del path[last + 1 :]
        elif path[-1:] != [release]:
            path.append(release)
    return path


def previous(events: tuple[Event, ...], release: str | None) -> str | None:
    """The release to go back to from ``release``, if there is one."""
    path = [other for other in way_back(events) if other != release]
    return path[-1] if path else None


def staged(events: tuple[Event, ...]) -> str | None:
    """The release that is to stay since it was staged, and that was not activated since then."""
    waiting = None
    for event in events:
        if event.result == STAGED:
            waiting = event.after
        elif event.after == waiting and event.result in (*IN_PLACE, REJECTED):
            waiting = None
    return waiting


def prepared(events: tuple[Event, ...], release: str | None) -> set[str | None]:
    """The commands that have succeeded for a release."""
    return {
        event.command for event in events if event.result == PREPARED and event.after == release
    }
