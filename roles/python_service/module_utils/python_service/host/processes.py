# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What people are told of the processes of a service."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ..layout import Layout
from ..model import Process, Release
from .systemd import Systemd

#: As systemd writes a time where the time zone is UTC.
_TIME = "%a %Y-%m-%d %H:%M:%S UTC"


def told_of(layout: Layout, systemd: Systemd, release: Release) -> dict[str, dict[str, Any]]:
    """The unit and the state of each process, and of jobs their last run and when the next is due.

    By the names of the processes. Times are in ISO 8601, UTC.
    """
    units = [unit for process in release.processes for unit in _units(process)]
    shown = systemd.times(units)
    return {layout.process_of(process.unit): _told(process, shown) for process in release.processes}


def _units(process: Process) -> list[str]:
    return [process.unit, process.timer] if process.timer else [process.unit]


def _told(process: Process, shown: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    status = shown[process.unit]
    told: dict[str, Any] = {"unit": process.unit, "state": status["ActiveState"]}
    if process.timer:
        told["next"] = _time(shown[process.timer]["NextElapseUSecRealtime"])
        ended = _time(status["ExecMainExitTimestamp"])
        result = {
            "result": status["Result"],
            "status": int(status["ExecMainStatus"] or 0),
            "ended": ended,
        }
        told["last"] = result if ended else None
    return told


def _time(text: str) -> str | None:
    """A time in ISO 8601; None where it has not come, or never will."""
    try:
        found = datetime.datetime.strptime(text, _TIME).replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return None
    return found.isoformat(timespec="seconds")
