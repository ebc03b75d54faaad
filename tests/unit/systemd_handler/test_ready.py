"""A server that says nothing to systemd is ready when it accepts on a socket that systemd gave it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Told = Callable[..., "list[str]"]

BEGIN = "from systemd_handler import _auto; _auto.start()\n"
TAKE = "import socket; given = socket.socket(fileno=3)\n"
ASYNCIO = (
    "import asyncio, socket\n"
    "async def main():\n"
    "    server = await asyncio.start_server(print, sock=socket.socket(fileno=3))\n"
    "    server.close()\n"
    "asyncio.run(main())\n"
)
SPAWNED = (
    f"{TAKE}import subprocess, sys\n"
    f"child = {BEGIN + TAKE + 'given.listen()'!r}.replace('3', str(given.fileno()))\n"
    "subprocess.run([sys.executable, '-c', child], pass_fds=[given.fileno()], check=True)\n"
)
HTTP_SERVER = (
    f"{TAKE}import http.server, threading\n"
    "server = http.server.HTTPServer(('', 0), None, False)\n"
    "server.socket = given\n"
    "threading.Timer(0.1, server.shutdown).start()\n"
    "server.serve_forever()\n"
)


@pytest.fixture
def told(environment_with: Callable[..., dict[str, str]], tmp_path: Path) -> Told:
    """What a program tells systemd under `auto` that is given a socket."""

    def run(program: str, *, first: str = "", ours: bool = True) -> list[str]:
        address = str(tmp_path / "notify")
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
            socket.create_server(("127.0.0.1", 0)) as listener,
        ):
            manager.bind(address)
            pid = "str(os.getpid())" if ours else "'1'"
            outer = (
                "import os, sys\n"
                f"os.dup2({listener.fileno()}, 3)\n"
                f"os.environ['LISTEN_PID'] = {pid}\n"
                "os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])\n"
            )
            result = subprocess.run(
                [sys.executable, "-c", outer, first + BEGIN + program],
                env=environment_with(LISTEN_FDS="1", NOTIFY_SOCKET=address),
                pass_fds=[listener.fileno()],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert result.returncode == 0, result.stderr
            manager.setblocking(False)
            found = []
            while True:
                try:
                    found.append(manager.recv(4096).decode())
                except BlockingIOError:
                    os.unlink(address)
                    return found

    return run


@pytest.mark.parametrize(
    "program",
    [
        f"{TAKE}given.listen()\n",
        f"{TAKE}given.listen(); given.listen()\n",
        ASYNCIO,
        HTTP_SERVER,
        f"{TAKE}import os\nif os.fork() == 0: given.listen()\nelse: os.wait()\n",
        SPAWNED,
    ],
    ids=["listen", "listen twice", "asyncio", "http.server", "a forked child", "a spawned child"],
)
def test_it_is_told_once_that_a_server_accepts(told: Told, program: str) -> None:
    assert told(program) == ["READY=1"]


@pytest.mark.parametrize(
    "program",
    [
        TAKE,
        "import socket; socket.create_server(('127.0.0.1', 0))\n",
        f"from systemd_handler import notify\n{TAKE}given.listen()\n",
        f"import systemd_handler; systemd_handler.notify\n{TAKE}given.listen()\n",
        f"import sys, types; sys.modules['sdnotify'] = types\n{TAKE}given.listen()\n",
    ],
    ids=[
        "none that listens",
        "a socket of its own",
        "a program that says it itself",
        "one that says it by the package",
        "one that says it by another package",
    ],
)
def test_nothing_is_told_by(told: Told, program: str) -> None:
    assert told(program) == []


def test_sockets_of_another_process_are_none_of_this_one(told: Told) -> None:
    assert told(f"{TAKE}given.listen()\n", ours=False) == []


def test_what_it_waits_for_is_not_imported_for_it(told: Told) -> None:
    first = "import sys; before = set(sys.modules)\n"  # of whoever measures what the tests reach
    program = "new = set(sys.modules) - before; assert not {'socket', 'socketserver'} & new, new\n"
    assert told(program, first=first) == []


def test_a_module_that_is_changed_when_it_comes_is_as_it_was_otherwise(told: Told) -> None:
    program = (
        "import socketserver, importlib\n"
        "assert socketserver.__spec__.name == 'socketserver'\n"
        "assert socketserver.__loader__ is socketserver.__spec__.loader\n"
        "importlib.reload(socketserver).BaseServer\n"
    )
    assert told(program) == []
