"""Runs the service: `python -m demo`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time

from demo.server import Server, listen
from demo.settings import SettingsError, from_environment
from demo.web import RequestHandler
from systemd_handler import install, notify

LOG = logging.getLogger("demo")


def main() -> int:
    """Run until told to end; give the exit status."""
    install()
    try:
        settings = from_environment(os.environ)
        install(settings.log_level)
        server = Server(listen(settings), RequestHandler, settings)
    except SettingsError as error:
        LOG.critical("%s", error)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.end(0))
    notify(READY=1, STATUS=server.describe())
    threading.Thread(target=report, args=[server], name="report", daemon=True).start()
    LOG.info("release %s %s", settings.release, server.describe())
    status = server.serve()
    notify(STOPPING=1)
    LOG.info("ending: no new connections, and answers for the requests in flight")
    server.drain()
    LOG.info("ended, requests answered: %d", server.answered)
    return status


def report(server: Server) -> None:
    """Tell systemd again and again that the work goes on, and how it goes.

    The worker sends it: when that hangs, nothing is sent, and the watchdog ends the process.
    """
    # Twice as often as systemd wants it: sd_watchdog_enabled(3).
    seconds = int(os.environ.get("WATCHDOG_USEC", "20_000_000")) / 2_000_000
    while True:
        server.worker.submit(lambda: notify(WATCHDOG=1, STATUS=server.describe())).result()
        time.sleep(seconds)


if __name__ == "__main__":
    sys.exit(main())
