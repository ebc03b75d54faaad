"""Right priorities for a program that knows nothing of the journal.

Nothing of the program's own settings is changed: its levels, formats and handlers stay.
What it writes to standard output and standard error comes to the journal as entries; what
a handler of `logging` writes while it handles a record has the priority of that record.
"""

from __future__ import annotations

import os
import sys

from systemd_handler import _adapters
from systemd_handler._faults import log_fatal_signals
from systemd_handler._hooks import PYTHONS_OWN, log_uncaught_exceptions
from systemd_handler._imported import when_imported
from systemd_handler._journald import introduce, under_journald
from systemd_handler._streams import EntryStream, OneEntry, as_one_entry, replace_streams

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from types import ModuleType

    from systemd_handler._hooks import ExceptionInfo

_started = False


def start() -> None:
    """Make entries of all that this process writes, where journald reads it.

    A second call changes nothing. Every Python process of the service begins with it, so it
    loads little, and what is for a module is done when the program imports that.
    """
    global _started
    if _started:
        return
    _started = True
    if os.environ.get("NOTIFY_SOCKET"):
        from systemd_handler import _ready

        _ready.start()
    for name in ("uvicorn.server", "hypercorn.asyncio.run", "waitress.server"):
        when_imported(name, _drain)
    if not (under_journald(1) or under_journald(2)):
        return
    replace_streams()
    when_imported("logging", _watch_handlers)
    when_imported("traceback", _keep_tracebacks_whole)
    _adapters.start()
    if isinstance(sys.stderr, EntryStream):
        pythons = sys.excepthook is PYTHONS_OWN
        log_uncaught_exceptions(_write_to_stderr)
        if pythons:  # a hook of the program's own may call it by this name
            sys.__excepthook__ = sys.excepthook
        introduce(2)
        log_fatal_signals()


def _drain(server: ModuleType) -> None:
    from systemd_handler import _draining

    _draining.watch(server)


def _watch_handlers(_logging: ModuleType) -> None:
    from systemd_handler._records import watch_handlers

    watch_handlers()


def _keep_tracebacks_whole(traceback: ModuleType) -> None:
    traceback.print_exception = as_one_entry(  # type: ignore[attr-defined]
        traceback.print_exception, None
    )


def _write_to_stderr(level: int, what: str, info: ExceptionInfo) -> bool:
    if not isinstance(sys.__stderr__, EntryStream):
        return False
    entry = OneEntry(level)
    text = _traceback(what, info)
    if text is None:
        with entry:
            sys.__stderr__.write(f"{what}\n")
            PYTHONS_OWN(*info)  # type: ignore[arg-type]
        return True
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


def _traceback(what: str, info: ExceptionInfo) -> str | None:
    """Return what to log of an exception, or None where no module can be loaded any more."""
    try:
        import traceback  # slow to import, and most processes never need it

        return "".join([what, "\n", *traceback.format_exception(*info)])
    except (
        Exception
    ):  # Python is ending, all descriptors are taken, the program has one of that name
        return None
