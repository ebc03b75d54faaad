"""Answers each request with the versions of its two files, which agree in a whole release."""

import http.server
import os

import part

from systemd_handler import install, notify

VERSION = "one"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{VERSION} {part.VERSION}".encode()
        self.send_response(int(os.environ.get("STATUS", "200")))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


install()
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
notify(READY=1)
server.serve_forever()
