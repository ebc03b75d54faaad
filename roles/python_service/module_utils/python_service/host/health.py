# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Whether a process that is up does what it is for."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shlex
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator

from ..foreign import shortened
from ..layout import DROP_IN, Layout
from ..model import Health, Process, Release
from .files import read
from .sandbox import Sandbox
from .systemd import Systemd

#: Asks once, for so many seconds at most; None is health, a text what was answered instead.
Question = Callable[[float], "str | None"]

#: Bytes of an answer's body that are read, and lines and bytes of each that are shown.
_MOST_READ = 4096
_MOST_LINES = 5
_MOST_OF_A_LINE = 300
#: Headers that tell who answers, and what it wants instead.
_TELLING = ("Location", "WWW-Authenticate", "Retry-After", "Server")


@contextlib.contextmanager
def asking(
    layout: Layout, systemd: Systemd, release: Release, process: Process, health: Health
) -> Iterator[Question]:
    """How to ask for the health of one process of a release."""
    if health.command is None:
        yield lambda seconds: ask(health, seconds)
        return
    command = shortened(health.command)
    on_host = read(layout.unit(DROP_IN.format(unit=process.unit))) or ""
    sandbox = Sandbox(layout, systemd, process.unit, release.units[process.unit] + on_host)
    with sandbox.holding(shlex.split(health.command), health.timeout) as run:

        def question(_seconds: float) -> str | None:
            ending = run()
            return None if ending is None else f"{command} {ending}"

        yield question


def ask(health: Health, seconds: float) -> str | None:
    """Ask for the address once, for so many seconds of wall time, however slowly it answers."""
    answers: list[str | None] = []

    def listen() -> None:
        for answer in _ask(health, seconds):
            answers.append(answer)  # noqa: PERF402 - each counts as soon as it is there

    # A timeout of a socket begins anew with each byte.
    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[-1] if answers else f"{_where(health)} did not answer within {seconds:.0f} s"


def _where(health: Health) -> str:
    return f"{health.url} at {health.socket}" if health.socket else str(health.url)


def _ask(health: Health, seconds: float) -> Iterator[str | None]:
    """Ask the service itself, by no proxy and following no redirect; what was answered, ever more of it."""
    try:
        parts = urllib.parse.urlsplit(str(health.url))
        connection = _connection(health, parts, seconds)
        with contextlib.closing(connection):
            target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
            connection.request("GET", target, headers={"Connection": "close", **health.headers})
            answer = connection.getresponse()
            if answer.status in health.status:
                yield None
                return
            head = f"{_where(health)} {_head(health, answer)}"
            yield head  # the body may take longer than there is time
            with contextlib.suppress(OSError, http.client.HTTPException):
                yield "\n".join([head, *_body(answer)])
    except (OSError, ValueError, http.client.HTTPException) as error:
        yield f"{_where(health)} does not answer: {shortened(str(error) or repr(error))}"


def _connection(
    health: Health, parts: urllib.parse.SplitResult, seconds: float
) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if health.socket:
        return _UnixConnection(host, health.socket, seconds)
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port or 443, timeout=seconds)
    return http.client.HTTPConnection(host, parts.port or 80, timeout=seconds)


def _head(health: Health, answer: http.client.HTTPResponse) -> str:
    """What was answered instead: the status, and headers that tell more."""
    wanted = " or ".join(map(str, health.status))
    found = {name: answer.getheader(name) for name in _TELLING}
    headers = [f"{name}: {_line(value)}" for name, value in found.items() if value]
    return " | ".join([f"answers {answer.status}, not {wanted}", *headers])


def _body(answer: http.client.HTTPResponse) -> list[str]:
    """The first lines of what was answered, with words before them."""
    text = answer.read(_MOST_READ).decode(errors="replace")
    lines = [f"  {_line(line)}" for line in text.splitlines() if line.strip()][:_MOST_LINES]
    return ["It answers with:", *lines] if lines else []


def _line(text: str) -> str:
    return shortened(text.strip().replace("\n", " "), _MOST_OF_A_LINE)


class _UnixConnection(http.client.HTTPConnection):
    """A connection to a Unix socket; ``host`` is only what the server is told."""

    def __init__(self, host: str, path: str, seconds: float) -> None:
        super().__init__(host, timeout=seconds)
        self._path = path

    def connect(self) -> None:
        # The service owns the directory: by a link there, root would ask whomever the service likes.
        if os.path.realpath(self._path) != re.sub("^/var/run/", "/run/", self._path):
            raise OSError("a link leads there; name the socket itself")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
