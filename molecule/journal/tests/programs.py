"""Small programs that run as units of their own, and what the journal has of them."""

from __future__ import annotations

import itertools
import json
import os
import shlex
from typing import Any, NamedTuple

import pytest
from testinfra.host import Host

#: No limit for those that write much; 0 would count as unset on systemd 252.
UNLIMITED = {"LogRateLimitIntervalSec": "1s", "LogRateLimitBurst": "100000000"}
_NUMBERS = itertools.count()


class Entry(NamedTuple):
    """An entry: its priority, its message and all of its fields."""

    priority: int
    message: str
    fields: dict[str, Any]


class Journaled:
    """Runs programs under systemd and reads what they left in the journal."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.python = host.check_output("echo /opt/subject/environments/*/bin/python")

    def start(self, program: str, *options: str, **properties: str) -> str:
        """Start a program with ``systemd-run``; the name of its unit."""
        unit = f"case-{os.getpid()}-{next(_NUMBERS)}"  # of its own also when tests run again
        words = [f"--property={name}={value}" for name, value in properties.items()]
        words = ["systemd-run", "--quiet", f"--unit={unit}", *options, *words]
        result = self.host.run(shlex.join([*words, self.python, "-c", program]))
        if result.rc != 0 and "--wait" not in options:
            pytest.fail(result.stderr)
        return unit

    def entries_of(self, unit: str) -> list[Entry]:
        """What the processes of a unit wrote, oldest first."""
        self.host.check_output("journalctl --sync")
        output = self.host.check_output(
            f"journalctl --output json --all --no-pager --quiet --unit {unit}"
        )
        entries = [json.loads(line) for line in output.splitlines()]
        return [
            Entry(int(entry["PRIORITY"]), entry.get("MESSAGE", ""), entry)
            for entry in entries
            if entry["_PID"] != "1"
        ]

    def __call__(self, program: str, **properties: str) -> list[Entry]:
        """Run a program to its end; what it left in the journal."""
        return self.entries_of(self.start(program, "--wait", **properties))

    def unescaped(self, unit: str, output: str = "cat") -> list[str]:
        """Lines of a unit's journal as the filter gives them back."""
        self.host.check_output("journalctl --sync")
        texts = self.host.check_output(
            f"journalctl --output {output} --all --no-pager --quiet _SYSTEMD_UNIT={unit}.service"
            f" | {self.python} -m systemd_handler.unescape"
        )
        return [str(line) for line in texts.split("\n")]
