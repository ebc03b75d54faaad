"""Show journal entries on a terminal: time, priority and text, one entry by one.

Reads the lines of ``journalctl --output=json --all`` and writes, for instance::

    03:45:12.123  6 info     serving on http://0.0.0.0:8080
    03:45:13.008  3 err      GET /raise failed
                  |          Traceback (most recent call last):
                  |          RuntimeError: a button asked for this exception
                  '          one entry, 3 lines

Line ends that a service escaped, so that its entry stayed one, are shown as line ends again.
Fields of an entry: systemd.journal-fields(7); their JSON: https://systemd.io/JOURNAL_EXPORT_FORMATS/
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "roles/python_service/files"))

from systemd_handler._escape import unescape

PRIORITIES = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]

# As journalctl has them, and an alarm that nobody overlooks for the two above critical.
COLOURS = ["1;97;41", "1;97;41", "1;31", "1;31", "1;33", "1", "", "2"]
FAINT = "2"

INDENT = " " * 14


def text_of(entry: dict[str, Any]) -> str:
    """Give an entry's message with its own line ends, and nothing that could steer a terminal."""
    message = entry.get("MESSAGE")
    if isinstance(message, list):
        # Bytes that are no text come as numbers.
        message = bytes(message).decode(errors="replace")
    text = message or ""
    if entry.get("_TRANSPORT") == "stdout":
        text = unescape(text)
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else sign.encode("unicode_escape").decode()
        for sign in text
    )


def paint(text: str, colour: str) -> str:
    """Colour a text, unless `colour` is empty."""
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text


def lines_of(entry: dict[str, Any], *, coloured: bool) -> Iterator[str]:
    """Give the lines that show one entry."""
    # An entry without a priority has systemd's default, info.
    priority = int(entry.get("PRIORITY", 6))
    colour = COLOURS[priority] if coloured else ""
    faint = FAINT if coloured else ""
    seconds = int(entry["__REALTIME_TIMESTAMP"]) / 1_000_000
    time = f"{datetime.fromtimestamp(seconds).astimezone():%H:%M:%S.%f}"[:12]

    first, *others = text_of(entry).split("\n")
    label = f"{priority} {PRIORITIES[priority]:<8}"
    yield f"{paint(time, faint)}  {paint(f'{label} {first}', colour)}"
    gutter = paint("│", faint)
    for line in others:
        yield f"{INDENT}{gutter}          {paint(line, colour)}"
    if others:
        yield INDENT + paint(f"╰ one entry, {1 + len(others)} lines", faint)


def main(journal: Iterable[str]) -> None:
    """Show the entries of `journal`, a JSON object a line."""
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for line in journal:
        for shown in lines_of(json.loads(line), coloured=coloured):
            print(shown)


if __name__ == "__main__":
    main(sys.stdin)
