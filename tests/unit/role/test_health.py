"""What a program answers when it is asked for its health."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from python_service.module_utils.python_service.host.health import ask
from python_service.module_utils.python_service.model import Health

Serve = Callable[[Callable[[socket.socket], None]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """How to have a server answer one connection; gives its address."""
    opened: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(answer: Callable[[socket.socket], None]) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        opened.append(listening)

        def run() -> None:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            opened.append(connection)
            with connection:
                connection.recv(4096)
                try:
                    answer(connection)
                except OSError:
                    return

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/health"

    yield start
    for one in opened:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue
        finally:
            one.close()
    for thread in threads:
        thread.join()


def asked(url: str, *status: int, seconds: float = 60, **more: Any) -> str | None:
    return ask(Health(timeout=1, url=url, status=status or (200,), **more), seconds)


def answering(head: str) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(f"{head}\r\nContent-Length: 0\r\n\r\n".encode())


def test_the_status_that_is_wanted_is_health(serve: Serve) -> None:
    answer = answering("HTTP/1.1 204 No Content")
    assert asked(serve(answer), 204) is None
    assert asked(serve(answer), 200, 204) is None


def test_another_status_is_not(serve: Serve) -> None:
    url = serve(answering("HTTP/1.1 503 Busy"))
    assert asked(url) == f"{url} answers 503, not 200"
    url = serve(answering("HTTP/1.1 503 Busy"))
    assert asked(url, 200, 204) == f"{url} answers 503, not 200 or 204"


def test_an_error_can_be_what_is_wanted(serve: Serve) -> None:
    assert asked(serve(answering("HTTP/1.1 401 Who?")), 401) is None


def test_a_redirect_is_the_answer_and_is_not_followed(serve: Serve) -> None:
    url = serve(answering("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/"))
    assert asked(url) == f"{url} answers 302, not 200 | Location: http://127.0.0.1:1/"


def test_a_proxy_of_the_environment_is_not_asked(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert asked(serve(answering("HTTP/1.1 200 OK"))) is None


def test_nobody_that_listens_is_told_in_the_words_of_the_system() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    found = asked(f"http://127.0.0.1:{port}/")
    assert found == f"http://127.0.0.1:{port}/ does not answer: [Errno 111] Connection refused"


@pytest.mark.parametrize(
    ("said", "words"),
    [(b"SSH-2.0-x\x1b[2J\r\n", "SSH-2.0-x\\x1b[2J"), (b"", "Remote end closed connection")],
    ids=["another protocol", "nothing at all"],
)
def test_what_is_no_answer_is_shown_safely(serve: Serve, said: bytes, words: str) -> None:
    url = serve(lambda connection: connection.sendall(said))
    assert f"{url} does not answer: {words}" in (asked(url) or "")


def test_an_address_that_is_none_is_no_crash() -> None:
    assert "does not answer" in (asked("http://[") or "")


def test_who_answers_drop_by_drop_is_not_waited_for(serve: Serve) -> None:
    """Each byte would begin the timeout of a socket anew."""
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not over.is_set():
            connection.sendall(b"H")
            over.wait(0.02)

    url = serve(drip)
    found = asked(url, seconds=0.3)
    over.set()
    assert found == f"{url} did not answer within 0 s"


def saying(head: str, body: bytes) -> Callable[[socket.socket], None]:
    text = f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return lambda connection: connection.sendall(text + body)


def test_the_first_lines_of_another_answer_are_shown_safely(serve: Serve) -> None:
    body = b"<h1>Bad\x1b[2J Request</h1>\n\n" + b"\n".join(b"line %d" % n for n in range(9))
    url = serve(saying("400 Bad Request\r\nServer: me\x1b[2J", body))
    assert asked(url) == (
        f"{url} answers 400, not 200 | Server: me\\x1b[2J\n"
        "It answers with:\n  <h1>Bad\\x1b[2J Request</h1>\n  line 0\n  line 1\n  line 2\n  line 3"
    )


def test_an_answer_without_end_is_not_read_to_it(serve: Serve) -> None:
    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 500 Oops\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    found = asked(serve(flood)) or ""
    assert "answers 500, not 200" in found
    assert len(found) < 1000


def test_the_status_of_an_answer_counts_before_its_body_is_there(serve: Serve) -> None:
    over = threading.Event()

    def stall(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\nx")
        over.wait()

    url = serve(stall)
    found = asked(url, seconds=0.5)
    over.set()
    assert found == f"{url} answers 500, not 200"


def test_headers_are_sent_along(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/a?b=c#d"
        headers = {"Host": "shop.example", "X-Forwarded-Proto": "https"}
        asking = threading.Thread(target=asked, args=(url,), kwargs={"headers": headers})
        asking.start()
        listening.settimeout(60)
        connection, _ = listening.accept()
        with connection:
            request = connection.recv(4096).decode()
    asking.join()
    lines = request.splitlines()
    assert lines[0] == "GET /a?b=c HTTP/1.1"
    assert [line for line in lines if line.startswith(("Host", "X-"))] == [
        "Host: shop.example",
        "X-Forwarded-Proto: https",
    ]


class TestUnixSockets:
    """A server that listens to a Unix socket is asked there."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Iterator[str]:
        path = str(tmp_path / "http.sock")
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen()

        def answer() -> None:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                asked_for = connection.recv(4096).decode().splitlines()
                body = " ".join([asked_for[0], *(x for x in asked_for if x.startswith("Host"))])
                saying("203 Here", body.encode())(connection)

        thread = threading.Thread(target=answer)
        thread.start()
        yield path
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()

    def test_it_is_asked_there(self, path: str) -> None:
        assert asked("http://shop.example/health", 203, socket=path) is None

    def test_what_it_answers_instead_is_told_with_the_socket(self, path: str) -> None:
        assert asked("http://shop.example/health", socket=path) == (
            f"http://shop.example/health at {path} answers 203, not 200\n"
            "It answers with:\n  GET /health HTTP/1.1 Host: shop.example"
        )

    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        found = asked("http://x/", socket=f"{tmp_path}/none.sock") or ""
        assert found.endswith("none.sock does not answer: [Errno 2] No such file or directory")

    def test_a_link_is_not_followed(self, path: str, tmp_path: Path) -> None:
        """By it the service would have root ask whomever it likes."""
        os.symlink(path, tmp_path / "link.sock")
        found = asked("http://x/", 203, socket=f"{tmp_path}/link.sock") or ""
        assert found.endswith("a link leads there; name the socket itself")
