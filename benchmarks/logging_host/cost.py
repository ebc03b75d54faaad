"""Logs many records and says what CPU time that took: one case of the benchmark.

    python3 [-u] -m logging_host.cost HANDLER RECORDS THREADS RESULT

HANDLER is one of `logging_host.handlers`, or "write" for lines that are ready, "print" and
"print-auto" for prints. The file RESULT gets the seconds, user and system, of this process
and all its threads. Afterwards one more record is logged, an error, or printed to standard
error.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import time
from pathlib import Path

from logging_host import handlers

_LINE = b"<6>bench: request 100000 took 0.123 s\n"
_log = logging.getLogger("bench")


def _write(numbers: range) -> None:
    for _ in numbers:
        os.write(1, _LINE)


def _print_all(numbers: range) -> None:
    for number in numbers:
        print(f"bench: request {number} took 0.123 s")


def _log_all(numbers: range) -> None:
    for number in numbers:
        _log.info("request %d took %s s", number, "0.123")


def main() -> None:
    """Run the case."""
    handler, records, count, result = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    work = {"write": _write, "print": _print_all, "print-auto": _print_all}.get(handler, _log_all)
    if handler == "print-auto":
        importlib.import_module("systemd_handler._auto").start()
    elif work is _log_all:
        handlers.use(handler)
    share = records // count
    threads = [
        threading.Thread(target=work, args=(range(at * share, (at + 1) * share),))
        for at in range(count)
    ]
    started = time.process_time()
    if count == 1:
        work(range(records))
    else:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    seconds = time.process_time() - started
    Path(result).write_text(f"{seconds}\n")
    if work is _write:
        os.write(1, b"<3>bench: the last one\n")
    elif work is _print_all:
        print("bench: the last one", file=sys.stderr)
    else:
        _log.error("the last one")


if __name__ == "__main__":
    main()
