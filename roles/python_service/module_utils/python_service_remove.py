# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Take away what the role made on a host, and leave what it did not make."""

from __future__ import annotations

import glob
import os
import shutil

from .python_service_host import UNITS, Layout, is_own_unit, read, read_made, run


class RemoveError(Exception):
    """Something that is the role's and could not be taken away; says what."""


def remove(layout: Layout, check: bool) -> list[str]:
    """Remove a service; returns what was taken away, nothing where nothing is left.

    With ``check`` nothing is touched, and the answer is the same.
    """
    removed = []
    unit = os.path.join(UNITS, layout.unit)
    if is_own_unit(unit):
        removed.append(unit)
        if not check:
            _do("systemctl", "disable", "--now", "--quiet", layout.unit)
            os.unlink(unit)
            _do("systemctl", "daemon-reload")
            run(["systemctl", "reset-failed", layout.unit])
    made = read_made(layout)
    if made is None:
        return removed
    for kind, command in (("users", "userdel"), ("groups", "groupdel")):
        for name in made[kind]:
            if _is_there(kind, name) and not _is_used_elsewhere(kind, name, layout):
                removed.append(f"{kind[:-1]} {name}")
                if not check:
                    _do(command, name)
    removed.append(layout.base)
    if not check:
        for name in ("releases", "environments", ".incoming-*"):
            for path in glob.glob(os.path.join(layout.base, name)):
                shutil.rmtree(path)
        for name in ("current", ".current-*"):
            for path in glob.glob(os.path.join(layout.base, name)):
                os.unlink(path)
        # The last one: until here, a run that is cut off can be repeated.
        os.unlink(layout.made)
        if not os.listdir(layout.base):
            os.rmdir(layout.base)
    return removed


def _is_there(kind: str, name: str) -> bool:
    return run(["getent", {"users": "passwd", "groups": "group"}[kind], name]).returncode == 0


def _is_used_elsewhere(kind: str, name: str, layout: Layout) -> bool:
    directive = {"users": "User", "groups": "Group"}[kind]
    return any(
        f"\n{directive}={name}\n" in (read(path) or "")
        for path in glob.glob(os.path.join(UNITS, "*.service"))
        if os.path.basename(path) != layout.unit
    )


def _do(*command: str) -> None:
    result = run(command)
    if result.returncode != 0:
        raise RemoveError(f"{' '.join(command)} failed: {result.stderr.strip()}")
