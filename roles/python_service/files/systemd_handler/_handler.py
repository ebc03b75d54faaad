"""The handler of `logging` that writes for the journal.

Source for the prefixes: sd-daemon(3). Source for how journald reads lines:
systemd.exec(5), ``SyslogLevelPrefix=``, and journald.conf(5), ``LineMax=``.
"""

from __future__ import annotations

import codecs
import logging
import os

from systemd_handler._escape import escape, escape_unsafe
from systemd_handler._formatter import ATTRIBUTES, ExtraFormatter, describe_failure, shortcut_of
from systemd_handler._journald import under_journald
from systemd_handler._levels import PREFIXES, PRIORITIES
from systemd_handler._output import JournalLines, flush_whole, raw_file, write_whole
from systemd_handler._streams import EntryStream

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from typing import TextIO

    _TextStreamHandler = logging.StreamHandler[TextIO]
else:
    _TextStreamHandler = logging.StreamHandler

# As journalctl colours its lines, by priority; info is as it is.
_RED, _YELLOW, _BOLD, _GREY = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1m", "\x1b[90m"
_COLOURS = (_RED, _RED, _RED, _RED, _YELLOW, _BOLD, "", _GREY)
_RESET = "\x1b[0m"

# What is left out where it does nothing, unless a program puts a function of its own there.
_METHODS = {"filter", "format"}


class SystemdHandler(_TextStreamHandler):
    """Write each record as one entry of the journal, with the priority of its level.

    *stream* is a text stream, ``sys.stderr`` at the time of the call when left out.
    When it is connected to journald, a record becomes one line ``<N>text`` in UTF-8,
    where ``N`` is the priority and the text is escaped so that nothing in it can end
    the entry or begin another; a text of more than 32 KiB becomes several such lines,
    each with its place ``[k/n]``. Anywhere else the formatted text is written with its
    real newlines and without a prefix; control characters other than newline and tab
    are still escaped, also those that a formatter adds for colours. On a terminal the
    text has the colour of its priority, unless ``$NO_COLOR`` is set.

    *journald* decides it by hand: True where the stream leads to journald in a way
    that ``$JOURNAL_STREAM`` does not show, False for plain text in every case.

    A stream to journald is set to let prints go at the end of each line, since records are
    written past its buffers. When journald goes away the program lives on. Entries that
    could not be written are counted, and the count is logged as soon as journald is back.

    Works from code, `logging.config.dictConfig` and `logging.config.fileConfig`.
    """

    journald: bool
    """Whether the present stream gets lines for journald."""

    _lines: JournalLines | None  # unless the stream has no file that can be written below it

    def __init__(self, stream: TextIO | None = None, *, journald: bool | None = None) -> None:
        self._forced = journald
        self._lines = None
        super().__init__(stream)

    @property
    def stream(self) -> TextIO:
        """The text stream. Setting it decides anew whether journald reads it."""
        return self._stream

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        self._stream = stream
        self.journald = _leads_to_journald(stream) if self._forced is None else self._forced
        # Only UTF-8 goes below the text layer: other encodings may have a state of their own.
        self._raw = raw_file(stream) if self.journald or _is_utf8(stream) else None
        if not self.journald:
            self._lines = None
        elif isinstance(stream, EntryStream):
            self._lines = stream.entries.lines
        elif self._raw is None:
            self._lines = None
        else:
            # What is printed leaves at the end of its line. Then records need not flush the
            # stream first, which takes a lock that a fork can leave locked in the child, and
            # which would put a half line in front of a record.
            flush_whole(stream, self._raw)
            stream.reconfigure(line_buffering=True)  # type: ignore[attr-defined] # a TextIOWrapper
            self._lines = JournalLines(self._raw)
        self._colours = not self.journald and _wants_colours(stream)
        self._learn()

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "formatter" or name in _METHODS:
            self._learn()

    def handle(self, record: logging.LogRecord) -> bool:
        """Pass *record* to `emit` if the filters let it pass; return what they say.

        Where every entry is one write to journald it needs no lock, unless a formatter of
        another class, or a subclass of this one, may count on it.
        """
        if not self._needs_no_lock:
            return super().handle(record)
        if self.filters:
            passed = self.filter(record)
            if isinstance(passed, logging.LogRecord):  # Python 3.12 and later
                record = passed
            if not passed:
                return passed
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*; a failure goes to `handleError` and never to the caller."""
        try:
            shortcut = self._shortcut
            if shortcut is None or record.exc_info or record.exc_text or record.stack_info:
                text = self.format(record)
            else:
                # What format() comes to, without its seven calls.
                formatter, template, pattern, values = shortcut
                # Programs change a formatter in use, or put functions of their own on it.
                if (
                    formatter._style._fmt is not template  # noqa: SLF001 - it has no public name
                    or len(formatter.__dict__) != ATTRIBUTES
                ):
                    self._learn()
                    text = self.format(record)
                else:
                    record.message = record.getMessage()
                    try:
                        text = pattern % values(record)
                    except Exception:  # as for a field that the record lacks: format() says it
                        text = self.format(record)
            lines = self._lines
            if lines is None:
                self._write_text(record.levelno, text)
            else:
                lines.write(record.levelno, text)
        except RecursionError:  # as in logging: handling it would only recurse again
            raise
        except Exception:
            self.handleError(record)

    def _learn(self) -> None:
        plain = type(self) is SystemdHandler and not _METHODS & self.__dict__.keys()
        self._shortcut = shortcut_of(self.formatter) if plain else None
        self._needs_no_lock = (
            plain
            and self._lines is not None
            and (self._shortcut is not None or type(self.formatter) is ExtraFormatter)
        )

    def handleError(self, record: logging.LogRecord) -> None:
        """Report that *record* could not be written, when `logging.raiseExceptions` is set.

        Under journald the report is one entry of priority 3. Elsewhere it is the usual
        report of `logging` on ``sys.stderr``.
        """
        if not self.journald:
            super().handleError(record)
        elif logging.raiseExceptions:
            report = describe_failure(record)
            write = self._write_text if self._lines is None else self._lines.write
            try:
                write(logging.ERROR, report)
            except Exception:
                return  # the stream itself fails: there is nowhere to say it, and work to go on with

    def _write_text(self, level: int, text: str) -> None:
        if self.journald:
            self._write(f"{PREFIXES[level]}{escape(text)}\n")
        else:
            text = escape_unsafe(text)
            colour = _COLOURS[PRIORITIES[level]] if self._colours else ""
            if colour:
                text = f"{colour}{text}{_RESET}"
            self._write(text + self.terminator)

    def _write(self, text: str) -> None:
        if self._raw is None:
            self._stream.write(text)
            self._stream.flush()
            return
        flush_whole(self._stream, self._raw)
        write_whole(self._raw, text.encode())


def _leads_to_journald(stream: TextIO) -> bool:
    try:
        return under_journald(stream.fileno())
    except (AttributeError, OSError, ValueError):  # no descriptor, or closed
        return False


def _wants_colours(stream: TextIO) -> bool:
    # https://no-color.org: any text but an empty one
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return False
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _is_utf8(stream: TextIO) -> bool:
    try:
        return codecs.lookup(stream.encoding).name == "utf-8"
    except (AttributeError, LookupError, TypeError):  # a stream without an encoding
        return False
