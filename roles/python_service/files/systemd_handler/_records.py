"""What handlers of `logging` write while they handle a record: entries with its priority."""

from __future__ import annotations

import functools
import logging
from time import monotonic

from systemd_handler._formatter import text_of
from systemd_handler._levels import ERROR
from systemd_handler._streams import EntryStream, OneEntry, as_one_entry

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from typing import Any

_handle = logging.Handler.handle
_format = logging.Handler.format
_emit = logging.StreamHandler.emit
_flush = logging.StreamHandler.flush


def watch_handlers() -> None:
    """Have each record that a handler writes to a stream of entries be one of its level."""
    logging.Handler.handle = _handle_as_one_entry  # type: ignore[method-assign]
    logging.Handler.handleError = as_one_entry(  # type: ignore[method-assign]
        logging.Handler.handleError, ERROR
    )


@functools.wraps(_handle)
def _handle_as_one_entry(self: logging.Handler, record: logging.LogRecord) -> Any:
    kind, own = type(self), self.__dict__
    stream = own.get("stream")
    if (
        type(stream) is not EntryStream
        # The class or the program has methods of its own for what is done here.
        or kind.emit is not _emit
        or kind.flush is not _flush
        or kind.format is not _format
        or "emit" in own
        or "flush" in own
        or "format" in own
    ):
        with OneEntry(record.levelno):
            return _handle(self, record)
    # Without a lock, as each entry is one write; a formatter that may count on it has it.
    passed = self.filter(record)
    if passed is not record:  # type: ignore[comparison-overlap] # which Python 3.12 returns
        if not passed:
            return passed
        if isinstance(passed, logging.LogRecord):
            record = passed
    try:
        text = text_of(self, record)
        terminator: str = self.terminator  # type: ignore[attr-defined]
        entries = stream.entries
        # A look at where the stream leads to costs as much as half a record and lets go of the
        # GIL. Between two of them only another socket would not be noticed.
        if (
            terminator != "\n"
            or monotonic() > entries.sure_until
            or not entries.lines.write_at_once(record.levelno, text)
        ):
            if stream.closed:
                stream.write(text)  # raises what all text streams raise
            entries.write(record.levelno, text + terminator)
            entries.trust()
    except RecursionError:  # as in logging: handling it would only recurse again
        raise
    except Exception:
        self.handleError(record)
    return passed
