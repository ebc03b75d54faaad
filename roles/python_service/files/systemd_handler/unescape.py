"""Turns entries of the journal back into the text that was logged.

A filter: ``journalctl -u NAME -o cat | python -m systemd_handler.unescape`` gives
texts with their real newlines, ``journalctl -u NAME -o json --all | …`` gives the same
JSON with ``MESSAGE`` as it was logged. The pieces of a long text are put together; of
several processes that log at once only JSON tells which piece is whose.

On a terminal, control characters other than newline and tab stay escaped, so that what
a stranger sent cannot steer it.
"""

from __future__ import annotations

import json
import os
import sys

from systemd_handler._escape import escape_unsafe, unescape
from systemd_handler._pieces import Joiner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

__all__ = ["unescape"]

_USAGE = "usage: journalctl -o cat|json … | python -m systemd_handler.unescape"


def unescaped(lines: Iterable[str]) -> Iterator[str]:
    """Give the texts of *lines*, without their ends, as they were before `escape`.

    Lines that ``journalctl -o json`` wrote stay JSON.
    """
    joiner = Joiner()
    for line in lines:
        entry = _entry(line)
        if entry is None:
            whole = joiner.add(line)
        else:
            writer = (entry.get("_BOOT_ID"), entry.get("_PID"))
            whole = joiner.add(entry["MESSAGE"], entry, writer)
        yield from map(_text, whole)
    yield from map(_text, joiner.rest())


def main() -> int:
    """Filter standard input to standard output; return the exit status."""
    if len(sys.argv) > 1:
        print(_USAGE)
        return 0 if sys.argv[1] in ("-h", "--help") else 2
    safe = escape_unsafe if sys.stdout.isatty() else str
    try:
        with open(0, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            for text in unescaped(line.rstrip("\n") for line in lines):
                sys.stdout.buffer.write(_bytes(f"{safe(text)}\n"))
                sys.stdout.buffer.flush()  # so that `journalctl --follow` can be read along
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has had enough
    except KeyboardInterrupt:
        return 130
    return 0


def _text(pair: tuple[str, dict[str, Any] | None]) -> str:
    text, entry = pair
    if entry is None:
        return unescape(text)
    return json.dumps({**entry, "MESSAGE": unescape(text)})


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")  # the bytes that a file name had
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _entry(line: str) -> dict[str, Any] | None:
    """Return the entry that *line* is in JSON, if it is one with a message of text."""
    if not line.startswith("{"):
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    is_entry = "__REALTIME_TIMESTAMP" in entry and isinstance(entry.get("MESSAGE"), str)
    return entry if is_entry else None


if __name__ == "__main__":
    sys.exit(main())
