"""Connections, work and reports, with the parts that a process hides."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from demo import server as server_module
from demo import service_manager
from demo.server import Server, create_listener
from demo.service import Service
from demo.service_manager import Reporter
from demo.settings import from_environment
from demo.web import RequestHandler
from demo.work import Worker
from demo_process import PATIENCE


@pytest.fixture
def service() -> Service:
    return Service(from_environment({}))


@pytest.fixture
def server(service: Service) -> Iterator[Server]:
    listener = create_listener("127.0.0.1", 0)
    handler = partial(RequestHandler, service=service)
    server = Server(listener, handler, lambda: None, 0.05)
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield server
    server.drain(0)
    thread.join(PATIENCE)


def port_of(server: Server) -> int:
    assert isinstance(server.server_address, tuple)
    port = server.server_address[1]
    assert isinstance(port, int)
    return port


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(server)), timeout=PATIENCE)


def test_drain_waits_for_slow_work(service: Service, server: Server) -> None:
    proceed = threading.Event()
    service.worker.submit(proceed.wait)
    drained: list[bool] = []
    with connect(server) as connection, connect(server) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert idle.recv(65_536)
        connection.sendall(b"POST /log/info HTTP/1.1\r\n\r\n")
        drain = threading.Thread(target=lambda: drained.append(server.drain(PATIENCE)))
        drain.start()
        assert idle.recv(65_536) == b""
        assert not drained
        proceed.set()
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
    drain.join(PATIENCE)
    assert drained == [True]


def test_drain_gives_up_on_what_never_ends(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nContent-Length: 2\r\n\r\n")
        with connect(server) as other:
            other.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
            assert other.recv(65_536)
        assert not server.drain(0.1)


def test_drain_serves_what_the_kernel_had_accepted(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = create_listener("127.0.0.1", 0)
    server = Server(listener, partial(RequestHandler, service=service), lambda: None, 0.05)
    with connect(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        # The loop never ran, as if it had ended just before this connection came.
        monkeypatch.setattr(server, "shutdown", lambda: None)
        assert server.drain(PATIENCE)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_client_that_trickles_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "REQUEST_SECONDS", 0.3)
    with connect(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        connection.settimeout(0.02)
        # At most 40 s: far beyond the socket's own timeout, which each byte starts anew.
        for _ in range(2000):
            with contextlib.suppress(TimeoutError):
                if connection.recv(65_536) == b"":
                    break
            connection.sendall(b"a")
        else:
            pytest.fail("the connection is still open")


def test_client_that_goes_away_leaves_no_connection(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /healthz HTT")
    with connect(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert server.drain(PATIENCE)


def test_worker_outlives_a_job_that_fails() -> None:
    worker = Worker()
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 // 0).result(PATIENCE)
    assert worker.submit(lambda: 2).result(PATIENCE) == 2


def test_ping_needs_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, object]] = []
    monkeypatch.setattr(service_manager, "notify", lambda **fields: told.append(fields))
    proceed = threading.Event()
    worker = Worker()
    worker.submit(proceed.wait)
    reporter = Reporter(worker, lambda: "", watchdog=1e-6)
    for _ in range(100):
        reporter.tick()
    assert told == []
    proceed.set()
    worker.submit(lambda: None).result(PATIENCE)
    assert told == [{"WATCHDOG": 1}]


@pytest.mark.parametrize("watchdog", [0.1, 2.0, 60.0])
def test_loop_goes_round_often_enough_for_the_watchdog(watchdog: float) -> None:
    interval = Reporter(Worker(), lambda: "", watchdog).poll_interval
    assert watchdog / 2 + interval < 0.75 * watchdog + 1e-9
