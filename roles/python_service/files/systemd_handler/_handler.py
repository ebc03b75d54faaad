"""The handler of `logging` that writes for the journal.

Source for the prefixes: sd-daemon(3). Source for how journald reads lines:
systemd.exec(5), ``SyslogLevelPrefix=``, and journald.conf(5), ``LineMax=``.
"""

from __future__ import annotations

import codecs
import logging
import traceback

from systemd_handler._escape import escape, escape_unsafe
from systemd_handler._journald import under_journald
from systemd_handler._levels import priority
from systemd_handler._output import flush_whole, raw_file, write_whole

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from typing import TextIO

    _TextStreamHandler = logging.StreamHandler[TextIO]
else:
    _TextStreamHandler = logging.StreamHandler


class SystemdHandler(_TextStreamHandler):
    """Write each record as one entry of the journal, with the priority of its level.

    *stream* is a text stream, ``sys.stderr`` at the time of the call when left out.
    When it is connected to journald, a record becomes one line ``<N>text`` in UTF-8,
    where ``N`` is the priority and the text is escaped so that nothing in it can end
    the entry or begin another. Anywhere else the formatted text is written with its
    real newlines and without a prefix; control characters other than newline and tab
    are still escaped, also those that a formatter adds for colours.

    *journald* decides it by hand: True where the stream leads to journald in a way
    that ``$JOURNAL_STREAM`` does not show, False for plain text in every case.

    Works from code, `logging.config.dictConfig` and `logging.config.fileConfig`.
    """

    journald: bool
    """Whether the present stream gets lines for journald."""

    def __init__(self, stream: TextIO | None = None, *, journald: bool | None = None) -> None:
        self._forced = journald
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
        direct = self.journald or _is_utf8(stream)
        self._raw = raw_file(stream) if direct else None
        # With `python -u` nothing is held above the raw file. Not to flush then is more than
        # speed: flushing takes a lock, which a fork at that moment leaves locked in the child.
        self._holds_text = self._raw is not getattr(stream, "buffer", None)

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*; a failure goes to `handleError` and never to the caller."""
        try:
            text = self.format(record)
            if self.journald:
                self._write(f"<{priority(record.levelno)}>{escape(text)}\n")
            else:
                self._write(escape_unsafe(text) + self.terminator)
        except RecursionError:  # as in logging: handling it would only recurse again
            raise
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Report that *record* could not be written, when `logging.raiseExceptions` is set.

        Under journald the report is one entry of priority 3. Elsewhere it is the usual
        report of `logging` on ``sys.stderr``.
        """
        if not self.journald:
            super().handleError(record)
        elif logging.raiseExceptions:
            report = f"{_describe(record)}\n{traceback.format_exc()}".rstrip()
            try:
                self._write(f"<{priority(logging.ERROR)}>{escape(report)}\n")
            except Exception:
                return  # the stream itself fails: there is nowhere to say it, and work to go on with

    def _write(self, line: str) -> None:
        raw = self._raw
        if raw is None:
            self._stream.write(line)
            self._stream.flush()
            return
        if self._holds_text:
            flush_whole(self._stream, raw)
        write_whole(raw, line.encode())


def _leads_to_journald(stream: TextIO) -> bool:
    try:
        return under_journald(stream.fileno())
    except (AttributeError, OSError, ValueError):  # no descriptor, or closed
        return False


def _is_utf8(stream: TextIO) -> bool:
    try:
        return codecs.lookup(stream.encoding).name == "utf-8"
    except (AttributeError, LookupError, TypeError):  # a stream without an encoding
        return False


def _describe(record: logging.LogRecord) -> str:
    try:
        call = f"message {record.msg!r}, arguments {record.args!r}"
    except Exception:
        call = "neither message nor arguments can be shown"
    return f"Logging error at {record.pathname}:{record.lineno}, logger {record.name!r}: {call}"
