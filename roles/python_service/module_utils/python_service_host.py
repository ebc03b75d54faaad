# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What the steps on a host share: where things are, and how to ask systemd.

Runs on the host, with the standard library of Python 3.9 alone.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

UNITS = "/etc/systemd/system"
#: Where systemd makes a service's state, cache and log directories.
DATA = ("/var/lib", "/var/cache", "/var/log")
#: The first words of every unit file that the role writes: what tells its own from others.
UNIT_MARK = "# Made by the Ansible role python_service"


class Layout(NamedTuple):
    """Where a service's things are on the host; every path is made here."""

    root: str
    name: str

    @property
    def base(self) -> str:
        """The service's own directory."""
        return os.path.join(self.root, self.name)

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
    def history(self) -> str:
        return os.path.join(self.base, "history.jsonl")

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

    def release_mark(self, release: str) -> str:
        """The release.json of a release."""
        return os.path.join(self.release(release), "release.json")

    def is_whole(self, release: str) -> bool:
        """Whether a release is there; what was taken out of it by hand is missed."""
        directory = self.release(release)
        return all(
            os.path.exists(os.path.join(directory, name))
            for name in ("app", "units", "release.json")
        )

    def release_facts(self, release: str) -> dict[str, Any] | None:
        """Content of a release's release.json, or None where there is no such release."""
        text = read(self.release_mark(release))
        return None if text is None else json.loads(text)

    def current_release(self) -> str | None:
        """Id of the release that was activated last."""
        try:
            return os.path.basename(os.readlink(self.current))
        except OSError:
            return None


def run(
    command: Sequence[str], more: Mapping[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command in the C locale, with ``more`` variables, and take its output.

    No status is an error here.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
    environment.update(more or {})
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
    """Replace a file by one step, so that no reader ever sees half of it.

    What is left by one that was cut off is taken up by the next: one step at a
    time works on a service, in directories that are root's.
    """
    temporary = temporary_name(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(temporary, flags, mode), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)


def temporary_name(path: str) -> str:
    """Where a new `path` is made before it takes its place."""
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.new")


def read(path: str) -> str | None:
    """Text of a file, or None when there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def account_exists(kind: str, name: str) -> bool:
    """Whether the host has an account; ``kind`` is ``user`` or ``group``."""
    database = {"user": "passwd", "group": "group"}[kind]
    return run(["getent", database, name]).returncode == 0


def root_problem() -> str | None:
    """What to do where this does not run as root."""
    return None if os.geteuid() == 0 else "the role needs root on the host; set become: true"


def is_own_unit(path: str) -> bool:
    """Whether the role wrote the unit file at ``path``."""
    return (read(path) or "").startswith(UNIT_MARK)
