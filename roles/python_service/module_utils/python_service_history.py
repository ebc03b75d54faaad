# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What happened to a service: each deploy and rollback, and what follows for its releases.

`history.jsonl` has one JSON object a line: ``what`` (``deploy`` or ``rollback``),
``from`` and ``to`` (ids of releases, ``from`` null at first), ``result``
(``accepted``, ``rejected`` or ``stopped``), ``reason`` (text, for what was
rejected), ``by`` (user@controller) and ``when`` (ISO 8601, UTC).
"""

from __future__ import annotations

import datetime
import getpass
import json
import os
import shutil
import socket
from collections.abc import Collection
from typing import Any

from .python_service_host import Layout, read

ACCEPTED, REJECTED, STOPPED = "accepted", "rejected", "stopped"


def requester() -> str:
    """Who runs this on the controller, as histories and locks name them."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def append(layout: Layout, **event: Any) -> None:
    """Add one event, on the disk before this returns."""
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    line = json.dumps({**event, "when": now}) + "\n"
    with open(layout.history, "a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def events(layout: Layout) -> list[dict[str, Any]]:
    """All events, oldest first. A last line that was cut off does not count."""
    found = []
    for line in (read(layout.history) or "").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def accepted(layout: Layout) -> list[str]:
    """Releases that were accepted, each once, the one that was accepted last at the end."""
    order: dict[str, None] = {}
    for event in events(layout):
        if event["result"] == ACCEPTED:
            order.pop(event["to"], None)
            order[event["to"]] = None
    return list(order)


def way_back(layout: Layout) -> list[str]:
    """The releases that rollbacks go through, the current one at the end.

    A rollback takes away what it went back over, so that the next one goes
    further back and not forth again.
    """
    path: list[str] = []
    for event in events(layout):
        release = event["to"]
        if event["result"] != ACCEPTED:
            continue
        if event["what"] == "rollback" and release in path:
            last = len(path) - 1 - path[::-1].index(release)
            del path[last + 1 :]
        elif path[-1:] != [release]:
            path.append(release)
    return path


def previous(layout: Layout) -> str | None:
    """The release to go back to from the current one, if there is one."""
    current = layout.current_release()
    path = [release for release in way_back(layout) if release != current]
    return path[-1] if path else None


def prune(layout: Layout, keep: int, also: Collection[str], *, check: bool) -> list[str]:
    """Remove releases that are not wanted any more, and environments of none; returns their paths.

    The ``keep`` releases that were accepted last stay, the current one, the one
    before it, and ``also``. With ``check`` nothing is removed.
    """
    stay = {*accepted(layout)[-keep:], *also, layout.current_release(), previous(layout)}
    unwanted = [name for name in _names(layout.releases) if name not in stay]
    needed = {
        facts["environment"]
        for name in _names(layout.releases)
        if name not in unwanted and (facts := layout.release_facts(name))
    }
    paths = [layout.release(name) for name in unwanted]
    if all(layout.release_facts(name) for name in _names(layout.releases) if name in stay):
        # What an unreadable release needs is not known: then all of them stay.
        paths += [
            layout.environment(name) for name in _names(layout.environments) if name not in needed
        ]
    if not check:
        for path in paths:
            shutil.rmtree(path)
    return paths


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
