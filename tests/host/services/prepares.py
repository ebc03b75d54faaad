"""A program that serves nothing, and whose commands do what a test asks for before it is activated."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

from systemd_handler import credential, notify

LOG = logging.getLogger("prepares")


def say() -> None:
    """Something of each level, and whether the process that runs has another secret."""
    logging.basicConfig(level=logging.DEBUG, format="%(message)s")
    for level in ("debug", "info", "warning", "error"):
        getattr(LOG, level)("prepared at %s", level)
    LOG.info("the secret is %s", credential("key"))


def fail() -> None:
    raise SystemExit("no such table: item")


def note() -> None:
    with Path(os.environ["STATE_DIRECTORY"], sys.argv[2]).open("a") as file:
        file.write("ran\n")


def serve() -> None:
    notify(READY=1)
    signal.pause()


if __name__ == "__main__":
    {"say": say, "fail": fail, "note": note, "hang": signal.pause, "serve": serve}[sys.argv[1]]()
