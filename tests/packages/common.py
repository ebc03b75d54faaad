"""For the programs of programs.toml: what most of them log, or which pages they are asked for."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable

#: Seconds. It guards against hanging alone.
_LIMIT = 120


def say(log: object) -> None:
    """Log at the five usual levels."""
    for method, word in (
        ("debug", "low"),
        ("info", "usual"),
        ("warning", "odd"),
        ("error", "wrong"),
        ("critical", "dire"),
    ):
        getattr(log, method)(word)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, *paths: str) -> None:
    """Ask a server for *paths* once it accepts connections, whatever it answers."""
    end = time.monotonic() + _LIMIT
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        if time.monotonic() > end:
            sys.exit(f"nothing listens on port {port} after {_LIMIT} s")
        time.sleep(0.1)
    for path in paths:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=_LIMIT) as answer,
        ):
            answer.read()


def visit(command: str, *paths: str) -> None:
    """Start the server of *command*, ask it for *paths*, and end it.

    ``PORT`` in the command, and in the environment, is a free port. The program is one of the
    environment that this Python is of.
    """
    port = free_port()
    words = command.replace("PORT", str(port)).split()
    program = os.path.join(os.path.dirname(sys.executable), words[0])
    server = subprocess.Popen([program, *words[1:]], env={**os.environ, "PORT": str(port)})
    get(port, *paths)
    time.sleep(1)  # some log what failed only after they answered
    server.send_signal(signal.SIGINT)
    try:
        server.wait(_LIMIT)
    except subprocess.TimeoutExpired:
        server.kill()


def wsgi(
    environ: dict[str, str], start: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """A WSGI application: ``/boom`` fails."""
    if environ["PATH_INFO"] == "/boom":
        raise ValueError("boom")
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"fine"]


async def asgi(scope, receive, send):  # type: ignore[no-untyped-def]
    """An ASGI application: ``/boom`` fails."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/boom":
        raise ValueError("boom")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fine"})
