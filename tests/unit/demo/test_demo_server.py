"""Connections and work, with the parts that a process hides."""

from __future__ import annotations

import logging
import queue
import socket
import socketserver
import threading
import time
from pathlib import Path

import pytest

from demo import web
from demo.server import Server, listen
from demo.settings import Settings
from demo.web import RequestHandler, unit
from demo.worker import Worker
from demo_process import PATIENCE

SETTINGS = Settings("127.0.0.1", 0, logging.INFO, "development")


def connect(server: Server) -> socket.socket:
    return socket.create_connection(server.address, timeout=PATIENCE)


def test_end_accepts_nothing_closes_what_is_idle_and_waits_for_what_is_in_flight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nothing comes to an end by itself here.
    monkeypatch.setattr(RequestHandler, "timeout", None)
    monkeypatch.setattr(web, "HANGS_AFTER", PATIENCE)
    server = Server(listen(SETTINGS), RequestHandler, SETTINGS)
    proceed = threading.Event()
    order = []

    def work() -> None:
        proceed.wait(PATIENCE)
        order.append("work done")

    def serve() -> None:
        server.serve()
        server.drain()
        order.append("drained")

    server.worker.submit(work)
    serving = threading.Thread(target=serve)
    serving.start()
    with connect(server) as busy, connect(server) as idle:
        busy.sendall(b"POST /log/info HTTP/1.1\r\n\r\n")
        idle.sendall(b"GET /nothing HTTP/1.1\r\n\r\n")
        assert idle.recv(65_536).startswith(b"HTTP/1.1 404 ")
        server.end(0)
        while idle.recv(65_536):
            pass
        with pytest.raises(ConnectionRefusedError):
            connect(server)
        proceed.set()
        answer = b"".join(iter(lambda: busy.recv(65_536), b""))
    serving.join()
    assert order == ["work done", "drained"]
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in answer


def test_a_client_that_keeps_its_connection_is_told_with_an_answer_that_it_was_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("demo.server.LAST_REQUESTS", PATIENCE)
    server = Server(listen(SETTINGS), RequestHandler, SETTINGS)

    def serve() -> None:
        server.serve()
        server.drain()

    serving = threading.Thread(target=serve)
    serving.start()
    with connect(server) as kept:
        kept.sendall(b"HEAD /nothing HTTP/1.1\r\n\r\n")
        assert b"\r\nConnection: close\r\n" not in kept.recv(65_536)
        server.end(0)
        while not server.draining:
            time.sleep(0.01)
        kept.sendall(b"HEAD /nothing HTTP/1.1\r\n\r\n")
        answer = b"".join(iter(lambda: kept.recv(65_536), b""))
    serving.join()
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nConnection: close\r\n" in answer


def test_connection_that_becomes_idle_during_the_end_is_closed_at_once() -> None:
    server = Server(listen(SETTINGS), RequestHandler, SETTINGS)
    server.drain()
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE)
    with theirs, ours, server.idle(ours):
        assert ours.recv(1) == b""


def test_body_of_an_answer_does_not_wait_for_the_client_to_acknowledge_the_head() -> None:
    seen: queue.SimpleQueue[int] = queue.SimpleQueue()

    class Look(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            seen.put(self.request.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    server = Server(listen(SETTINGS), Look, SETTINGS)
    with connect(server):
        server.handle_request()
        assert seen.get(timeout=PATIENCE) != 0
    server.drain()


@pytest.mark.parametrize(
    ("error", "level"), [(BrokenPipeError, logging.DEBUG), (KeyError, logging.ERROR)]
)
def test_client_that_goes_is_no_error_but_a_fault_of_the_program_is(
    caplog: pytest.LogCaptureFixture, error: type[Exception], level: int
) -> None:
    class Fail(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            raise error

    server = Server(listen(SETTINGS), Fail, SETTINGS)
    with caplog.at_level(logging.DEBUG), connect(server):
        server.handle_request()
        server.drain()
    assert [record.levelno for record in caplog.records] == [level]


def test_worker_outlives_a_job_that_fails() -> None:
    worker = Worker()
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 // 0).result(PATIENCE)
    assert worker.submit(lambda: 2).result(PATIENCE) == 2


@pytest.mark.parametrize(
    ("cgroups", "name"),
    [
        ("0::/system.slice/demo.service\n", "demo.service"),
        ("4:memory:/\n1:name=systemd:/system.slice/app@1.service\n0::/\n", "app@1.service"),
        ("0::/user.slice/user@1000.service/app.slice/run.scope\n", "not involved"),
    ],
)
def test_unit_is_found_in_the_cgroup(
    monkeypatch: pytest.MonkeyPatch, cgroups: str, name: str
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: cgroups)
    assert unit() == name
