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
    return [*_remove_unit(layout, check), *_remove_files(layout, check)]


def _remove_unit(layout: Layout, check: bool) -> list[str]:
    path = os.path.join(UNITS, layout.unit)
    if not is_own_unit(path):
        return []
    if not check:
        _do("systemctl", "disable", "--now", "--quiet", layout.unit)
        os.unlink(path)
        _do("systemctl", "daemon-reload")
        run(["systemctl", "reset-failed", layout.unit])
    return [path]


def _remove_files(layout: Layout, check: bool) -> list[str]:
    made = read_made(layout)
    if made is None:
        return []
    accounts = [
        (kind, name)
        for kind in ("user", "group")
        for name in made[f"{kind}s"]
        if _is_there(kind, name) and not _is_used_elsewhere(kind, name, layout)
    ]
    if not check:
        for kind, name in accounts:
            # A group may have gone with its user: login.defs(5), USERGROUPS_ENAB.
            if _is_there(kind, name):
                _do(f"{kind}del", name)
        for pattern in ("releases", "environments", "current", ".incoming-*", ".current-*"):
            for path in glob.glob(os.path.join(layout.base, pattern)):
                _delete(path)
        # The last one: until here, a run that is cut off can be repeated.
        os.unlink(layout.made)
        if not os.listdir(layout.base):
            os.rmdir(layout.base)
    return [*(f"{kind} {name}" for kind, name in accounts), layout.base]


def _delete(path: str) -> None:
    if os.path.islink(path):
        os.unlink(path)
    else:
        shutil.rmtree(path)


def _is_there(kind: str, name: str) -> bool:
    return run(["getent", {"user": "passwd", "group": "group"}[kind], name]).returncode == 0


def _is_used_elsewhere(kind: str, name: str, layout: Layout) -> bool:
    return any(
        f"\n{kind.capitalize()}={name}\n" in (read(path) or "")
        for path in glob.glob(os.path.join(UNITS, "*.service"))
        if os.path.basename(path) != layout.unit
    )


def _do(*command: str) -> None:
    result = run(command)
    if result.returncode != 0:
        raise RemoveError(f"{' '.join(command)} failed: {result.stderr.strip()}")
