"""Right priorities for a program that knows nothing of the journal.

Nothing of the program's own settings is changed: its levels, formats and handlers stay.
What it writes to standard output and standard error comes to the journal as entries; what
a handler of `logging` writes while it handles a record has the priority of that record.
"""

from __future__ import annotations

import functools
import logging
import sys
import traceback

from systemd_handler import _adapters, _ready
from systemd_handler._faults import log_fatal_signals
from systemd_handler._hooks import log_uncaught_exceptions
from systemd_handler._journald import introduce, under_journald
from systemd_handler._streams import EntryStream, OneEntry, replace_streams

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from systemd_handler._hooks import ExceptionInfo

    _Function = TypeVar("_Function", bound=Callable[..., Any])

_started = False


def start() -> None:
    """Make entries of all that this process writes, where journald reads it.

    A second call changes nothing.
    """
    global _started
    if _started:
        return
    _ready.start()
    if not (under_journald(1) or under_journald(2)):
        return
    _started = True
    replace_streams()
    logging.Handler.handle = _of_record(logging.Handler.handle)  # type: ignore[method-assign]
    logging.Handler.handleError = _one_entry(  # type: ignore[method-assign]
        logging.Handler.handleError, logging.ERROR
    )
    traceback.print_exception = _one_entry(traceback.print_exception, None)
    _adapters.start()
    if isinstance(sys.stderr, EntryStream):
        log_uncaught_exceptions(_write_to_stderr)
        introduce(2)
        log_fatal_signals()


def _of_record(handle: _Function) -> _Function:
    @functools.wraps(handle)
    def handle_as_one_entry(self: logging.Handler, record: logging.LogRecord) -> Any:
        with OneEntry(record.levelno):
            return handle(self, record)

    return handle_as_one_entry  # type: ignore[return-value]


def _one_entry(function: _Function, level: int | None) -> _Function:
    @functools.wraps(function)
    def write_one_entry(*arguments: Any, **named: Any) -> Any:
        with OneEntry(level):
            return function(*arguments, **named)

    return write_one_entry  # type: ignore[return-value]


def _write_to_stderr(level: int, what: str, info: ExceptionInfo) -> bool:
    if not isinstance(sys.__stderr__, EntryStream):
        return False
    text = "".join([what, "\n", *traceback.format_exception(*info)])
    entry = OneEntry(level)
    if sys.stderr is not None and not isinstance(sys.stderr, EntryStream):
        with entry:  # the program's own, which may keep a copy, and may lead to ours as well
            try:
                sys.stderr.write(text)
                sys.stderr.flush()
            except Exception:
                entry.wrote = False
    if not entry.wrote:
        sys.__stderr__.entries.write(level, text)
    return True
