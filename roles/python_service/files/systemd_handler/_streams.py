"""Standard output and standard error as entries of the journal.

For what a program says past `logging`: prints, the reports of libraries, handlers that
know nothing of journald. What one call writes is one entry, so that a text of several
lines stays together and nothing printed can forge an entry or a priority. Writes made
outside of Python, in C or by a child process, are not seen here.
"""

from __future__ import annotations

import atexit
import io
import os
import sys
from _thread import _local, get_ident
from contextvars import ContextVar
from time import monotonic

from systemd_handler._journald import under_journald
from systemd_handler._levels import INFO, WARNING
from systemd_handler._output import JournalLines, flush_whole, raw_file, write_whole

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, TypeVar

    _Function = TypeVar("_Function", bound=Callable[..., Any])


# Characters of a line that does not end, before it is an entry all the same.
_LONGEST_HALF = 1 << 20

# Seconds before a record looks again where a stream leads to.
_SURE_FOR = 0.01

# What is being written now: a variable of the context, since greenlets share a thread.
_present: ContextVar[OneEntry | None] = ContextVar("systemd_handler", default=None)


def _entry() -> OneEntry | None:
    entry = _present.get()
    # A thread that inherited the context is not inside, and neither is one entry after its end.
    return entry if entry is not None and entry.owner == get_ident() else None


def _leave_after_fork() -> None:
    entry = _present.get()
    if entry is not None:
        entry.owner = None  # it is the parent's to write


os.register_at_fork(after_in_child=_leave_after_fork)


class OneEntry:
    """A context: what is written to a stream of entries inside it is one entry.

    *level* is a level of `logging`, or None for that of the stream. With None, a context
    inside another adds nothing to it.
    """

    def __init__(self, level: int | None) -> None:
        self._level = level
        self._texts: dict[Entries, list[str]] = {}
        self.wrote = False  # whether anything came to a stream of entries
        self.owner: int | None = None  # the thread that is inside

    def __enter__(self) -> None:
        self._before = _present.get()
        if self._level is not None or _entry() is None:
            self.owner = get_ident()
            _present.set(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _present.set(self._before)
        if self.owner is None:
            return
        self.owner = None
        for entries, texts in self._texts.items():
            entries.try_to_write(self._level, "".join(texts))

    def flush(self, entries: Entries) -> None:
        """Write what came to *entries*, if it ends a line: the process may not go on for long."""
        texts = self._texts.get(entries)
        if texts and texts[-1].endswith("\n"):
            del self._texts[entries]
            entries.write(self._level, "".join(texts))

    def add(self, entries: Entries, text: str) -> None:
        """Take *text*, which was written to *entries*."""
        if text:
            self.wrote = True
            self._texts.setdefault(entries, []).append(text)


def as_one_entry(function: _Function, level: int | None) -> _Function:
    """Return *function* such that what it writes is one entry."""
    import functools  # slow to import, and whoever has something to wrap has it

    @functools.wraps(function)
    def write_one_entry(*arguments: Any, **named: Any) -> Any:
        with OneEntry(level):
            return function(*arguments, **named)

    return write_one_entry  # type: ignore[return-value]


class _HalfLine:
    """What a thread has written since its last end of line; an entry when the thread ends."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self.text = ""
        self.drawn = False  # and flushed, as a bar that shows how far something is

    def __del__(self) -> None:
        if self.text:
            self._entries.try_to_write(None, self.text)


class _Held(_local):
    """What is held back, thread by thread."""

    def __init__(self, entries: Entries) -> None:
        self.half = _HalfLine(entries)


class Entries:
    """The entries of one stream of the process.

    *fd* is 1 or 2, and *level* what an entry has unless something says more. When the
    descriptor leads elsewhere, as after ``dup2``, text goes there as it is.
    """

    def __init__(self, fd: int, level: int) -> None:
        self._fd = fd
        self.plain = io.FileIO(fd, "w", closefd=False)
        self.lines = JournalLines(self.plain)
        self._level = level
        self.closed = False
        self._known: tuple[object, bool] = (None, False)
        # Until when nobody need look again whether another socket has the descriptor.
        self.sure_until = 0.0
        self._held = _Held(self)

    def put(self, text: str) -> int:
        """Take *text*, which is an entry when it ends a line, alone or with what follows.

        Returns how many characters it has. Raises what a text stream raises: `ValueError` when
        it is closed, and `TypeError` where *text* is none.
        """
        if self.closed or type(text) is not str:
            return self._put_unusual(text)
        count = len(text)
        entry = _present.get()  # as _entry() does, without the call
        if entry is not None and entry.owner == get_ident():
            entry.add(self, text)
            return count
        half = self._held.half
        if half.drawn:
            text = text.lstrip("\r") if text[:1] == "\r" else half.text + text
        elif half.text:
            text = half.text + text
        if text[-1:] == "\n" or len(text) > _LONGEST_HALF:
            half.text, half.drawn = "", False
            self.write(None, text)
        else:
            half.text = text
        return count

    def _put_unusual(self, text: object) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        level, text = _level_of(text), str.__str__(text)
        if level is None:
            return self.put(text)
        with OneEntry(level):
            return self.put(text)

    def flush(self) -> None:
        """Write what this thread wrote since its last end of line.

        What begins with a carriage return waits for what comes in its place: a bar that shows
        how far something is becomes an entry when it is done.
        """
        entry = _entry()
        if entry is not None:
            entry.flush(self)
            return
        half = self._held.half
        if half.drawn or half.text[:1] == "\r":
            half.drawn, half.text = True, half.text.lstrip("\r")
        elif half.text:
            text, half.text = half.text, ""
            self.write(None, text)

    def finish(self) -> None:
        """Write what nothing came in the place of before the program ends."""
        half = self._held.half
        if half.text:
            text, half.text = half.text, ""
            self.try_to_write(None, text)

    def write(self, level: int | None, text: str) -> None:
        """Write *text* as one entry; without a *level*, blank lines and ends say nothing."""
        if not text.isascii():
            text = _joined(text)
        if not self._leads_to_journald():
            try:
                data = text.encode(errors="surrogateescape")
            except UnicodeEncodeError:
                data = text.encode(errors="backslashreplace")
            write_whole(self.plain, data)
        elif level is not None:
            self.lines.write(level, text.rstrip("\n"))
        elif not text.isspace():
            self.lines.write(self._level, text.rstrip(" \t\r\n"))

    def trust(self) -> None:
        """Let nobody look again for a moment where the descriptor leads to, if it is to journald."""
        self.sure_until = monotonic() + _SURE_FOR if self._known[1] else 0.0

    def try_to_write(self, level: int | None, text: str) -> None:
        """Write as `write` does, where nobody could take an error."""
        try:
            self.write(level, text)
        except (OSError, ValueError):
            return

    def _leads_to_journald(self) -> bool:
        identity = os.fstat(self._fd)[1:3]  # inode and device
        known = self._known  # one assignment: other threads write as well
        if identity != known[0]:
            self._known = known = (identity, under_journald(self._fd))
        return known[1]


class _EntryFile(io.FileIO):
    """The binary layer: what is written past the text layer, or by another one above.

    One write may hold many lines there, as buffers do, so each line is an entry.
    """

    def __init__(self, entries: Entries, name: str) -> None:
        super().__init__(entries.plain.fileno(), "w", closefd=False)
        self._entries = entries
        self.name = name

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        view = bytes(memoryview(data))
        *lines, rest = view.decode("utf-8", "surrogateescape").split("\n")
        for line in lines:
            self._entries.put(f"{line}\n")
        if rest:
            self._entries.put(rest)
        return len(view)

    def flush(self) -> None:
        super().flush()
        self._entries.flush()

    def close(self) -> None:
        self._entries.closed = True
        super().close()


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
        # print() calls it twice for a line. As a method it would be one call more, each time.
        self.write = self.entries.put  # type: ignore[method-assign]
        self.mode = "w"  # type: ignore[misc] # as Python sets it on its own

    def detach(self) -> Any:
        self.__dict__.pop("write", None)  # from here on it raises what a detached stream raises
        return super().detach()

    def flush(self) -> None:
        if not self.closed:
            self.entries.flush()


def _joined(text: str) -> str:
    """Return *text* with those characters whole whose bytes were written one by one."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text  # of surrogates that stand for no byte


def _level_of(text: str) -> int | None:
    """Return the level that *text* brings with it, as messages of loguru do."""
    try:
        return int(text.record["level"].no)  # type: ignore[attr-defined]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def replace_streams() -> None:
    """Put streams of entries in the place of the standard ones that lead to journald.

    Entries of standard output have priority 6, those of standard error 4. A stream that
    the program has replaced itself stays.
    """
    for name, fd, level in (("stdout", 1, INFO), ("stderr", 2, WARNING)):
        present = getattr(sys, name)
        raw = raw_file(present)
        if raw is None or raw.closed or raw.fileno() != fd or not under_journald(fd):
            continue
        flush_whole(present, raw)
        stream = EntryStream(fd, level, f"<{name}>")
        atexit.register(stream.entries.finish)
        if getattr(sys, f"__{name}__") is present:
            setattr(sys, f"__{name}__", stream)
        setattr(sys, name, stream)
