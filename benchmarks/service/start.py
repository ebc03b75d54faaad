"""A small service, as far as its start goes: what it imports, and a port that it listens on."""

import http.server
import logging
import sys

from systemd_handler import notify

logging.basicConfig(level=logging.INFO)
server = http.server.ThreadingHTTPServer(
    ("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler
)
notify(READY=1)
server.serve_forever()
