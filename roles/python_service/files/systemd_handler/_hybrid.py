"""The records that matter with fields, and the many others at the price of a line."""

from __future__ import annotations

import logging

from systemd_handler._handler import SystemdHandler
from systemd_handler._journald import NATIVE_SOCKET
from systemd_handler._native import NativeHandler

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO


class HybridHandler(NativeHandler):
    """Send records of the level *since* and worse natively, and the others as lines of *stream*.

    So it is where *stream* leads to journald; elsewhere all are lines, as a `SystemdHandler`
    writes them. *fields* and *path* are those of `NativeHandler`, for what is sent so.

    journald reads both, and what was sent natively first: a warning may stand before lines that
    were written shortly before it. Each kind by itself keeps its order.
    """

    def __init__(
        self,
        since: int = logging.WARNING,
        *,
        stream: TextIO | None = None,
        fields: Mapping[str, object] | None = None,
        path: str = NATIVE_SOCKET,
    ) -> None:
        super().__init__(fields=fields, path=path)
        self._since = since
        self._lines = SystemdHandler(stream)

    def setFormatter(self, fmt: logging.Formatter | None) -> None:
        """Set the formatter of both."""
        super().setFormatter(fmt)
        self._lines.setFormatter(fmt)

    def emit(self, record: logging.LogRecord) -> None:
        """Write or send *record*; a failure goes to `handleError` and never to the caller."""
        if record.levelno < self._since or not self._lines.journald:
            self._lines.emit(record)
        else:
            super().emit(record)
