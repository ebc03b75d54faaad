# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Where a service's things are on its host; every path is made here."""

from __future__ import annotations

import os
from typing import NamedTuple

#: The first words of every unit file that the role writes: what tells its own from others.
UNIT_MARK = "# Made by the Ansible role python_service"
#: Directories that ProtectHome= hides: systemd.exec(5).
HOMES = ("/home", "/root", "/run/user")
#: The drop-in of a unit that the role writes for this host alone.
DROP_IN = "{unit}.d/python_service-host.conf"
#: How the names of units end that are there besides those of a process while a release takes the place
#: of another, and gone after a boot; no process has such a name.
STAND_IN, TRIAL, TRIAL_SOCKET = "@next.service", "@trial.service", "@trial.socket"


class Layout(NamedTuple):
    """Paths of the service ``name``, whose own directory lies in ``root``.

    ``host`` is where the host's file system begins: elsewhere than ``/`` in tests alone.
    """

    root: str
    name: str
    host: str = "/"

    def _at(self, *parts: str) -> str:
        return os.path.join(self.host, *(part.lstrip("/") for part in parts))

    @property
    def base(self) -> str:
        """The service's own directory."""
        return self._at(self.root, self.name)

    @property
    def releases(self) -> str:
        return os.path.join(self.base, "releases")

    @property
    def venvs(self) -> str:
        """Virtual environments, by the digests of what determines them."""
        return os.path.join(self.base, "environments")

    @property
    def current(self) -> str:
        return os.path.join(self.base, "current")

    @property
    def run(self) -> str:
        """The script by which root runs commands in the current release."""
        return os.path.join(self.base, "run")

    @property
    def history(self) -> str:
        return os.path.join(self.base, "history.jsonl")

    @property
    def secrets(self) -> str:
        """The values of the service's secrets, a file each, by their names."""
        return os.path.join(self.base, "secrets")

    @property
    def old_secrets(self) -> str:
        """The values of before, until it is proven that the service works with new ones."""
        return os.path.join(self.base, "old-secrets")

    @property
    def new_secrets(self) -> str:
        """The values that a release is to have, while commands run in it before it is activated."""
        return os.path.join(self.base, "new-secrets")

    @property
    def units(self) -> str:
        """Where systemd looks for the units that an administrator made."""
        return self._at("/etc/systemd/system")

    @property
    def new_unit(self) -> str:
        """Where each of a service's units is written before it takes its place.

        One name for all, that what a run has left there is found; no other
        service has it, since names hold no dot.
        """
        return os.path.join(self.units, f".{self.name}.new")

    @property
    def transient_units(self) -> str:
        """Units that are gone after a boot."""
        return self._at("/run/systemd/system")

    @property
    def data(self) -> tuple[str, ...]:
        """The service's state, cache and log directory, which systemd makes."""
        return tuple(
            self._at(parent, self.name) for parent in ("/var/lib", "/var/cache", "/var/log")
        )

    @property
    def sockets(self) -> str:
        """The main process's own directory for sockets and the like, which systemd makes for each start."""
        return self.runtime_directory(self.name)

    def runtime_directory(self, stem: str) -> str:
        """The directory in /run of the process whose units have this name."""
        return self._at("/run", stem)

    @property
    def records(self) -> str:
        """Records of all services; no service has this name, since names hold no dot."""
        return self._at("/var/lib/python_service.d")

    @property
    def record(self) -> str:
        return os.path.join(self.records, f"{self.name}.json")

    @property
    def wheels(self) -> str:
        """The store of wheels of all services in ``root``; none of them has this name.

        Beside them, since a hard link stays in its file system.
        """
        return self._at(self.root, "python_service.d", "wheels")

    @property
    def runtime(self) -> str:
        """Locks and notes on what runs: root's, and gone after a boot."""
        return self._at("/run/python_service")

    @property
    def commands(self) -> str:
        """What the names of the units of commands begin with; no service has it, since names hold no dot.

        By the dash at its end, drop-ins of a unit of this name are theirs: systemd.unit(5).
        """
        return f"{self.name}.run-"

    @property
    def main_unit(self) -> str:
        return f"{self.name}.service"

    @property
    def target(self) -> str:
        """The unit by which all others of the service are started and stopped."""
        return f"{self.name}.target"

    def stem(self, process: str, instance: str = "") -> str:
        """The name of a process's units without their suffix; the main process has no name."""
        stem = f"{self.name}-{process}" if process else self.name
        return f"{stem}@{instance}" if instance else stem

    def process_of(self, unit: str) -> str:
        """What people call the process of a unit: ``main``, or its name, with that of an instance."""
        stem = unit.rpartition(".")[0]
        for suffix in (STAND_IN, TRIAL):
            stem = stem.removesuffix(suffix.partition(".")[0])
        return stem.removeprefix(self.name).removeprefix("-") or "main"

    def variable(self, unit: str, name: str) -> str:
        """The variable, by its name without the prefix, that says this of the process of a unit."""
        process = self.process_of(unit).partition("@")[0]
        further = f"processes.{process}." if process != "main" else ""
        return f"python_service_{further}{name}"

    def release(self, release: str) -> str:
        return os.path.join(self.releases, release)

    def app(self, release: str) -> str:
        """The source of a release, the working directory of its processes."""
        return os.path.join(self.release(release), "app")

    def etc(self, release: str) -> str:
        """The configuration files of a release."""
        return os.path.join(self.release(release), "etc")

    def venv(self, venv: str) -> str:
        return os.path.join(self.venvs, venv)

    def secret(self, name: str) -> str:
        return os.path.join(self.secrets, name)

    def unit(self, name: str) -> str:
        """Path of an installed unit, of a drop-in, which is named ``UNIT.d/NAME.conf``, or of `run`, named by it."""
        return os.path.join(self.transient_units if name.endswith(STAND_IN) else self.units, name)
