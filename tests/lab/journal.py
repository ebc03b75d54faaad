"""The journal of a host, entry by entry."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from lab.hosts import Host


class Entry(NamedTuple):
    """An entry: its priority, its message, and all of its fields: systemd.journal-fields(7).

    The message is text, or bytes where journalctl shows it as "[5B blob data]".
    """

    priority: int
    message: Any
    fields: dict[str, Any]

    @property
    def text(self) -> str:
        """The message as text in any case."""
        blob = isinstance(self.message, bytes)
        return self.message.decode(errors="replace") if blob else str(self.message)


def read(host: Host, *words: str) -> list[Entry]:
    """What journalctl finds when it is called with those words, oldest first."""
    host.check("journalctl", "--sync")
    options = ("--quiet", "--no-pager", "--all", "--output=json")
    found = host.check("journalctl", *options, *words)
    return [entry_of(json.loads(line)) for line in found.split("\n") if line]


def entry_of(fields: dict[str, Any]) -> Entry:
    """An entry from its JSON: https://systemd.io/JOURNAL_EXPORT_FORMATS/ ."""
    message = fields.get("MESSAGE") or ""
    if isinstance(message, list):
        # Bytes that are no text come as numbers.
        message = bytes(message)
    # One without a priority has systemd's default, info.
    return Entry(int(fields.get("PRIORITY", 6)), message, fields)


def since(host: Host) -> list[str]:
    """Words by which `read` will find what comes after all that is in the journal now."""
    last = host.check("journalctl", "--quiet", "--no-pager", "--lines=1", "--output=json")
    return [f"--after-cursor={json.loads(last)['__CURSOR']}"] if last else []
