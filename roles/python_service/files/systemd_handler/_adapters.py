"""Levels that packages know before they write, and that do not come through `logging`.

One row for each place where a package writes an entry whose level it knows. Nothing is
imported for it: a row counts once the program has imported the module, and one that does
not fit the version that is there is left out.
"""

from __future__ import annotations

import sys

from systemd_handler._imported import when_imported
from systemd_handler._levels import CRITICAL, DEBUG, ERROR, INFO, NOTICE, WARNING
from systemd_handler._streams import EntryStream, OneEntry

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any, TypeVar, Union

    _Function = TypeVar("_Function", bound=Callable[..., Any])

    # A level of `logging`, or what says it when called like the function that writes.
    LevelOf = Union[int, Callable[..., Union[int, None]]]


def start() -> None:
    """Adapt each of the packages when the program imports it."""
    for name in {*_WRITERS, *_OTHERS}:
        when_imported(name, _adapt)


def _adapt(module: ModuleType) -> None:
    for path, level in _WRITERS.get(module.__name__, {}).items():
        *owners, name = path.split(".")
        owner: Any = module
        for part in owners:
            owner = getattr(owner, part, None)
        function = getattr(owner, name, None)
        if function is not None:
            setattr(owner, name, _one_entry(function, level))
    adapt = _OTHERS.get(module.__name__)
    if adapt is not None:
        adapt(module)


def _like(function: Callable[..., Any]) -> Callable[[_Function], _Function]:
    """Return a decorator by which what takes the place of *function* looks like it."""
    import functools  # slow to import, and most processes adapt nothing

    return functools.wraps(function)  # type: ignore[return-value]


def _one_entry(function: Callable[..., Any], level: LevelOf) -> Callable[..., Any]:
    @_like(function)
    def write_one_entry(*arguments: Any, **named: Any) -> Any:
        with OneEntry(level if isinstance(level, int) else _called(level, arguments, named)):
            return function(*arguments, **named)

    return write_one_entry


def _called(
    level: Callable[..., int | None], arguments: tuple[Any, ...], named: dict[str, Any]
) -> int | None:
    try:
        return level(*arguments, **named)
    except Exception:
        return None  # it is not what it was when this was written


def _of_status(status: object) -> int:
    """Return the level of an answer: what the client did wrong is no error of the server."""
    try:
        return ERROR if int(status) >= 500 else INFO  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return INFO


def _of_request(_handler: object, code: object = "-", *_more: object, **_named: object) -> int:
    return _of_status(code)


def _of_error(_handler: object, text: str, *values: object) -> int | None:
    return _of_status(values[0]) if text == "code %d, message %s" else None


def _of_record(_handler: object, record: Any) -> int:
    return record.level  # type: ignore[no-any-return]


_LOGBOOK = {
    9: DEBUG,  # TRACE
    10: DEBUG,
    11: INFO,
    12: NOTICE,
    13: WARNING,
    14: ERROR,
    15: CRITICAL,
}


def _of_logbook(_handler: object, record: Any) -> int | None:
    return _LOGBOOK.get(record.level)


_TWISTED = {
    "debug": DEBUG,
    "info": INFO,
    "warn": WARNING,
    "error": ERROR,
    "critical": CRITICAL,
}


def _of_event(_observer: object, event: dict[str, Any]) -> int | None:
    return _TWISTED.get(event["log_level"].name)


_ELIOT_FAILURES = (
    "eliot:traceback",
    "eliot:destination_failure",
    "eliot:serialization_failure",
)


def _of_eliot(_destination: object, message: dict[str, Any]) -> int:
    if message.get("action_status") == "failed" or message.get("message_type") in _ELIOT_FAILURES:
        return ERROR
    import logging

    level = logging.getLevelName(message.get("log_level", "INFO"))
    return level if isinstance(level, int) else INFO


def _of_span(_exporter: object, span: Any, _indent: object = 0) -> int:
    return int(span.level - 1) // 4 * 10  # of OpenTelemetry: 1 to 4 for TRACE, 5 to 8 for DEBUG, …


def _of_cheroot(
    _server: object, _text: object, level: int = INFO, *_more: object, **_named: object
) -> int:
    return level


# The methods that write at one level each, of structlog and of what looks like it.
_METHODS = {
    "debug": DEBUG,
    "info": INFO,
    "warn": WARNING,
    "warning": WARNING,
    "err": ERROR,
    "error": ERROR,
    "exception": ERROR,
    "failure": ERROR,
    "critical": CRITICAL,
    "fatal": CRITICAL,
}


def _methods(*classes: str) -> dict[str, LevelOf]:
    return {f"{name}.{method}": level for name in classes for method, level in _METHODS.items()}


#: Module -> what writes an entry there, and its level.
_WRITERS: dict[str, dict[str, LevelOf]] = {
    "cheroot.server": {"HTTPServer.error_log": _of_cheroot},
    "eliot": {"FileDestination.__call__": _of_eliot},
    "eventlet.wsgi": _methods("LoggerFileWrapper"),
    "gevent.hub": {"Hub.print_exception": ERROR},
    "gevent.pywsgi": {
        "WSGIHandler.log_error": ERROR,
        "WSGIHandler.log_request": lambda handler: _of_status(handler.code),
    },
    "http.server": {
        "BaseHTTPRequestHandler.log_error": _of_error,
        "BaseHTTPRequestHandler.log_request": _of_request,
    },
    "hupper.logger": _methods("DefaultLogger"),
    "logfire._internal.exporters.console": {
        "SimpleConsoleSpanExporter._print_span": _of_span,
    },
    "logbook": {"Handler.handle": _of_logbook},
    "socketserver": {"BaseServer.handle_error": ERROR},
    "structlog": _methods("BytesLogger", "PrintLogger", "WriteLogger"),
    "supervisor.loggers": {"Handler.emit": _of_record},  # with the numbers of `logging`
    "twisted.logger": {"FileLogObserver.__call__": _of_event},
    "twisted.python.log": {"FileLogObserver.emit": _of_event},
    "typer.main": {"except_hook": CRITICAL},
    "wsgiref.handlers": {"BaseHandler.log_exception": ERROR},
}


def _adapt_processes(module: ModuleType) -> None:
    """Make one entry of the name of a process and the traceback that it dies with."""
    bootstrap: Callable[..., int] = module.BaseProcess._bootstrap  # noqa: SLF001

    @_like(bootstrap)
    def bootstrap_and_report(self: Any, *arguments: Any, **named: Any) -> int:
        run = self.run
        self.run = lambda: _run_and_report(self.name, run)
        return bootstrap(self, *arguments, **named)

    module.BaseProcess._bootstrap = bootstrap_and_report  # noqa: SLF001


def _run_and_report(name: str, run: Callable[[], object]) -> None:
    import traceback  # slow to import, and a process that dies needs it

    try:
        run()
    except SystemExit:
        raise
    except BaseException as error:
        frames = error.__traceback__.tb_next if error.__traceback__ else None  # without this one
        with OneEntry(ERROR):
            sys.stderr.write(f"Process {name}:\n")
            traceback.print_exception(type(error), error, frames)
        raise SystemExit(1) from None  # as a process ends that has reported it


def _adapt_bars(module: ModuleType) -> None:
    """Keep bars that stand below others from making an entry of each line that they move down."""
    move: Callable[..., None] = module.tqdm.moveto

    @_like(move)
    def move_on_a_terminal(self: Any, lines: int) -> None:
        if not isinstance(getattr(self.fp, "_wrapped", self.fp), EntryStream):
            move(self, lines)

    module.tqdm.moveto = move_on_a_terminal


def _adapt_picologging(module: ModuleType) -> None:
    """Put a handler in the place of the one in C, which nothing can be changed of."""
    handler: Any = module.StreamHandler

    class StreamHandler(handler):  # type: ignore[misc]
        __doc__ = handler.__doc__

        def emit(self, record: Any) -> None:
            with OneEntry(record.levelno):
                super().emit(record)

    module.StreamHandler = StreamHandler  # type: ignore[attr-defined]


#: What sets a hook of its own for exceptions that nobody catches.
_SET_HOOKS = {
    "better_exceptions": "hook",
    "rich.traceback": "install",
    "stackprinter": "set_excepthook",
}


def _adapt_hook(module: ModuleType) -> None:
    """Make one entry of the traceback that the hook prints."""
    name = _SET_HOOKS[module.__name__]
    set_hook: Callable[..., Any] = getattr(module, name)

    @_like(set_hook)
    def set_one_entry(*arguments: Any, **named: Any) -> Any:
        result = set_hook(*arguments, **named)
        sys.excepthook = _one_entry(sys.excepthook, CRITICAL)
        return result

    setattr(module, name, set_one_entry)


#: Module -> what to do with it, where a function that writes is not all that there is to it.
_OTHERS: dict[str, Callable[[ModuleType], None]] = {
    "multiprocess.process": _adapt_processes,
    "multiprocessing.process": _adapt_processes,
    "picologging": _adapt_picologging,
    "tqdm.std": _adapt_bars,
    **dict.fromkeys(_SET_HOOKS, _adapt_hook),
}
