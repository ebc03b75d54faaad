"""A host whose units of Python are measured, and its journal in figures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from lab import units
from lab.hosts import Host


class Container(Host):
    """A running host by its name; *directory* in it is where Python finds modules."""

    def __init__(self, name: str, directory: str) -> None:
        super().__init__(name)
        self._directory = directory
        self.check("mkdir", "-p", directory)

    def add(self, path: Path) -> None:
        """Put a file or a directory where Python finds modules."""
        self.copy(path, f"{self._directory}/")

    def python(self, module: str, *arguments: str) -> str:
        """Output of a module that is run past systemd."""
        path = f"PYTHONPATH={self._directory}"
        return self.check("env", path, "python3", "-m", module, *arguments)

    def unit(self, module: str, *arguments: str, unbuffered: bool) -> str:
        """Run a module as a unit to its end, well or not; return the name of the unit.

        All that it wrote is in the journal then.
        """
        options = ["--wait", "--collect", f"--setenv=PYTHONPATH={self._directory}"]
        if unbuffered:
            options.append("--setenv=PYTHONUNBUFFERED=1")
        program = ["python3", "-m", module, *arguments]
        unit = units.start(self, program, *options, **units.UNLIMITED)
        self.check("journalctl", "--sync")
        return f"{unit}.service"

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
        self.check("journalctl", "--quiet", "--rotate")
        self.check("journalctl", "--quiet", "--vacuum-files=1")
