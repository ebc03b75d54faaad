# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Releases that are on the host: complete, or not there."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from ..layout import Layout
from ..model import Release, release_from_json, release_to_json
from .files import names, read, write
from .systemd import read_units

_GROUP = re.compile(r"^Group=(.+)$", re.MULTILINE)
_ID = re.compile(r"[0-9a-f]{12}")


def write_release(directory: str, release: Release, installed: Mapping[str, str]) -> None:
    """Write what tells of a release into its directory: its units, and `release.json`.

    That also has the versions of what is ``installed``, for people.
    """
    units = os.path.join(directory, "units")
    os.mkdir(units)
    os.chmod(units, 0o755)
    for name, text in release.units.items():
        write(os.path.join(units, name), text)
    facts = {key: value for key, value in release_to_json(release).items() if key != "units"}
    facts["installed"] = installed
    write(os.path.join(directory, "release.json"), json.dumps(facts, indent=2) + "\n")


def read_release(layout: Layout, release: str) -> Release | None:
    """A release as it was staged, or None where it is not there, whole and readable.

    What was taken out of it by hand is missed.
    """
    directory = layout.release(release)
    text = read(os.path.join(directory, "release.json"))
    units = os.path.join(directory, "units")
    if text is None or not os.path.isdir(layout.app(release)):
        return None
    try:
        facts = json.loads(text)
        facts = _as_now(layout, facts) if "environment" in facts else facts
        found = release_from_json({**facts, "units": read_units(units, names(units))})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    whole = (
        found.id == release
        and all(process.unit in found.units for process in found.processes)
        and (not found.files or os.path.isdir(layout.etc(release)))
    )
    return found if whole else None


def group_of(release: Release) -> str | None:
    """Name of the group that a release runs as, where its units name one."""
    named = _GROUP.search(release.units[release.processes[0].unit])
    return named[1] if named else None


def staged(layout: Layout) -> list[str]:
    """Ids of the releases whose directories are there; what others put beside them is not ours."""
    return [name for name in names(layout.releases) if _ID.fullmatch(name)]


def venvs(layout: Layout) -> list[str]:
    """Ids of the virtual environments whose directories are there."""
    return [name for name in names(layout.venvs) if _ID.fullmatch(name)]


def _as_now(layout: Layout, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the first version of the role wrote, in today's words."""
    health = facts["acceptance"]["health"]
    known = ("url", "status", "command", "timeout")
    process = {
        "unit": layout.main_unit,
        "program": facts["program"],
        "settle": facts["acceptance"]["settle"],
        "health": {key: health[key] for key in known if key in health} if health else None,
    }
    return {
        "id": facts["id"],
        "source": facts["source"],
        "venv": {
            "id": facts["environment"],
            "python": facts["python"],
            "require_hashes": facts["require_hashes"],
        },
        "project": facts["project"],
        "processes": [process],
        "origin": {key: facts.get(key) for key in ("created", "by", "revision")},
    }
