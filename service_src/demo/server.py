"""The listening socket, its connections, and how they come to an end."""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

LOG = logging.getLogger(__name__)

REQUEST_SECONDS = 30.0
"""A request must be received and answered in this time, whatever its client does."""

Address = tuple[Any, ...]


def create_listener(host: str, port: int) -> socket.socket:
    """Listen on the first address that `host` stands for.

    Raises socket.gaierror for a host that cannot be found, OSError for an address that
    cannot be had.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # A restart must not wait for the old connections' TIME_WAIT: socket(7).
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """Give the URL under which a TCP listener is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(socketserver.ThreadingMixIn, socketserver.BaseServer):
    """Serves each connection of a listening socket in a thread of its own.

    It stands on BaseServer because TCPServer makes a socket of its own even when it is
    going to serve another one.
    """

    daemon_threads = True

    def __init__(
        self,
        listener: socket.socket,
        handler: Callable[..., socketserver.BaseRequestHandler],
        tick: Callable[[], None],
        poll_interval: float,
    ) -> None:
        """Serve `listener`; call `tick` at least every `poll_interval` seconds until the end."""
        super().__init__(listener.getsockname(), handler)
        # A client may be gone between the wake-up and accept(): select(2), BUGS.
        listener.setblocking(False)
        self._listener = listener
        self._tick = tick
        self._poll_interval = poll_interval
        self._changed = threading.Condition()
        self._busy_since: dict[socket.socket, float | None] = {}
        self._closing = False
        self.served = 0
        """Requests that came to an end so far."""

    def serve(self) -> None:
        """Serve until `drain` is called."""
        self.serve_forever(self._poll_interval)

    # What BaseServer asks of a server.

    def fileno(self) -> int:
        return self._listener.fileno()

    def get_request(self) -> tuple[socket.socket, Address]:
        return self._listener.accept()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._busy_since[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        # Tells the client that no more comes, also where a copy of the socket is still open.
        with contextlib.suppress(OSError):
            request.shutdown(socket.SHUT_WR)
        request.close()
        with self._changed:
            self._busy_since.pop(request, None)
            self._changed.notify_all()

    def server_close(self) -> None:
        self._listener.close()

    def service_actions(self) -> None:
        self._end_overdue()
        self._tick()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        # Clients come and go as they like; anything else is a fault of this program.
        level = logging.DEBUG if isinstance(error, OSError) else logging.ERROR
        LOG.log(level, "connection from %s failed", client_address, exc_info=error)

    # What a connection tells: it is idle between requests, busy from the first byte of one
    # until its answer is sent.

    def request_begins(self, connection: socket.socket) -> None:
        """Count a connection as busy."""
        with self._changed:
            self._busy_since[connection] = time.monotonic()

    def request_ends(self, connection: socket.socket) -> bool:
        """Count a connection as idle; true if it may wait for another request."""
        with self._changed:
            self.served += 1
            self._busy_since[connection] = None
            return not self._closing

    def drain(self, seconds: float) -> bool:
        """Stop accepting, let the requests in flight finish; false if some did not in time.

        Ticks go on meanwhile: the watchdog counts until the process has ended.
        """
        deadline = time.monotonic() + seconds
        self.shutdown()
        self._accept_waiting()
        self.server_close()
        with self._changed:
            self._closing = True
            for connection, busy_since in self._busy_since.items():
                if busy_since is None:
                    self._shut(connection, socket.SHUT_RD)
            while self._busy_since:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, self._poll_interval))
                self.service_actions()
        return True

    def _accept_waiting(self) -> None:
        # The kernel has accepted these for us; closing the listener would reset them.
        with contextlib.suppress(OSError):
            while True:
                self.process_request(*self.get_request())

    def _end_overdue(self) -> None:
        # A socket's timeout starts anew with each byte, so a client that sends one now and
        # then would never meet it.
        limit = time.monotonic() - REQUEST_SECONDS
        with self._changed:
            for connection, busy_since in self._busy_since.items():
                if busy_since is not None and busy_since < limit:
                    self._shut(connection, socket.SHUT_RDWR)

    @staticmethod
    def _shut(connection: socket.socket, how: int) -> None:
        # The client may have gone first.
        with contextlib.suppress(OSError):
            connection.shutdown(how)
