"""A package index on this machine, which may keep those who ask waiting, or ask who they are."""

from __future__ import annotations

import base64
import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path


class Index:
    """Serves ``directory``, which has a directory of wheels for each project, at an address.

    With ``login``, a name and a password with a colon between, it serves nobody else.
    """

    def __init__(self, address: str, directory: Path, login: str = "") -> None:
        #: Somebody has asked for something since it was told to hold or to begin.
        self.asked = threading.Event()
        self._free = threading.Event()
        self._free.set()
        self._begins = False
        index = self
        encoded = base64.b64encode(login.encode()).decode()

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                if login and self.headers["Authorization"] != f"Basic {encoded}":
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="index"')
                    self.end_headers()
                    return
                index.asked.set()
                if index._begins and not index._free.is_set():
                    self._answer_without_end()
                    return
                index._free.wait()
                super().do_GET()

            def _answer_without_end(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                with contextlib.suppress(OSError):
                    while not index._free.wait(0.5):
                        self.wfile.write(b" ")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._address = address
        self._server = http.server.ThreadingHTTPServer(
            (address, 0), lambda *given: Handler(*given, directory=str(directory))
        )
        self._server.daemon_threads = True
        self.url = f"http://{address}:{self._server.server_port}/"

    def requirements(self, *names: str) -> list[str]:
        """Requirement lines that take ``names`` from here."""
        return [f"--index-url {self.url}", f"--trusted-host {self._address}", *names]

    def hold(self) -> None:
        """Answer nobody who asks from now on."""
        self._begins = False
        self.asked.clear()
        self._free.clear()

    def begin(self) -> None:
        """Begin to answer those who ask from now on, and come to no end."""
        self._begins = True
        self.asked.clear()
        self._free.clear()

    def release(self) -> None:
        """Answer again, also those who wait."""
        self._free.set()

    @contextlib.contextmanager
    def served(self) -> Iterator[Index]:
        """Serve it meanwhile."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            self.release()
            self._server.shutdown()
            self._server.server_close()
