"""The demo service as a process of its own, with what surrounds it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "service_src"
PACKAGES = ROOT / "roles" / "python_service" / "files"

PATIENCE = 30.0
"""Seconds after which a test gives up; none should ever need them."""

# Becomes another program and passes it a socket: sd_listen_fds(3).
PASS_SOCKET = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


class DemoProcess:
    """`python -m demo`, its log lines and its HTTP interface."""

    def __init__(
        self, environment: Mapping[str, str], listener: socket.socket | None = None
    ) -> None:
        """Start it on a free port, or as systemd does that listens on `listener`."""
        # -s and not -I, which would ignore PYTHONPATH and the working directory.
        command = [sys.executable, "-s", "-m", "demo"]
        if listener is not None:
            command = [sys.executable, "-c", PASS_SOCKET, str(listener.fileno()), *command]
        self._lines: list[str] = []
        self._grown = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            command,
            cwd=SOURCE,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(PACKAGES),
                "DEMO_PORT": "0",
                **environment,
            },
            stderr=subprocess.PIPE,
            pass_fds=[] if listener is None else [listener.fileno()],
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def url(self) -> str:
        return self.wait_for_line(r"serves (http://\S+),").group(1)

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    @property
    def lines(self) -> list[str]:
        """Everything logged so far; split at newlines alone, so that a CR stays to be seen."""
        with self._grown:
            return list(self._lines)

    def wait_for_line(self, pattern: str) -> re.Match[str]:
        """Give the first match in a line; fail if the process ends without one."""

        def found() -> re.Match[str] | None:
            return next(filter(None, (re.search(pattern, line) for line in self._lines)), None)

        with self._grown:
            self._grown.wait_for(lambda: found() or self._ended, PATIENCE)
            match = found()
            assert match is not None, f"no line matches {pattern!r} in {self._lines}"
            return match

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, str]:
        """Send one request on a new connection; give the answer and its text."""
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer, answer.read().decode()
        finally:
            connection.close()

    def exchange(self, sent: bytes) -> bytes:
        """Send bytes on a new connection; give all that comes until the service closes it."""
        with socket.create_connection(self.address, timeout=PATIENCE) as connection:
            connection.sendall(sent)
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Give the exit status, once everything that it logged has been read."""
        status = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def close(self) -> None:
        self._process.kill()
        self.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._grown:
                self._lines.append(line.decode(errors="replace").rstrip("\n"))
                self._grown.notify_all()
        with self._grown:
            self._ended = True
            self._grown.notify_all()


class Manager:
    """The end of the notification socket where systemd would read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(PATIENCE)

    def read(self) -> str:
        """Give the next message; wait for it if there is none."""
        return self._socket.recv(65_536).decode()

    def read_until(self, wanted: Callable[[str], bool]) -> list[str]:
        """Give the messages up to the first one that is `wanted`."""
        messages = [self.read()]
        while not wanted(messages[-1]):
            messages.append(self.read())
        return messages

    def forget(self) -> None:
        """Throw away what was sent so far."""
        self._socket.setblocking(False)
        try:
            while True:
                self._socket.recv(65_536)
        except BlockingIOError:
            self._socket.settimeout(PATIENCE)

    def close(self) -> None:
        self._socket.close()
