"""A program of several processes; its first argument says which one this is."""

from __future__ import annotations

import http.server
import json
import logging
import os
import pathlib
import sys
import threading
import time

from systemd_handler import listen_sockets

LOG = logging.getLogger("whole")


def state(name: str) -> pathlib.Path:
    return pathlib.Path(os.environ["STATE_DIRECTORY"], name)


class Answer(http.server.BaseHTTPRequestHandler):
    """Tells who answers."""

    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "somebody"  # of a Unix socket there is no address

    def do_GET(self) -> None:
        body = json.dumps({"pid": os.getpid(), "variables": dict(os.environ)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def serve() -> None:
    threads = []
    for passed in listen_sockets():
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer, False)
        server.socket = passed
        server.server_name, server.server_port = "whole", 0
        threads.append(threading.Thread(target=server.serve_forever))
    for thread in threads:
        thread.start()


def work() -> None:
    LOG.warning("works as %s", os.environ.get("PYTHON_SERVICE_INSTANCE", "the only one"))
    if "broken" in sys.argv:
        sys.exit("this worker cannot work")
    while True:
        time.sleep(60)


def run_job() -> None:
    LOG.error("the job runs")
    with state("runs").open("a") as file:
        file.write("x")
    while state("hold").exists():
        time.sleep(0.1)
    if state("fail").exists():
        sys.exit(3)


{"serve": serve, "work": work, "job": run_job}[sys.argv[1]]()
