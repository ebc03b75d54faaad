"""What a program answers when it is asked for its health."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from python_service.module_utils.python_service.host.health import ask

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


def answering(head: str) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(f"{head}\r\nContent-Length: 0\r\n\r\n".encode())


def test_the_status_that_is_wanted_is_health(serve: Serve) -> None:
    assert ask(serve(answering("HTTP/1.1 204 No Content")), 204, 60) is None


def test_another_status_is_not(serve: Serve) -> None:
    url = serve(answering("HTTP/1.1 503 Busy"))
    assert ask(url, 200, 60) == f"{url} answers 503"


def test_an_error_can_be_what_is_wanted(serve: Serve) -> None:
    assert ask(serve(answering("HTTP/1.1 401 Who?")), 401, 60) is None


def test_a_redirect_is_the_answer_and_is_not_followed(serve: Serve) -> None:
    url = serve(answering("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/"))
    assert ask(url, 200, 60) == f"{url} answers 302"


def test_a_proxy_of_the_environment_is_not_asked(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert ask(serve(answering("HTTP/1.1 200 OK")), 200, 60) is None


def test_nobody_that_listens_is_told_in_the_words_of_the_system() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    found = ask(f"http://127.0.0.1:{port}/", 200, 60)
    assert found == f"http://127.0.0.1:{port}/ does not answer: [Errno 111] Connection refused"


@pytest.mark.parametrize(
    ("said", "words"),
    [(b"SSH-2.0-x\x1b[2J\r\n", "SSH-2.0-x\\x1b[2J"), (b"", "Remote end closed connection")],
    ids=["another protocol", "nothing at all"],
)
def test_what_is_no_answer_is_shown_safely(serve: Serve, said: bytes, words: str) -> None:
    url = serve(lambda connection: connection.sendall(said))
    assert f"{url} does not answer: {words}" in (ask(url, 200, 60) or "")


def test_an_address_that_is_none_is_no_crash() -> None:
    assert "does not answer" in (ask("http://[", 200, 60) or "")


def test_who_answers_drop_by_drop_is_not_waited_for(serve: Serve) -> None:
    """Each byte would begin the timeout of a socket anew."""
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not over.is_set():
            connection.sendall(b"H")
            over.wait(0.02)

    url = serve(drip)
    found = ask(url, 200, 0.3)
    over.set()
    assert found == f"{url} did not answer within 0 s"
