"""Standard output and standard error as entries of the journal.

For what a program says past `logging`: prints, the reports of libraries, handlers that
know nothing of journald. What one call writes is one entry, so that a text of several
lines stays together and nothing printed can forge an entry or a priority. Writes made
outside of Python, in C or by a child process, are not seen here.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading

from systemd_handler._journald import under_journald
from systemd_handler._output import JournalLines, raw_file
from systemd_handler._pieces import LARGEST

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from types import TracebackType


class _Present(threading.local):
    """What the thread is writing now."""

    entry: OneEntry | None = None


_present = _Present()


class OneEntry:
    """A context: what is written to a stream of entries inside it is one entry.

    *level* is a level of `logging`, or None for that of the stream. With None, a context
    inside another adds nothing to it.
    """

    def __init__(self, level: int | None) -> None:
        self._level = level
        self._texts: dict[Entries, list[str]] = {}

    def __enter__(self) -> None:
        self._outer = _present.entry
        if self._outer is None or self._level is not None:
            _present.entry = self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _present.entry = self._outer
        for entries, texts in self._texts.items():
            try:
                entries.write(self._level, "".join(texts))
            except (OSError, ValueError):
                return  # the stream itself fails: there is nowhere to say it

    def add(self, entries: Entries, text: str) -> None:
        """Take *text*, which was written to *entries*."""
        self._texts.setdefault(entries, []).append(text)


class Entries:
    """The entries of one stream of the process.

    *fd* is 1 or 2, and *level* what an entry has unless something says more. When the
    descriptor leads elsewhere, as after ``dup2``, text goes there as it is.
    """

    def __init__(self, fd: int, level: int) -> None:
        self.plain = io.FileIO(fd, "w", closefd=False)
        self.lines = JournalLines(self.plain)
        self._level = level
        self._identity: tuple[int, int] | None = None
        self._journald = False
        self._held = threading.local()

    def put(self, text: str) -> None:
        """Take *text*, which is an entry when it ends a line, alone or with what follows."""
        if _present.entry is not None:
            _present.entry.add(self, text)
            return
        text = getattr(self._held, "text", "") + text
        whole = text.endswith("\n") or len(text) > LARGEST
        self._held.text = "" if whole else text
        if whole:
            self.write(None, text)

    def flush(self) -> None:
        """Write what this thread wrote since its last end of line."""
        text = getattr(self._held, "text", "")
        if text and _present.entry is None:
            self._held.text = ""
            self.write(None, text)

    def write(self, level: int | None, text: str) -> None:
        """Write *text* as one entry; without a *level*, blank lines say nothing."""
        if not self._leads_to_journald():
            self.plain.write(text.encode(errors="surrogateescape"))
        elif level is not None:
            self.lines.write(level, text.rstrip("\n"))
        elif text.strip():
            self.lines.write(self._level, text.rstrip("\n"))

    def _leads_to_journald(self) -> bool:
        status = os.fstat(self.plain.fileno())
        identity = (status.st_dev, status.st_ino)
        if identity != self._identity:
            self._identity = identity
            self._journald = under_journald(self.plain.fileno())
        return self._journald


class _EntryFile(io.FileIO):
    """The binary layer: what is written past the text layer, or by another one above.

    One write may hold many lines there, as buffers do, so each line is an entry.
    """

    def __init__(self, entries: Entries, name: str) -> None:
        super().__init__(entries.plain.fileno(), "w", closefd=False)
        self._entries = entries
        self.name = name

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        view = bytes(data)
        *lines, rest = view.decode("utf-8", "surrogateescape").split("\n")
        for line in lines:
            self._entries.put(f"{line}\n")
        if rest:
            self._entries.put(rest)
        return len(view)


class EntryStream(io.TextIOWrapper):
    """A text stream that makes an entry of what each call of `write` ends with a newline."""

    def __init__(self, fd: int, level: int, name: str) -> None:
        self.entries = Entries(fd, level)
        super().__init__(
            _EntryFile(self.entries, name),  # as `python -u` has it
            encoding="utf-8",
            errors="backslashreplace",
            write_through=True,
        )
        self.mode = "w"  # type: ignore[misc] # as Python sets it on its own

    def write(self, text: str) -> int:
        if self.closed or not isinstance(text, str):
            return super().write(text)  # raises what all text streams raise
        # Messages of loguru bring their record with them.
        record = getattr(text, "record", None)
        if record is None:
            self.entries.put(text)
        else:
            with OneEntry(record["level"].no):
                self.entries.put(text)
        return len(text)

    def flush(self) -> None:
        if not self.closed:
            self.entries.flush()


def replace_streams() -> None:
    """Put streams of entries in the place of the standard ones that lead to journald.

    Entries of standard output have priority 6, those of standard error 4. A stream that
    the program has replaced itself stays.
    """
    for name, fd, level in (("stdout", 1, logging.INFO), ("stderr", 2, logging.WARNING)):
        present = getattr(sys, name)
        if raw_file(present) is None or present.fileno() != fd or not under_journald(fd):
            continue
        present.flush()
        stream = EntryStream(fd, level, f"<{name}>")
        if getattr(sys, f"__{name}__") is present:
            setattr(sys, f"__{name}__", stream)
        setattr(sys, name, stream)
