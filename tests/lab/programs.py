"""Small programs that run as units of their own, and what the journal has of them."""

from __future__ import annotations

import testinfra.host

from lab import journal, units
from lab.hosts import Host

UNLIMITED = units.UNLIMITED
Entry = journal.Entry


class Journaled:
    """Runs programs under systemd and reads what they left in the journal."""

    def __init__(self, host: testinfra.host.Host) -> None:
        self._host = Host(host.backend.name)
        self.python = self._host.shell("echo /opt/subject/environments/*/bin/python")

    def start(self, program: str, *options: str, **properties: str) -> str:
        """Start a program with ``systemd-run``; the name of its unit."""
        return units.start(self._host, [self.python, "-c", program], *options, **properties)

    def entries_of(self, unit: str) -> list[Entry]:
        """What the processes of a unit wrote, oldest first."""
        entries = journal.read(self._host, f"--unit={unit}")
        return [entry for entry in entries if entry.fields["_PID"] != "1"]

    def __call__(self, program: str, **properties: str) -> list[Entry]:
        """Run a program to its end; what it left in the journal."""
        return self.entries_of(self.start(program, "--wait", **properties))

    def unescaped(self, unit: str, output: str = "cat") -> list[str]:
        """Lines of a unit's journal as the filter gives them back."""
        texts = self._host.shell(
            "journalctl --sync;"
            f" journalctl --output {output} --all --no-pager --quiet _SYSTEMD_UNIT={unit}.service"
            f" | {self.python} -m systemd_handler.unescape"
        )
        return texts.split("\n")
