"""Show journal entries on a terminal: time, priority and text, one entry by one.

For instance::

    03:45:12.123  6 info     serving on http://0.0.0.0:8080
    03:45:13.008  3 err      GET /raise failed
                  │          Traceback (most recent call last):
                  │          RuntimeError: a button asked for this exception
                  ╰ one entry, 3 lines

Line ends that a service escaped, so that its entry stayed one, are shown as line ends again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from lab.journal import Entry
from lab.steps import faint, painted
from systemd_handler._escape import unescape

PRIORITIES = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]

# As journalctl has them, and an alarm that nobody overlooks for the two above critical.
COLOURS = ["1;97;41", "1;97;41", "1;31", "1;31", "1;33", "1", "", "2"]

INDENT = " " * 14


def show(entries: Iterable[Entry]) -> None:
    """Print entries."""
    for entry in entries:
        for line in lines_of(entry):
            print(line)


def lines_of(entry: Entry) -> Iterator[str]:
    """The lines that show one entry."""
    colour = COLOURS[entry.priority]
    seconds = int(entry.fields["__REALTIME_TIMESTAMP"]) / 1_000_000
    time = f"{datetime.fromtimestamp(seconds).astimezone():%H:%M:%S.%f}"[:12]

    first, *others = text_of(entry).split("\n")
    label = f"{entry.priority} {PRIORITIES[entry.priority]:<8}"
    yield f"{faint(time)}  {painted(f'{label} {first}', colour)}"
    for line in others:
        yield f"{INDENT}{faint('│')}          {painted(line, colour)}"
    if others:
        yield INDENT + faint(f"╰ one entry, {1 + len(others)} lines")


def text_of(entry: Entry) -> str:
    """An entry's message with its own line ends, and nothing that could steer a terminal."""
    text = entry.text
    if entry.fields.get("_TRANSPORT") == "stdout":
        text = unescape(text)
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else sign.encode("unicode_escape").decode()
        for sign in text
    )
