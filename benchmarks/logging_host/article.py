"""The handler that "New-style daemons in Python" (2017) shows, written after its description.

A prefix by the level's number, newlines as two characters, and a stream.
"""

from __future__ import annotations

import logging
import sys

_PREFIXES = {
    logging.DEBUG: "<7>",
    logging.INFO: "<6>",
    logging.WARNING: "<4>",
    logging.ERROR: "<3>",
    logging.CRITICAL: "<2>",
}


class ArticleHandler(logging.Handler):
    """Write each record to standard output as one line with a prefix."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = sys.stdout

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = _PREFIXES[record.levelno] + self.format(record)
            self.stream.write(text.replace("\n", "\\n") + "\n")
            self.stream.flush()
        except Exception:  # noqa: BLE001 -- as every handler of logging does
            self.handleError(record)
