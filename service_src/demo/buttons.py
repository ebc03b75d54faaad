"""What the buttons do, and what a person should look for afterwards.

Each is a job of the worker: it gets the server and gives the text of its answer.
"""

from __future__ import annotations

import logging
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial

from demo.server import Server
from demo.settings import LEVELS

LOG = logging.getLogger(__name__)


def _log(name: str, _server: Server) -> str:
    if not LOG.isEnabledFor(LEVELS[name]):
        return "Nothing was logged: DEMO_LOG_LEVEL hides this level."
    LOG.log(LEVELS[name], "a message at level %s, asked for by a button", name)
    return f"One message was logged at level {name}. Look for one entry of that priority."


def _log_lines(_server: Server) -> str:
    lines = "a message of three lines:\n  the second is indented,\n  the third is the last"
    LOG.log(LEVELS["notice"], lines)
    return "One message of three lines was logged. Look for one entry, not three."


def _warn(server: Server) -> str:
    # With a number, since Python shows the same warning only once.
    warnings.warn(f"a button asked for this, after {server.answered} requests", stacklevel=1)
    return "Python's own warning was logged. Look for one entry that names the line of code."


def _raise(_server: Server) -> str:
    raise RuntimeError("a button asked for this exception")


def _end_thread(server: Server) -> str:
    thread = threading.Thread(target=_raise, args=[server], name="doomed")
    thread.start()
    thread.join()
    return "A thread ended with an exception. Look for one entry that holds the whole traceback."


def _hang(server: Server) -> str:
    LOG.warning("the work hangs from here on, asked for by a button")
    # The next job, so that this request still gets its answer.
    server.worker.submit(lambda: time.sleep(1_000_000))
    return "The work hangs. Look for the watchdog's timeout, where each thread was, the new start."


def _exit(server: Server) -> str:
    LOG.error("ending with status 3, asked for by a button")
    server.end(3)
    return "The process ends with status 3. Look for systemd's words about it, and the new start."


BUTTONS: dict[str, Callable[[Server], str]] = {
    **{f"/log/{name}": partial(_log, name) for name in LEVELS},
    "/multiline": _log_lines,
    "/warn": _warn,
    "/raise": _raise,
    "/thread": _end_thread,
    "/hang": _hang,
    "/exit": _exit,
}
