"""The listening socket, a thread for each connection, and how all of that comes to an end."""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from typing import Any

from demo.settings import Settings, SettingsError
from demo.worker import Worker
from systemd_handler import listen_sockets

LOG = logging.getLogger(__name__)

LAST_REQUESTS = 1.0
"""Seconds for which a drain waits for one more request on connections that clients keep."""


def listen(settings: Settings) -> socket.socket:
    """Give the socket that systemd listens on for this service; listen where it does not.

    Raises SettingsError when the address cannot be had.
    """
    for passed in listen_sockets():
        return passed
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise SettingsError(
            f"DEMO_HOST, DEMO_PORT: {error.strerror}; write an address that is free"
        ) from error


class Server(socketserver.ThreadingMixIn, socketserver.BaseServer):
    """Serves each connection of a listening socket in a thread of its own.

    It stands on BaseServer because HTTPServer makes a socket of its own even when it is going
    to serve one of systemd's.
    """

    def __init__(
        self,
        listener: socket.socket,
        handler: type[socketserver.BaseRequestHandler],
        settings: Settings,
    ) -> None:
        super().__init__(listener.getsockname(), handler)
        # How long handle_request() waits, and so how long a signal may have to.
        listener.settimeout(0.5)
        self.socket = listener
        self.address = listener.getsockname()
        self.settings = settings
        self.worker = Worker()
        self.draining = False
        self.answered = 0
        """Requests that got an answer so far."""
        self._status: int | None = None
        self._idle: set[socket.socket] = set()
        self._ended = False
        self._changed = threading.Condition()

    def describe(self) -> str:
        """Say what the server does, and where."""
        where = self.address
        if isinstance(where, tuple):
            host, port = where[:2]
            where = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        doing = "drains" if self.draining else "serves"
        return f"{doing} {where}, requests answered: {self.answered}"

    def serve(self) -> int:
        """Serve until `end` is called; give the exit status that it was called with."""
        while self._status is None:
            self.handle_request()
        return self._status

    def end(self, status: int) -> None:
        """Have `serve` return; any thread may call this, and a signal's handler."""
        self._status = status

    def drain(self) -> None:
        """Accept no more connections; return when the requests in flight are answered.

        How long that may take is TimeoutStopSec= of the unit.
        """
        self.socket.close()
        with self._changed:
            self.draining = True
            # Who keeps a connection may be sending the next request, which is answered with
            # the word that it was the last. To close the connection now would lose it.
            self._changed.wait_for(lambda: not self._idle, LAST_REQUESTS)
            self._ended = True
            for connection in self._idle:
                _end_input(connection)
        # Waits for the threads.
        self.server_close()

    @contextlib.contextmanager
    def idle(self, connection: socket.socket) -> Iterator[None]:
        """Mark a connection as one that waits for a request: a drain does not wait for it long."""
        with self._changed:
            self._idle.add(connection)
            if self._ended:
                _end_input(connection)
        try:
            yield
        finally:
            with self._changed:
                self._idle.remove(connection)
                self._changed.notify_all()

    def count_answer(self) -> None:
        """Count a request as answered."""
        with self._changed:
            self.answered += 1

    # What BaseServer asks of a server.

    def fileno(self) -> int:
        return self.socket.fileno()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = self.socket.accept()
        if connection.family == socket.AF_UNIX:
            return connection, ["local"]
        # Without it the body of an answer waits until the client acknowledges the head: 40 ms.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def close_request(self, request: Any) -> None:
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            # Clients are silent or go as they like.
            LOG.debug("connection from %s: %s", client_address[0], error)
        else:
            LOG.error("connection from %s failed", client_address[0], exc_info=error)


def _end_input(connection: socket.socket) -> None:
    # The client may have gone first.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
