"""Exceptions that nobody catches, as entries.

Sources: sys.excepthook, sys.unraisablehook and threading.excepthook in the Python
library reference.
"""

from __future__ import annotations

import sys

from systemd_handler._imported import when_imported
from systemd_handler._levels import CRITICAL, ERROR
from systemd_handler._streams import OneEntry

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from types import ModuleType, TracebackType
    from typing import Union

    ExceptionInfo = tuple[
        type[BaseException], Union[BaseException, None], Union[TracebackType, None]
    ]
    Take = Callable[[int, str, ExceptionInfo], bool]
    _ExceptHook = Callable[[type[BaseException], BaseException, Union[TracebackType, None]], object]

#: That of Python, whatever the name leads to later.
PYTHONS_OWN = sys.__excepthook__

_take: Take | None = None


def log_uncaught_exceptions(take: Take) -> None:
    """Give what nobody catches to *take*: a level, what happened where, and the exception.

    In the main thread it is CRITICAL; in a thread, or in a place that cannot raise such as
    ``__del__``, ERROR. *take* says whether anything was there to log it.

    Hooks that others set earlier are called afterwards. Python's own are not, unless
    nothing was logged, because they print the traceback in pieces. `KeyboardInterrupt`
    and `SystemExit` go to the earlier hook alone.

    A second call replaces *take* and sets no hook: one that was set after ours may call
    ours, and to take it as the earlier one would make a circle.
    """
    global _take
    first = _take is None
    _take = take
    if first:
        sys.excepthook = _main_hook(sys.excepthook)
        sys.unraisablehook = _unraisable_hook(sys.unraisablehook)
        when_imported("threading", _hook_threads)


def _logged(level: int, what: str, info: ExceptionInfo) -> bool:
    if issubclass(info[0], (KeyboardInterrupt, SystemExit)):
        return False
    return _take is not None and _take(level, what, info)


def _hook_threads(threading: ModuleType) -> None:
    threading.excepthook = _thread_hook(threading.excepthook)  # type: ignore[attr-defined]


def _main_hook(earlier: _ExceptHook) -> _ExceptHook:
    def log_uncaught(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        logged = _logged(CRITICAL, "Uncaught exception", (kind, error, trace))
        if not logged or earlier is not PYTHONS_OWN:
            with OneEntry(None):
                earlier(kind, error, trace)

    return log_uncaught


def _thread_hook(
    earlier: Callable[[threading.ExceptHookArgs], object],
) -> Callable[[threading.ExceptHookArgs], object]:
    def log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
        name = "that has ended" if args.thread is None else args.thread.name
        logged = _logged(
            ERROR,
            f"Uncaught exception in thread {name}",
            (args.exc_type, args.exc_value, args.exc_traceback),
        )
        # Python's own has no name in common: threading.__excepthook__ is new in 3.10.
        pythons = getattr(earlier, "__module__", None) in ("_thread", "threading")
        if not logged or not pythons:
            with OneEntry(None):
                earlier(args)

    return log_uncaught_in_thread


def _unraisable_hook(
    earlier: Callable[[sys.UnraisableHookArgs], object],
) -> Callable[[sys.UnraisableHookArgs], object]:
    def log_unraisable(args: sys.UnraisableHookArgs) -> None:
        logged = _logged(ERROR, _ignored(args), (args.exc_type, args.exc_value, args.exc_traceback))
        if not logged or earlier is not sys.__unraisablehook__:
            with OneEntry(None):
                earlier(args)

    return log_unraisable


def _ignored(args: sys.UnraisableHookArgs) -> str:
    # Python 3.14 mostly names the place in the message, and has no object then.
    if args.object is None:
        return args.err_msg or "Exception ignored"
    # The text of the object and not the object: a record that kept it would bring
    # something half destroyed back to life.
    try:
        where = repr(args.object)
    except Exception:
        where = "an object whose repr() failed"
    return f"{args.err_msg or 'Exception ignored in'}: {where}"
