"""HTTP: which request gets which answer."""

from __future__ import annotations

import json
import logging
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as JobTimeoutError
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from demo import page
from demo.actions import Action
from demo.server import Server
from demo.service import Service

LOG = logging.getLogger(__name__)
ACCESS = logging.getLogger("demo.access")

LARGEST_BODY = 4096
"""Bytes of a request's body; the forms here send none at all."""
JOB_SECONDS = 5.0
IDLE_SECONDS = 15.0

_JSON = "application/json; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": page.CONTENT_SECURITY_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not "no-referrer", with which a browser sends "Origin: null" for our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class RefusalError(Exception):
    """A request that gets no more than an error: its status, the reason, further headers."""

    def __init__(self, status: HTTPStatus, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers


class RequestHandler(BaseHTTPRequestHandler):
    """Serves the requests of one connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    # A whole answer in one write: a head that travels alone waits for Nagle's algorithm.
    wbufsize = -1
    _begun: float

    def __init__(self, *connection: Any, service: Service) -> None:
        self._service = service
        super().__init__(*connection)

    def handle_one_request(self) -> None:
        """Wait for a request and answer it."""
        # parse_request sets both, but some requests are refused before they are parsed.
        self.close_connection = True
        self.requestline = ""
        try:
            if not self.rfile.peek(1):  # type: ignore[attr-defined] # it is a BufferedReader
                return
        except OSError:
            # A silent or vanished client between two requests is nothing to report.
            return
        self._begun = time.monotonic()
        self.server.request_begins(self.connection)
        super().handle_one_request()
        if not self.server.request_ends(self.connection):
            self.close_connection = True

    def _respond(self) -> None:
        try:
            self._receive_body()
            self._route()
        except RefusalError as refusal:
            self._send_error(refusal)

    # A known path refuses the other methods by itself, and says which ones it has.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _respond

    def _route(self) -> None:
        path = self.path.partition("?")[0]
        action = self._service.actions.get(path)
        if action is not None:
            self._require_method("POST")
            self._require_same_site()
            self._press(action)
        elif path == "/":
            self._require_method("GET", "HEAD")
            self._send_page(HTTPStatus.OK)
        elif path == "/healthz":
            self._require_method("GET", "HEAD")
            self._send_health()
        else:
            raise RefusalError(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _require_method(self, *allowed: str) -> None:
        if self.command not in allowed:
            names = ", ".join(allowed)
            raise RefusalError(
                HTTPStatus.METHOD_NOT_ALLOWED, f"This address takes {names} only.", Allow=names
            )

    def _require_same_site(self) -> None:
        """Refuse what another site's page sent: only a browser sends these two headers."""
        site = self.headers.get("Sec-Fetch-Site", "same-origin")
        origin = self.headers.get("Origin")
        # Without the scheme, which a proxy that ends TLS changes.
        own = origin is None or origin.partition("://")[2] == self.headers.get("Host")
        if site not in ("same-origin", "none") or not own:
            raise RefusalError(
                HTTPStatus.FORBIDDEN, "This request comes from another site, so it does nothing."
            )

    def _receive_body(self) -> None:
        """Take the body off the connection; none of the requests here needs one."""
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise RefusalError(
                HTTPStatus.LENGTH_REQUIRED, "Send the body with a Content-Length instead."
            )
        lengths = set(self.headers.get_all("Content-Length", ["0"]))
        text = lengths.pop()
        if lengths or not (text.isascii() and text.isdigit()):
            self.close_connection = True
            raise RefusalError(HTTPStatus.BAD_REQUEST, "The Content-Length is not one number.")
        # Long before int() has to convert thousands of digits.
        if len(text) > 9 or int(text) > LARGEST_BODY:
            self.close_connection = True
            raise RefusalError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The body is too large; at most {LARGEST_BODY} bytes are taken.",
            )
        if len(self.rfile.read(int(text))) < int(text):
            self.close_connection = True
            raise RefusalError(
                HTTPStatus.BAD_REQUEST, "The body is shorter than its Content-Length."
            )

    def _press(self, action: Action) -> None:
        done = self._service.worker.submit(action.run)
        status = HTTPStatus.OK if action.answers_first else self._wait_for(done)
        outcome = self._outcome(action)
        command = self._service.where_to_look(action)
        if self._wants_html():
            failed = status is not HTTPStatus.OK
            self._send_page(status, page.Result(outcome, command, failed))
        else:
            self._send_json(status, {"action": action.path, "outcome": outcome, "look": command})

    def _wait_for(self, done: Future[object]) -> HTTPStatus:
        try:
            done.result(JOB_SECONDS)
        except JobTimeoutError:
            raise RefusalError(
                HTTPStatus.SERVICE_UNAVAILABLE, "The work hangs; try again after a restart."
            ) from None
        except Exception:
            LOG.exception("%.200r failed", self.requestline)
            return HTTPStatus.INTERNAL_SERVER_ERROR
        return HTTPStatus.OK

    def _outcome(self, action: Action) -> str:
        if action.level is not None and not LOG.isEnabledFor(action.level):
            return "Nothing was logged: DEMO_LOG_LEVEL hides this level."
        if action.ends_process and not self._service.settings.supervised:
            return (
                f"{action.outcome} Nothing supervises the process here, so all of that "
                "is up to you: end it and start it by hand."
            )
        return action.outcome

    def _send_health(self) -> None:
        state = self._service.state
        status = HTTPStatus.OK if state == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
        self._send_json(
            status,
            {
                "status": state,
                "release": self._service.settings.release,
                "uptime": round(self._service.uptime, 3),
            },
        )

    def _send_error(self, refusal: RefusalError) -> None:
        if self._wants_html():
            result = page.Result(str(refusal), "", failed=True)
            self._send_page(refusal.status, result, **refusal.headers)
        else:
            self._send_json(refusal.status, {"error": str(refusal)}, **refusal.headers)

    def _wants_html(self) -> bool:
        headers: Any | None = getattr(self, "headers", None)
        return headers is not None and "text/html" in headers.get("Accept", "")

    def _send_page(
        self, status: HTTPStatus, result: page.Result | None = None, **headers: str
    ) -> None:
        self._send(status, _HTML, page.render(self._service, result), **headers)

    def _send_json(self, status: HTTPStatus, content: dict[str, object], **headers: str) -> None:
        self._send(status, _JSON, json.dumps(content) + "\n", **headers)

    def _send(self, status: HTTPStatus, content_type: str, text: str, **headers: str) -> None:
        body = text.encode()
        self.send_response(status)
        if self._service.draining or self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in {**_HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
        # %r, since the client chose every character of its request line.
        ACCESS.info(
            "%s %.200r %d %.1f ms",
            self.address_string(),
            self.requestline,
            status,
            1000 * (time.monotonic() - self._begun),
        )

    # What http.server calls on its own.

    def handle_expect_100(self) -> bool:
        """Ask for the body of a request at once: the client waits for this line."""
        proceeds = super().handle_expect_100()
        self.wfile.flush()
        return proceeds

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that http.server cannot read."""
        status = HTTPStatus(code)
        self.close_connection = True
        self._send_error(RefusalError(status, f"{status.phrase}."))

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Log nothing here: the line is written once the answer is sent."""

    def log_message(self, format: str, *args: Any) -> None:
        """Log what http.server finds worth saying, such as a request that stays half sent."""
        LOG.info("%s %.200r", self.address_string(), format % args)

    def version_string(self) -> str:
        """Give the Server header: no versions, which would help only attackers."""
        return "demo"
