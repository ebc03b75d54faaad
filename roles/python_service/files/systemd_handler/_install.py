"""One call that sends everything a program has to say through one handler.

Sources: logging.captureWarnings in the Python library reference; systemd.exec(5),
``$DEBUG_INVOCATION``.
"""

from __future__ import annotations

import logging
import os

from systemd_handler._faults import log_fatal_signals
from systemd_handler._formatter import ExtraFormatter
from systemd_handler._handler import SystemdHandler
from systemd_handler._hooks import log_uncaught_exceptions
from systemd_handler._hybrid import HybridHandler
from systemd_handler._journald import introduce
from systemd_handler._native import NativeHandler
from systemd_handler._streams import replace_streams

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from typing import TextIO

    from systemd_handler._hooks import ExceptionInfo

_JOURNAL_FORMAT = "%(name)s: %(message)s"  # the journal has the time and the priority
_READABLE_FORMAT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"

_installed: logging.Handler | None = None


def install(  # noqa: PLR0913 - each is a choice of its own
    level: int | str = logging.INFO,
    *,
    stream: TextIO | None = None,
    fmt: str | None = None,
    extra: bool = False,
    prints: bool = False,
    native: bool | int = False,
) -> logging.Handler:
    """Send all records of *level* and above through one handler; return it.

    Call it first in a program's own ``main()``. It sets the root logger's level and
    handler, a `SystemdHandler`, and it logs what would be printed instead: an uncaught
    exception (CRITICAL), one in a thread or in a place that cannot raise, such as
    ``__del__`` (ERROR), and warnings (WARNING). Each is one entry. Under journald the
    traceback of a fatal signal has priority 2, a line an entry.

    *level* is a number or a name. It is DEBUG where systemd says so: after a failure,
    ``RestartMode=debug`` starts a service with ``$DEBUG_INVOCATION``. *stream* is a text
    stream, ``sys.stderr`` when left out. *fmt* is a format of `logging.Formatter` in the
    ``%`` style; without it, an entry of the journal is logger and message, and a line
    elsewhere has the time and the level's name as well. *extra* adds what records got as
    ``extra=`` (`ExtraFormatter`).

    *prints* makes entries also of what is printed: standard output at priority 6 and
    standard error at 4, each call one entry. *native* sends records by journald's native
    protocol where *stream* leads to journald: all (True, `NativeHandler`), or those of a level
    and worse (``logging.WARNING``, `HybridHandler`).

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
    lines = SystemdHandler(stream)
    formatter = ExtraFormatter if extra else logging.Formatter
    lines.setFormatter(formatter(fmt or (_JOURNAL_FORMAT if lines.journald else _READABLE_FORMAT)))
    handler: logging.Handler = lines
    if native and lines.journald:
        handler = NativeHandler() if native is True else HybridHandler(native, stream=stream)
        handler.setFormatter(lines.formatter)
    root = logging.getLogger()
    root.setLevel(level)
    if os.environ.get("DEBUG_INVOCATION") == "1":
        root.setLevel(min(root.level, logging.DEBUG))
    root.addHandler(handler)
    if _installed is not None:
        root.removeHandler(_installed)
        _installed.close()
    _installed = handler
    logging.captureWarnings(True)
    log_uncaught_exceptions(_log_by_root)
    if prints:
        replace_streams()
    if lines.journald:
        introduce(lines.stream.fileno())
        log_fatal_signals()
    return handler


def _log_by_root(level: int, what: str, info: ExceptionInfo) -> bool:
    # The root logger, because `dictConfig` and `fileConfig` disable all others that exist.
    root = logging.getLogger()
    if not (root.isEnabledFor(level) and root.handlers):
        return False
    # The hooks allow an exception without a value, and so does logging, unlike its stubs.
    root.log(level, "%s", what, exc_info=info)  # type: ignore[arg-type]
    return True
