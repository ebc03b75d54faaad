"""Where log lines go: to the journal's handler if it is there, else to the terminal."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

try:
    import systemd_handler
except ImportError:
    HAVE_HANDLER = False
    NOTICE, ALERT, EMERGENCY = 25, 60, 70
else:
    HAVE_HANDLER = True
    NOTICE = systemd_handler.NOTICE
    ALERT = systemd_handler.ALERT
    EMERGENCY = systemd_handler.EMERGENCY

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": NOTICE,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "alert": ALERT,
    "emergency": EMERGENCY,
}
"""The levels that the journal tells apart, least urgent first."""


def set_up(level: int) -> None:
    """Send every record of `level` and above to the journal or to the terminal."""
    if HAVE_HANDLER:
        systemd_handler.install(level=level)
        return
    for name, number in LEVELS.items():
        logging.addLevelName(number, name.upper())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TerminalFormatter(colours=_shows_colours(sys.stderr)))
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(True)


def _shows_colours(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ


class TerminalFormatter(logging.Formatter):
    """Time, level and message, with the level coloured where `colours` is true."""

    def __init__(self, *, colours: bool) -> None:
        super().__init__("%(asctime)s %(level)s %(message)s", datefmt="%H:%M:%S")
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        padded = f"{record.levelname:<9}"
        if self._colours:
            padded = f"\x1b[{_colour(record.levelno)}m{padded}\x1b[0m"
        record.level = padded
        return super().format(record)


def _colour(level: int) -> str:
    """Give the parameters of the terminal's SGR sequence."""
    if level >= logging.CRITICAL:
        return "1;31"
    if level >= logging.ERROR:
        return "31"
    if level >= logging.WARNING:
        return "33"
    if level >= NOTICE:
        return "1"
    if level >= logging.INFO:
        return "32"
    return "2"
