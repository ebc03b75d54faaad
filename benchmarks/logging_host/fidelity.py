"""Logs something that is hard to log: one cell of the benchmark's second table.

    python3 [-u] -m logging_host.fidelity HANDLER PROGRAM

HANDLER is one of `logging_host.handlers`, PROGRAM a function below. What became of it is
seen in the journal. An exception that logging itself raised is an entry "raised NAME".
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable

from logging_host import handlers

CHILDREN = 100
KEPT = 5_000

_HANGS = 2.0  # seconds after which a child counts as hung; it needs about a millisecond
_ENOUGH = 3  # children that hung, after which no more are tried
_log = logging.getLogger("bench")


def _level_25() -> None:
    _log.log(25, "marked")


def _level_35() -> None:
    _log.log(35, "marked")


def _level_1000() -> None:
    _log.log(1000, "marked")


def _critical() -> None:
    _log.critical("marked")


def _traceback() -> None:
    try:
        sys.exit(1 // 0)
    except ZeroDivisionError:
        _log.exception("marked")


def _nul() -> None:
    _log.error("marked\0<0>forged")


def _newline() -> None:
    _log.error("marked\n<0>forged")


def _control() -> None:
    _log.error("marked \x1b[31mred\x07")


def _surrogate() -> None:
    _log.error("marked \udc80")


def _40_kb() -> None:
    _log.error("%s", "x" * 40_000)


def _100_kb() -> None:
    # Wherever the cut is, behind it stands a whole "<0>" in one of the three.
    for shift in range(3):
        _log.error("%s", "x" * shift + "<0>" * 33_000)


def _empty() -> None:
    _log.error("")


def _bad_arguments() -> None:
    _log.error("marked %d", "text")


def _uncaught() -> None:
    raise RuntimeError("marked")


def _uncaught_in_thread() -> None:
    thread = threading.Thread(target=_uncaught)
    thread.start()
    thread.join()


def _warning() -> None:
    warnings.warn("marked", stacklevel=1)


def _fork() -> None:
    warnings.simplefilter("ignore")  # that forking with threads is not safe is the point
    stop = threading.Event()

    def chatter() -> None:
        while not stop.is_set():
            _log.info("chatter")
            time.sleep(0.0001)

    threads = [threading.Thread(target=chatter, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    hung = tried = 0
    while tried < CHILDREN and hung < _ENOUGH:
        child = os.fork()
        if child == 0:
            _log.error("child %d", tried)
            os._exit(0)
        tried += 1
        hung += not _ended(child)
    stop.set()
    for thread in threads:
        thread.join()
    os.write(1, b"<6>hung %d of %d\n" % (hung, tried))


def _ended(child: int) -> bool:
    until = time.monotonic() + _HANGS
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _killed() -> None:
    for number in range(KEPT):
        _log.error("record %d", number)
    os.kill(os.getpid(), signal.SIGKILL)


PROGRAMS: dict[str, Callable[[], None]] = {
    "level-25": _level_25,
    "level-35": _level_35,
    "level-1000": _level_1000,
    "critical": _critical,
    "traceback": _traceback,
    "nul": _nul,
    "newline": _newline,
    "control": _control,
    "surrogate": _surrogate,
    "40-kb": _40_kb,
    "100-kb": _100_kb,
    "empty": _empty,
    "bad-arguments": _bad_arguments,
    "uncaught": _uncaught,
    "uncaught-in-thread": _uncaught_in_thread,
    "warning": _warning,
    "fork": _fork,
    "killed": _killed,
}


def main() -> None:
    """Set the handler up and run the program."""
    handler, name = sys.argv[1:]
    handlers.use(handler, "%(message)s" if name == "empty" else handlers.FORMAT)
    program = PROGRAMS[name]
    if program is _uncaught:
        program()
    try:
        program()
    except Exception as error:  # noqa: BLE001 -- whichever: it is what the table tells
        # A line of its own, whatever was written before it.
        os.write(1, f"\n<7>raised {type(error).__name__}\n".encode())
    # Else journald may find no process any more, and no unit that the entry belongs to.
    time.sleep(0.2)


if __name__ == "__main__":
    main()
