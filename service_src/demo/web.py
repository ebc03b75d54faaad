"""HTTP: which request gets which answer, and a line of the access log for each."""

from __future__ import annotations

import concurrent.futures
import html
import json
import logging
import os
import platform
import re
import socket
import string
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from demo.buttons import BUTTONS
from demo.server import Server

LOG = logging.getLogger(__name__)
ACCESS = logging.getLogger("demo.access")

HANGS_AFTER = 2.0
"""Seconds after which a job that is not done hangs: every job here takes milliseconds."""

PAGE = string.Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
STARTED = time.strftime("%Y-%m-%d %H:%M:%S %Z")


class RequestHandler(BaseHTTPRequestHandler):
    """Serves the requests of one connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 15
    """Seconds that a silent client keeps its connection."""
    _begun = 0.0

    def do_GET(self) -> None:
        """Show the page, or whether the service is well."""
        path = self.path.partition("?")[0]
        if path == "/":
            self._answer(200, page(self.server.settings.release), "text/html")
        elif path == "/healthz":
            status, text = self._work(lambda _: "ok")
            health = {"status": text, "release": self.server.settings.release}
            self._answer(status, json.dumps(health), "application/json")
        else:
            self._answer(404, "There is nothing to see at this address.")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Press a button."""
        button = BUTTONS.get(self.path)
        # Browsers say where a request comes from: the page of another site presses nothing here.
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            self._answer(403, "The page of another site presses nothing here.")
        elif button is None:
            self._answer(404, "There is no such button.")
        else:
            self._answer(*self._work(button))

    def _work(self, job: Callable[[Server], str]) -> tuple[int, str]:
        """Have the worker do a job; give the status of the answer and its text."""
        try:
            return 200, self.server.worker.submit(lambda: job(self.server)).result(HANGS_AFTER)
        except concurrent.futures.TimeoutError:
            return 503, "The work hangs."
        except Exception:
            LOG.exception("%.200r failed", self.requestline)
            return 500, "The request failed. Look for one entry that holds the whole traceback."

    def _answer(self, status: int, text: str, kind: str = "text/plain") -> None:
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Frame-Options", "DENY")
        # Nothing here needs a body, so none is read, and what follows it is no request.
        has_body = self.headers.get("Content-Length", "0") != "0"
        if has_body or "Transfer-Encoding" in self.headers or self.server.draining:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    # What http.server calls by itself.

    def handle_one_request(self) -> None:
        """Wait for a request and answer it."""
        with self.server.idle(self.connection):
            self.rfile.peek(1)  # type: ignore[attr-defined] # it is a BufferedReader
        self._begun = time.monotonic()
        super().handle_one_request()

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Write a line of the access log."""
        self.server.count_answer()
        milliseconds = 1000 * (time.monotonic() - self._begun)
        # Quoted and cut, since the client chose every character of it.
        ACCESS.info(
            "%s %.200r %d %.1f ms", self.address_string(), self.requestline, code, milliseconds
        )

    def log_message(self, format: str, *args: Any) -> None:
        """Log what http.server finds worth saying, such as a request that stays half sent."""
        LOG.info("%s %.200r", self.address_string(), format % args)


def page(release: str) -> str:
    """Give the page as HTML."""
    facts = {
        "release": release,
        "host": socket.gethostname(),
        "unit": unit(),
        "python": platform.python_version(),
        "pid": str(os.getpid()),
        "started": STARTED,
    }
    return PAGE.substitute({name: html.escape(fact) for name, fact in facts.items()})


def unit() -> str:
    """Give the unit in which systemd runs this process."""
    # A line is ID:CONTROLLERS:/PATH, and the path ends with the unit: cgroups(7).
    cgroups = Path("/proc/self/cgroup").read_text(encoding="utf-8")
    found = re.search(r"[^/]+\.service$", cgroups, re.MULTILINE)
    return found[0] if found and "NOTIFY_SOCKET" in os.environ else "not involved"
