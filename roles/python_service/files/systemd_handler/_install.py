"""One call that sends everything a program has to say through one handler.

Sources: sys.excepthook, sys.unraisablehook, threading.excepthook and
logging.captureWarnings in the Python library reference.
"""

from __future__ import annotations

import _thread
import logging
import sys
import threading

from systemd_handler._handler import SystemdHandler

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import TextIO

    _ExceptHook = Callable[[type[BaseException], BaseException, TracebackType | None], object]

_JOURNAL_FORMAT = "%(name)s: %(message)s"  # the journal has the time and the priority
_READABLE_FORMAT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"

_installed: SystemdHandler | None = None
_hooks_are_set = False


def install(
    level: int | str = logging.INFO,
    *,
    stream: TextIO | None = None,
    fmt: str | None = None,
) -> SystemdHandler:
    """Send all records of *level* and above through one `SystemdHandler`; return it.

    Call it first in a program's own ``main()``. It sets the root logger's level and
    handler, and it logs what would be printed instead: an uncaught exception
    (CRITICAL), one in a thread or in a place that cannot raise, such as ``__del__``
    (ERROR), and warnings (WARNING). Each is one entry.

    *level* is a number or a name. *stream* is a text stream, ``sys.stderr`` when left
    out. *fmt* is a format of `logging.Formatter` in the ``%`` style; without it, an
    entry of the journal is logger and message, and a line elsewhere has the time and
    the level's name as well.

    A second call replaces the handler of the first. Handlers that others put on the
    root logger stay, since they may have a file or a mail server to serve; a program
    that called `logging.basicConfig` before therefore logs twice.

    Hooks that others set earlier are called after the record is written. Python's own
    are not, because they would print the traceback a second time, in pieces.
    `KeyboardInterrupt` and `SystemExit` keep going to the earlier hook alone.

    Raises `ValueError` or `TypeError`, before anything is changed, when *level* is no
    level or *fmt* no format.
    """
    global _installed
    handler = SystemdHandler(stream)
    handler.setFormatter(
        logging.Formatter(fmt or (_JOURNAL_FORMAT if handler.journald else _READABLE_FORMAT))
    )
    root = logging.getLogger()
    root.setLevel(level)
    root.addHandler(handler)
    if _installed is not None:
        root.removeHandler(_installed)
        _installed.close()
    _installed = handler
    logging.captureWarnings(True)
    _set_hooks()
    return handler


def _set_hooks() -> None:
    """Set the three hooks, once in a process.

    A hook that was set after ours may call ours: to take it as the earlier one, in a
    second call of `install`, would make a circle.
    """
    global _hooks_are_set
    if not _hooks_are_set:
        _hooks_are_set = True
        sys.excepthook = _main_hook(sys.excepthook)
        threading.excepthook = _thread_hook(threading.excepthook)
        sys.unraisablehook = _unraisable_hook(sys.unraisablehook)


def _main_hook(earlier: _ExceptHook) -> _ExceptHook:
    def log_uncaught(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        logged = not issubclass(kind, (KeyboardInterrupt, SystemExit)) and _log(
            logging.CRITICAL, "Uncaught exception", (kind, error, trace)
        )
        if not logged or earlier is not sys.__excepthook__:
            earlier(kind, error, trace)

    return log_uncaught


def _thread_hook(
    earlier: Callable[[threading.ExceptHookArgs], object],
) -> Callable[[threading.ExceptHookArgs], object]:
    def log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
        name = "that has ended" if args.thread is None else args.thread.name
        logged = not issubclass(args.exc_type, (KeyboardInterrupt, SystemExit)) and _log(
            logging.ERROR,
            f"Uncaught exception in thread {name}",
            (args.exc_type, args.exc_value, args.exc_traceback),
        )
        # threading.__excepthook__ by the name that it has in Python 3.9 as well.
        if not logged or earlier is not _thread._excepthook:  # noqa: SLF001
            earlier(args)

    return log_uncaught_in_thread


def _unraisable_hook(
    earlier: Callable[[sys.UnraisableHookArgs], object],
) -> Callable[[sys.UnraisableHookArgs], object]:
    def log_unraisable(args: sys.UnraisableHookArgs) -> None:
        # The text of the object and not the object: a record that kept it would bring
        # something half destroyed back to life.
        try:
            where = repr(args.object)
        except Exception:
            where = "an object whose repr() failed"
        logged = not issubclass(args.exc_type, (KeyboardInterrupt, SystemExit)) and _log(
            logging.ERROR,
            f"{args.err_msg or 'Exception ignored in'}: {where}",
            (args.exc_type, args.exc_value, args.exc_traceback),
        )
        if not logged or earlier is not sys.__unraisablehook__:
            earlier(args)

    return log_unraisable


def _log(
    level: int,
    message: str,
    exception: tuple[type[BaseException], BaseException | None, TracebackType | None],
) -> bool:
    """Log *exception* on the root logger; say whether anything was there to take it.

    The root logger, because `dictConfig` and `fileConfig` disable all others that exist.
    """
    root = logging.getLogger()
    if not (root.isEnabledFor(level) and root.handlers):
        return False
    # The hooks allow an exception without a value, and so does logging, unlike its stubs.
    root.log(level, "%s", message, exc_info=exception)  # type: ignore[arg-type]
    return True
