"""How the service starts, lives under systemd and ends."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable

import pytest

from demo.service_manager import journal_command, unit_of
from demo_process import DemoProcess, Manager


def test_ready_is_told_once_the_service_can_be_reached(
    start: Callable[..., DemoProcess], manager: Manager
) -> None:
    demo = start(NOTIFY_SOCKET=str(manager.path))
    ready = manager.read().splitlines()
    assert ready[0] == "READY=1"
    assert ready[1] == f"STATUS={demo.url}: ok, 0 requests served"


def test_status_follows_what_happens(start: Callable[..., DemoProcess], manager: Manager) -> None:
    demo = start(NOTIFY_SOCKET=str(manager.path))
    demo.request("GET", "/healthz")
    manager.read_until(lambda message: message.endswith(": ok, 1 requests served"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("with_package", [True, False])
def test_signal_ends_it_without_a_word_of_python(
    start: Callable[..., DemoProcess], number: signal.Signals, with_package: bool
) -> None:
    demo = start(with_package=with_package)
    demo.wait_for_line("Ctrl-C ends it")
    demo.send(number)
    assert demo.wait() == 0
    assert not [line for line in demo.lines if "Traceback" in line]
    assert "ended after 0 requests" in demo.lines[-1]


def test_drain_finishes_the_request_in_flight_and_takes_no_other(
    start: Callable[..., DemoProcess], manager: Manager
) -> None:
    demo = start(NOTIFY_SOCKET=str(manager.path))
    address = demo.address
    with demo.connect() as idle, demo.connect() as connection:
        head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        connection.sendall(head + b"Expect: 100-continue\r\n\r\n")
        # Now the request is in flight, and waits for its body.
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")
        idle.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert idle.recv(65_536).startswith(b"HTTP/1.1 200 ")
        demo.send(signal.SIGTERM)
        manager.read_until(lambda message: message.startswith("STOPPING=1\n"))
        # The end of the idle connection comes after the listener was closed.
        assert idle.recv(65_536) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)
        connection.sendall(b"ab")
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert b" 503 " in head.splitlines()[0]
    assert b"\r\nConnection: close\r\n" in head
    assert json.loads(body)["status"] == "draining"
    assert demo.wait() == 0


def test_watchdog_is_answered_until_the_work_hangs(
    start: Callable[..., DemoProcess], manager: Manager
) -> None:
    demo = start(NOTIFY_SOCKET=str(manager.path), WATCHDOG_USEC="200000")
    for _ in range(3):
        manager.read_until("WATCHDOG=1".__eq__)
    assert demo.request("POST", "/hang")[0].status == 200
    demo.wait_for_line("WARNING .*the work hangs")
    manager.forget()
    messages = manager.read_until(lambda message: ": hung, " in message)
    assert "WATCHDOG=1" not in messages
    answer, text = demo.request("GET", "/healthz")
    assert (answer.status, json.loads(text)["status"]) == (503, "hung")
    assert demo.request("POST", "/log/info")[0].status == 503


def test_hung_service_still_ends(start: Callable[..., DemoProcess]) -> None:
    demo = start()
    demo.request("POST", "/hang")
    demo.wait_for_line("the work hangs")
    demo.send(signal.SIGTERM)
    assert demo.wait() == 0


def test_heartbeat_counts_the_requests_since_the_last(start: Callable[..., DemoProcess]) -> None:
    demo = start(DEMO_HEARTBEAT="0.5")
    demo.wait_for_line("INFO .*heartbeat: 0 requests in the last 0.5 s")
    demo.request("GET", "/healthz")
    demo.wait_for_line("INFO .*heartbeat: 1 requests in the last 0.5 s")


def test_taken_port_is_an_error_that_says_so(start: Callable[..., DemoProcess]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        demo = start(DEMO_PORT=str(port))
        assert demo.wait() == 1
    assert len(demo.lines) == 1
    assert f"127.0.0.1 port {port}: Address already in use; set DEMO_" in demo.lines[0]


def test_host_that_does_not_exist_is_an_error_that_says_so(
    start: Callable[..., DemoProcess],
) -> None:
    demo = start(DEMO_HOST="nowhere.invalid")
    assert demo.wait() == 2
    assert len(demo.lines) == 1
    assert "DEMO_HOST: 'nowhere.invalid' cannot be found" in demo.lines[0]


def test_ipv6_address_is_served(start: Callable[..., DemoProcess]) -> None:
    demo = start(DEMO_HOST="::1")
    assert demo.url.startswith("http://[::1]:")
    assert demo.request("GET", "/healthz")[0].status == 200


@pytest.mark.parametrize(
    ("lines", "unit"),
    [
        (["0::/system.slice/demo.service"], "demo"),
        (["4:memory:/", "1:name=systemd:/system.slice/app@1.service"], "app@1"),
        (["0::/system.slice/demo.service/worker"], "demo"),
        (["0::/user.slice/user-1000.slice/user@1000.service/app.slice/demo.service"], "demo"),
        (["0::/"], None),
        ([], None),
    ],
)
def test_unit_is_found_in_the_cgroup(lines: list[str], unit: str | None) -> None:
    assert unit_of(lines) == unit


def test_journal_command_selects_the_unit() -> None:
    assert journal_command("demo", "-n 1") == "journalctl -u demo -n 1"
    assert journal_command(None, "-n 1").startswith("journalctl _PID=")
