# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Look at a host before a deploy: what it has, and what stands in the way."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Mapping
from typing import Any

from .python_service_changes import changes
from .python_service_environment import is_whole
from .python_service_host import (
    DATA,
    UNITS,
    Layout,
    account_exists,
    is_own_unit,
    read,
    root_problem,
    run,
    show,
)
from .python_service_lock import complaint
from .python_service_record import Record, RecordError, read_record
from .python_service_verify import verify

OLDEST_PYTHON = (3, 9)
#: The oldest that the settings of the units are known to.
OLDEST_SYSTEMD = 247


def look(layout: Layout, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What the deploy of ``wanted`` depends on, and in ``problems`` what stands in its way.

    ``wanted`` has the parameters of the module `python_service_look`.
    """
    not_root = root_problem()
    if not_root:
        return {"problems": [not_root]}
    try:
        record = read_record(layout.name)
    except RecordError as error:
        return {"problems": [str(error)]}
    refusals, warnings = _units_verified(wanted["units"])
    found = {
        "user_exists": account_exists("user", wanted["user"]),
        "group_exists": account_exists("group", wanted["group"]),
        "release_exists": layout.is_whole(wanted["release"]),
        "environment_exists": is_whole(layout, wanted["environment"]),
        "claimed": record is not None,
        "complaints": warnings,
        "problems": [
            *_busy_problems(layout.name),
            *_systemd_problems(),
            *_name_problems(layout, record),
            *_root_problems(layout),
            *_user_problems(wanted["user"]),
            *_python_problems(wanted["python"]),
            *_program_problems(wanted.get("program")),
            *refusals,
        ],
    }
    if wanted.get("files") is not None:
        found["changes"] = changes(layout, wanted["files"])
    return found


def _units_verified(units: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """What systemd refuses and warns of in those units that are not installed already."""
    new = {name: text for name, text in units.items() if read(os.path.join(UNITS, name)) != text}
    if not new:
        return [], []
    refusals, warnings = verify(new)
    if refusals:
        words = "\n".join(f"  {line}" for line in refusals)
        refusal = (
            "systemd refuses the unit; correct python_service_unit_options or "
            f"python_service_command:\n{words}"
        )
        return [refusal], []
    return [], warnings


def _busy_problems(name: str) -> list[str]:
    words = complaint(name)
    return [words] if words else []


def _user_problems(user: str) -> list[str]:
    found = run(["getent", "passwd", user]).stdout.split(":")
    if len(found) > 2 and found[2] == "0":
        return [
            (
                f"python_service_user: {user} could write the service's own code; name an account "
                "without such rights, and give it what it needs by AmbientCapabilities= in "
                "python_service_unit_options"
            )
        ]
    return []


def _program_problems(program: str | None) -> list[str]:
    if program and not (os.path.isfile(program) and os.access(program, os.X_OK)):
        return [
            (
                f"python_service_command: {program} is no program on this host; install it there, "
                "or name one that the release brings"
            )
        ]
    return []


def _systemd_problems() -> list[str]:
    if not os.path.isdir("/run/systemd/system"):  # sd_booted(3)
        return ["the host was not booted with systemd, which is what runs the service"]
    words = run(["systemctl", "--version"]).stdout.split()
    if int(words[1].split(".")[0].split("~")[0]) < OLDEST_SYSTEMD:
        return [f"the host has systemd {words[1]}; the role needs {OLDEST_SYSTEMD} or newer"]
    return []


def _name_problems(layout: Layout, record: Record | None) -> list[str]:
    """Refuse to take over what somebody else made."""
    found = []
    if (
        record
        and record.root != layout.root
        and os.path.lexists(Layout(record.root, layout.name).base)
    ):
        found.append(
            f"python_service_root: {layout.name} is in {record.root} on this host; "
            "write that, or remove the service there first (python_service_state: absent)"
        )
    if record is None:
        # systemd would hand the latter over to the service's account, with all that is in them.
        own = [layout.base, *(os.path.join(parent, layout.name) for parent in DATA)]
        found += [
            f"python_service_name: {path} is there and is not this role's; take another name, "
            "or move it away"
            for path in own
            if os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path))
        ]
    elif os.path.lexists(layout.current) and not os.path.islink(layout.current):
        found.append(f"python_service_name: {layout.current} is no link; remove it")
    fragment = show(layout.unit, "FragmentPath")["FragmentPath"]
    installed = os.path.join(UNITS, layout.unit)
    path = installed if os.path.lexists(installed) else fragment
    if path and os.path.lexists(path) and not is_own_unit(path):
        found.append(
            f"python_service_name: the host has a {layout.unit} of its own, {path}; "
            "take another name, or disable that unit and remove it"
        )
    return found


def _root_problems(layout: Layout) -> list[str]:
    """What is root's must not lie where somebody else can put another in its place."""
    path = layout.releases
    while True:
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            pass
        else:
            if not stat.S_ISDIR(status.st_mode):
                return [f"python_service_root: {path} is no directory; name a real one"]
            if status.st_uid != 0 or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return [
                    (
                        f"python_service_root: {path} can be written by others than root, "
                        "who could replace the service's code; name a directory that is root's"
                    )
                ]
        if path == "/":
            return []
        path = os.path.dirname(path)


def _python_problems(python: str) -> list[str]:
    probe = "import sys, venv; print(*sys.version_info[:3])"
    try:
        result = run([python, "-c", probe])
    except OSError as error:
        others = sorted(
            glob.glob("/usr/bin/python3*[0-9]") + glob.glob("/usr/local/bin/python3*[0-9]")
        )
        instead = " or ".join(others) if others else "the path of a Python that you install there"
        return [
            (
                f"python_service_python: {python} cannot be run on this host ({error.strerror}); "
                f"write {instead}"
            )
        ]
    words = result.stdout.split()
    if result.returncode != 0 or len(words) != 3 or not all(word.isdigit() for word in words):
        said = result.stderr.strip() or "it is no Python"
        return [f"python_service_python: {python} cannot make environments: {said}"]
    version = tuple(int(word) for word in words)
    if version < OLDEST_PYTHON:
        return [
            (
                f"python_service_python: {python} is Python {'.'.join(map(str, version))}; "
                f"name one that is {'.'.join(map(str, OLDEST_PYTHON))} or newer"
            )
        ]
    return []
