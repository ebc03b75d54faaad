# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What the steps on a host share: where things are, and how to ask systemd.

Runs on the host, with the standard library of Python 3.9 alone.
"""

from __future__ import annotations

import glob
import json
import os
import stat
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

UNITS = "/etc/systemd/system"
#: The first words of every unit file that the role writes: what tells its own from others.
UNIT_MARK = "# Made by the Ansible role python_service"
OLDEST_PYTHON = (3, 9)
#: First with ``LogExtraFields=`` kept for running services, credentials and ``systemd-analyze verify``.
OLDEST_SYSTEMD = 247


class Layout(NamedTuple):
    """Where a service's things are on the host; every path is made here."""

    root: str
    name: str

    @property
    def base(self) -> str:
        """The service's own directory."""
        return os.path.join(self.root, self.name)

    @property
    def made(self) -> str:
        """JSON ``{"users": […], "groups": […]}``: the accounts that the role made.

        It also says that the directory is the role's own.
        """
        return os.path.join(self.base, "made.json")

    @property
    def releases(self) -> str:
        return os.path.join(self.base, "releases")

    @property
    def environments(self) -> str:
        return os.path.join(self.base, "environments")

    @property
    def current(self) -> str:
        return os.path.join(self.base, "current")

    @property
    def unit(self) -> str:
        return f"{self.name}.service"

    def release(self, release: str) -> str:
        return os.path.join(self.releases, release)

    def environment(self, environment: str) -> str:
        return os.path.join(self.environments, environment)

    def environment_mark(self, environment: str) -> str:
        """Written when an environment is whole, as the last of its files."""
        return os.path.join(self.environment(environment), "environment.json")

    def current_release(self) -> str | None:
        """Id of the release that was activated last."""
        try:
            return os.path.basename(os.readlink(self.current))
        except OSError:
            return None


def run(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in the C locale and take its output; no status is an error here."""
    environment = {**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
    return subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
        **options,
    )


def show(unit: str, *properties: str) -> dict[str, str]:
    """Properties of a unit as ``systemctl show`` gives them, one call for all."""
    result = run(["systemctl", "show", "--property", ",".join(properties), unit])
    pairs = (line.partition("=") for line in result.stdout.splitlines())
    return {**dict.fromkeys(properties, ""), **{name: value for name, _, value in pairs}}


def write(path: str, text: str, mode: int = 0o644) -> None:
    """Replace a file by one step, so that no reader ever sees half of it."""
    handle, temporary = tempfile.mkstemp(
        prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path)
    )
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read(path: str) -> str | None:
    """Text of a file, or None when there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def read_made(layout: Layout) -> dict[str, list[str]] | None:
    """The accounts that the role made, or None where the directory is not its own."""
    text = read(layout.made)
    return None if text is None else json.loads(text)


def is_own_unit(path: str) -> bool:
    """Whether the role wrote the unit file at ``path``."""
    return (read(path) or "").startswith(UNIT_MARK)


def look(layout: Layout, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What the deploy of ``wanted`` depends on, and in ``problems`` what stands in its way.

    ``wanted`` has the parameters of the module `python_service_look`.
    """
    found: dict[str, Any] = {
        "user_exists": _has_account("passwd", wanted["user"]),
        "group_exists": _has_account("group", wanted["group"]),
        "release_exists": os.path.isdir(layout.release(wanted["release"])),
        "environment_exists": os.path.exists(layout.environment_mark(wanted["environment"])),
    }
    if os.geteuid() != 0:
        found["problems"] = ["the role needs root on the host; set become: true"]
        return found
    found["made"] = read_made(layout) or {"users": [], "groups": []}
    found["problems"] = [
        *_systemd_problems(),
        *_name_problems(layout),
        *_root_problems(layout),
        *_python_problems(wanted["python"]),
    ]
    program = wanted.get("program")
    if program and not os.access(program, os.X_OK):
        found["problems"].append(
            f"python_service_command: {program} is no program on this host; install it there, "
            "or name one that the release brings"
        )
    return found


def _has_account(database: str, name: str) -> bool:
    return run(["getent", database, name]).returncode == 0


def _systemd_problems() -> list[str]:
    if not os.path.isdir("/run/systemd/system"):  # sd_booted(3)
        return ["the host was not booted with systemd, which is what runs the service"]
    words = run(["systemctl", "--version"]).stdout.split()
    if int(words[1].split(".")[0].split("~")[0]) < OLDEST_SYSTEMD:
        return [f"the host has systemd {words[1]}; the role needs {OLDEST_SYSTEMD} or newer"]
    return []


def _name_problems(layout: Layout) -> list[str]:
    """Refuse to take over what somebody else made."""
    found = []
    if os.path.isdir(layout.base) and os.listdir(layout.base) and not os.path.exists(layout.made):
        found.append(
            f"python_service_name: {layout.base} is there and is not this role's; "
            "take another name or another python_service_root"
        )
    fragment = show(layout.unit, "FragmentPath")["FragmentPath"]
    own = os.path.join(UNITS, layout.unit)
    path = own if os.path.lexists(own) else fragment
    if path and os.path.lexists(path) and not is_own_unit(path):
        found.append(
            f"python_service_name: the host has a {layout.unit} of its own, {path}; "
            "take another name, or disable that unit and remove it"
        )
    return found


def _root_problems(layout: Layout) -> list[str]:
    """What is root's must not lie where somebody else can put another in its place."""
    path = layout.base
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
    if result.returncode != 0:
        return [
            f"python_service_python: {python} cannot make environments: {result.stderr.strip()}"
        ]
    version = tuple(int(word) for word in result.stdout.split())
    if version < OLDEST_PYTHON:
        return [
            (
                f"python_service_python: {python} is Python {'.'.join(map(str, version))}; "
                f"name one that is {'.'.join(map(str, OLDEST_PYTHON))} or newer"
            )
        ]
    return []
