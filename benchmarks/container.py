"""A container with systemd, in which programs run as units and write to its journal."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import NamedTuple

# No limit; 0 would count as unset on systemd 252.
_PROPERTIES = ("LogRateLimitIntervalSec=1s", "LogRateLimitBurst=100000000")


class Entry(NamedTuple):
    """An entry of the journal.

    journalctl shows one that is a *blob* as "[5B blob data]", and one that has no *unit*
    not where a unit is asked for: its process had ended before journald looked.
    """

    priority: int
    text: str
    blob: bool
    unit: bool


class Container:
    """A running container by its name; *directory* in it is where Python finds modules."""

    def __init__(self, name: str, directory: str) -> None:
        self._name = name
        self._directory = directory
        self._units = 0
        self.on("mkdir", "-p", directory)

    def on(self, *command: str) -> str:
        """Output of a command; raises `subprocess.CalledProcessError` when it fails."""
        return subprocess.run(
            ["docker", "exec", self._name, *command],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def shell(self, script: str) -> str:
        """Output of a script."""
        return self.on("bash", "-euo", "pipefail", "-c", script)

    def copy(self, path: Path) -> None:
        """Put a file or a directory where Python finds modules."""
        target = f"{self._name}:{self._directory}/"
        subprocess.run(
            ["docker", "cp", str(path), target],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    def python(self, module: str, *arguments: str) -> str:
        """Output of a module that is run past systemd."""
        path = f"PYTHONPATH={self._directory}"
        return self.on("env", path, "python3", "-m", module, *arguments).strip()

    def unit(self, module: str, *arguments: str, unbuffered: bool) -> str:
        """Run a module as a unit to its end, well or not; return the name of the unit.

        All that it wrote is in the journal then.
        """
        self._units += 1
        unit = f"bench-{self._units}.service"
        command = ["systemd-run", "--wait", "--quiet", "--collect", f"--unit={unit}"]
        command += [f"--property={each}" for each in _PROPERTIES]
        command.append(f"--setenv=PYTHONPATH={self._directory}")
        if unbuffered:
            command.append("--setenv=PYTHONUNBUFFERED=1")
        command += ["python3", "-m", module, *arguments]
        subprocess.run(
            ["docker", "exec", self._name, *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=900,
            check=False,
        )
        self.on("journalctl", "--sync")
        return unit

    def cursor(self) -> str:
        """The place of the journal's last entry."""
        last = self.on("journalctl", "--quiet", "--lines=1", "--output=json")
        return str(json.loads(last)["__CURSOR"])

    def entries(self, unit: str, since: str) -> list[Entry]:
        """What the processes of a unit wrote, and those of no unit, after the place *since*."""
        found = self.on(
            "journalctl",
            *("--quiet", "--no-pager", "--all", f"--after-cursor={since}"),
            *("--output=json", "--output-fields=PRIORITY,MESSAGE,_SYSTEMD_UNIT,_TRANSPORT"),
        )
        all_fields = [json.loads(line) for line in found.splitlines()]
        return [
            _entry(fields)
            for fields in all_fields
            if fields["_TRANSPORT"] in ("stdout", "journal")
            and fields.get("_SYSTEMD_UNIT", unit) == unit
        ]

    def priorities(self, unit: str) -> Counter[int]:
        """How many entries of each priority the processes of a unit wrote."""
        found = self.shell(
            f"journalctl --quiet --no-pager --output=cat --output-fields=PRIORITY"
            f" _SYSTEMD_UNIT={unit} | sort | uniq --count"
        )
        pairs = (line.split() for line in found.splitlines())
        return Counter({int(priority): int(count) for count, priority in pairs})

    def distinct(self, unit: str) -> int:
        """How many different texts the processes of a unit wrote."""
        texts = f"journalctl --quiet --no-pager --output=cat _SYSTEMD_UNIT={unit}"
        return int(self.shell(f"{texts} | sort --unique | wc --lines"))

    def clear_journal(self) -> None:
        """Remove what is in the journal, so that journald need not do it while a unit writes.

        In a journal of several millions a case once had an entry more than it wrote.
        """
        self.on("journalctl", "--quiet", "--rotate")
        self.on("journalctl", "--quiet", "--vacuum-files=1")


def _entry(fields: dict[str, object]) -> Entry:
    message = fields.get("MESSAGE")
    blob = isinstance(message, list)
    text = bytes(message).decode(errors="replace") if isinstance(message, list) else str(message)
    return Entry(int(str(fields["PRIORITY"])), text, blob, "_SYSTEMD_UNIT" in fields)
