"""Runs the service: `python -m demo`."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from functools import partial

from demo import logs, settings
from demo.server import Server, create_listener, url_of
from demo.service import Service
from demo.service_manager import Reporter, tell
from demo.settings import Settings, SettingsError
from demo.web import RequestHandler

LOG = logging.getLogger("demo")

DRAIN_SECONDS = 10.0
"""How long requests in flight may take once the service is told to end."""

STATUS_FAILURE = 1
STATUS_INVALID = 2
"""What systemd shows as INVALIDARGUMENT: systemd.exec(5)."""


def main() -> int:
    """Run until told to end; give the exit status."""
    try:
        chosen = settings.from_environment(os.environ)
    except SettingsError as error:
        logs.set_up(logging.INFO)
        LOG.critical("%s", error)
        return STATUS_INVALID
    logs.set_up(chosen.log_level)
    try:
        listener = create_listener(chosen.host, chosen.port)
    except socket.gaierror as error:
        LOG.critical("DEMO_HOST: %r cannot be found: %s", chosen.host, error.strerror)
        return STATUS_INVALID
    except OSError as error:
        LOG.critical(
            "cannot listen on %s port %d: %s; set DEMO_HOST and DEMO_PORT to an address "
            "that is free",
            chosen.host,
            chosen.port,
            error.strerror,
        )
        return STATUS_FAILURE
    return run(chosen, listener)


def run(chosen: Settings, listener: socket.socket) -> int:
    """Serve `listener` until told to end; give the exit status."""
    service = Service(chosen)
    url = url_of(listener)

    def describe() -> str:
        return f"{url}: {service.state}, {server.served} requests served"

    reporter = Reporter(service.worker, describe, chosen.watchdog)
    handler = partial(RequestHandler, service=service)
    server = Server(listener, handler, reporter.tick, reporter.poll_interval)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: service.ends.put(0))

    def serve() -> None:
        try:
            server.serve()
        finally:
            # Nothing is served any more, even if nobody asked for the end.
            service.ends.put(STATUS_FAILURE)

    threading.Thread(target=serve, name="server", daemon=True).start()
    threading.Thread(
        target=log_heartbeats, args=(server, chosen.heartbeat), name="heartbeat", daemon=True
    ).start()
    tell(READY=1, STATUS=describe())
    LOG.info("release %s serves %s", chosen.release, url)
    if not chosen.supervised:
        LOG.info("Ctrl-C ends it")

    status = service.ends.get()
    service.draining = True
    tell(STOPPING=1, STATUS=describe())
    LOG.info("ending: no new connections, at most %g s for requests in flight", DRAIN_SECONDS)
    if not server.drain(DRAIN_SECONDS):
        LOG.warning("some requests were still in flight after %g s", DRAIN_SECONDS)
    LOG.info("ended after %d requests", server.served)
    return status


def log_heartbeats(server: Server, seconds: float) -> None:
    """Log, again and again, how many requests were served since the last time."""
    pause = threading.Event()
    before = 0
    while not pause.wait(seconds):
        served = server.served
        LOG.info("heartbeat: %d requests in the last %g s", served - before, seconds)
        before = served


if __name__ == "__main__":
    sys.exit(main())
