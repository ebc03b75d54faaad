"""The handlers that are compared, each set up as its own manual says."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from logging_host.article import ArticleHandler

FORMAT = "%(name)s: %(message)s"
_LOWEST = 1  # every level that a record can have


def use(name: str, fmt: str = FORMAT) -> None:
    """Send all records of this process through the handler called *name*.

    Raises `KeyError` when there is none, and `ImportError` when it is not installed.
    """
    root = logging.getLogger()
    root.setLevel(_LOWEST)
    handler = _MAKERS[name](fmt)
    if handler is not None:
        handler.setFormatter(logging.Formatter(fmt))
        root.addHandler(handler)


class _Formatting(logging.Handler):
    """What a handler does before it writes, and nothing more."""

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)


class _Writing(logging.Handler):
    """One write(2) for each record as well, and no lock: what no handler can do without."""

    def handle(self, record: logging.LogRecord) -> bool:
        os.write(1, f"<6>{self.format(record)}\n".encode())
        return True


def _imported(module: str) -> Any:
    # By name, since no two of them need to be installed at once.
    return importlib.import_module(module)


def _auto(_fmt: str) -> logging.Handler:
    _imported("systemd_handler._auto").start()
    return logging.StreamHandler(sys.stdout)


def _installed(fmt: str) -> None:
    _imported("systemd_handler").install(_LOWEST, fmt=fmt)


def _installed_native(fmt: str) -> None:
    _imported("systemd_handler").install(_LOWEST, fmt=fmt, native=True)


def _priorityprefix(fmt: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(fmt))
    logging.getLogger().addHandler(handler)
    _imported("priorityprefix").install()


_MAKERS: dict[str, Callable[[str], logging.Handler | None]] = {
    "formatting": lambda _: _Formatting(),
    "writing": lambda _: _Writing(),
    "stream": lambda _: logging.StreamHandler(sys.stdout),
    "ours": lambda _: _imported("systemd_handler").SystemdHandler(sys.stdout),
    "install": _installed,
    "native": lambda _: _imported("systemd_handler").NativeHandler(),
    "install-native": _installed_native,
    "auto": _auto,
    "article": lambda _: ArticleHandler(),
    "priorityprefix": _priorityprefix,
    "python-systemd": lambda _: _imported("systemd.journal").JournalHandler(),
    "logging-journald": lambda _: _imported("logging_journald").JournaldLogHandler(),
    "cysystemd": lambda _: _imported("cysystemd.journal").JournaldLogHandler(),
}
