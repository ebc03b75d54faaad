"""How the service starts, lives under systemd and ends."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from demo_process import PATIENCE, DemoProcess, Manager


def test_systemd_is_told_once_the_service_can_be_reached(
    start: Callable[..., DemoProcess], manager: Manager
) -> None:
    demo = start(NOTIFY_SOCKET=str(manager.path))
    assert manager.read() == f"READY=1\nSTATUS=serves {demo.url}, requests answered: 0"


def test_status_follows_what_happens(start: Callable[..., DemoProcess], manager: Manager) -> None:
    demo = start(NOTIFY_SOCKET=str(manager.path), WATCHDOG_USEC="200000")
    demo.request("GET", "/healthz")
    manager.read_until(lambda message: message.endswith(", requests answered: 1"))


def test_watchdog_is_answered_until_the_work_hangs(
    start: Callable[..., DemoProcess], manager: Manager
) -> None:
    demo = start(NOTIFY_SOCKET=str(manager.path), WATCHDOG_USEC="200000")
    for _ in range(3):
        manager.read_until(lambda message: message.startswith("WATCHDOG=1\n"))
    assert demo.request("POST", "/hang")[0].status == 200
    answer, text = demo.request("GET", "/healthz")
    assert (answer.status, json.loads(text)["status"]) == (503, "The work hangs.")
    manager.forget()
    # Long enough for many pings.
    assert demo.request("POST", "/log/info")[0].status == 503
    demo.send(signal.SIGTERM)
    assert manager.read() == "STOPPING=1"
    assert demo.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_with_nothing_but_its_own_words(
    start: Callable[..., DemoProcess], number: signal.Signals
) -> None:
    demo = start()
    demo.wait_for_line("serves")
    demo.send(number)
    assert demo.wait() == 0
    assert [line.partition(" demo: ")[2].split()[0] for line in demo.lines] == [
        "release",
        "ending:",
        "ended,",
    ]


def test_ipv6_address_is_served(start: Callable[..., DemoProcess]) -> None:
    demo = start(DEMO_HOST="::1")
    assert demo.url.startswith("http://[::1]:")
    assert demo.request("GET", "/healthz")[0].status == 200


def test_socket_that_systemd_listens_on_is_served(start: Callable[..., DemoProcess]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        demo = start(listener)
        assert demo.address == listener.getsockname()
        assert demo.request("GET", "/healthz")[0].status == 200


def test_unix_socket_that_systemd_listens_on_is_served(
    start: Callable[..., DemoProcess], tmp_path: Path
) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(path)
        listener.listen()
        demo = start(listener)
        client.settimeout(PATIENCE)
        client.connect(path)
        client.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
        demo.wait_for_line(f"serves {path}, ")
        demo.wait_for_line("demo.access: local 'GET /healthz HTTP/1.1' 200 ")
