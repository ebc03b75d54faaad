"""What a client gets for each kind of request."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from demo_process import DemoProcess

LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize("with_package", [True, False])
@pytest.mark.parametrize("level", LEVELS)
def test_log_writes_one_line_at_the_level(
    start: Callable[..., DemoProcess], level: str, with_package: bool
) -> None:
    demo = start(with_package=with_package, DEMO_LOG_LEVEL="DEBUG")
    answer, text = demo.request("POST", f"/log/{level}")
    assert answer.status == 200
    assert json.loads(text)["action"] == f"/log/{level}"
    line = demo.wait_for_line(rf"{level.upper()} .*a message at level {level}").string
    assert [other for other in demo.lines if "a message at level" in other] == [line]


def test_hidden_level_is_said_to_be_hidden(demo: DemoProcess) -> None:
    _, text = demo.request("POST", "/log/debug")
    assert json.loads(text)["outcome"] == "Nothing was logged: DEMO_LOG_LEVEL hides this level."


def test_raise_fails_the_request_and_logs_the_traceback(demo: DemoProcess) -> None:
    answer, text = demo.request("POST", "/raise")
    assert answer.status == 500
    assert "Traceback" not in text
    demo.wait_for_line("ERROR .*'POST /raise HTTP/1.1' failed")
    demo.wait_for_line("^RuntimeError: a button asked for this exception")
    assert demo.request("GET", "/healthz")[0].status == 200


def test_thread_ends_with_a_logged_exception(start: Callable[..., DemoProcess]) -> None:
    demo = start()
    assert demo.request("POST", "/thread")[0].status == 200
    demo.wait_for_line("ERROR .*thread doomed")
    assert demo.request("GET", "/healthz")[0].status == 200


def test_multiline_logs_three_lines(demo: DemoProcess) -> None:
    assert demo.request("POST", "/multiline")[0].status == 200
    first = demo.wait_for_line("NOTICE .*a message of three lines:").string
    position = demo.lines.index(first)
    assert demo.lines[position + 1].endswith("the second is indented,")


def test_exit_answers_and_ends_with_status_3(start: Callable[..., DemoProcess]) -> None:
    demo = start()
    answer, text = demo.request("POST", "/exit")
    assert answer.status == 200
    assert "start it by hand" in json.loads(text)["outcome"]
    assert demo.wait() == 3


def test_health_tells_state_release_and_uptime(demo: DemoProcess) -> None:
    answer, text = demo.request("GET", "/healthz")
    health = json.loads(text)
    assert answer.status == 200
    assert health["status"] == "ok"
    assert health["release"] == "<b>7</b>"
    assert health["uptime"] > 0


def test_page_shows_the_process_and_escapes_it(demo: DemoProcess) -> None:
    answer, text = demo.request("GET", "/", HTML)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"<dd>{demo.pid}</dd>" in text
    assert "&lt;b&gt;7&lt;/b&gt;" in text
    assert "<b>7" not in text
    assert "started by hand" in text


def test_page_may_run_its_own_script_alone(demo: DemoProcess) -> None:
    headers = demo.request("GET", "/", HTML)[0].headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_form_without_script_gets_the_page_with_the_outcome(demo: DemoProcess) -> None:
    form = {**HTML, "Content-Type": "application/x-www-form-urlencoded"}
    answer, text = demo.request("POST", "/log/info", form)
    assert answer.status == 200
    assert "<p>One message was logged at level info." in text


def test_supervised_service_says_what_to_type(start: Callable[..., DemoProcess]) -> None:
    # Nobody reads this socket: what cannot be told to systemd must not disturb the service.
    demo = start(NOTIFY_SOCKET="@demo-tests-nobody")
    _, text = demo.request("POST", "/log/error")
    look = json.loads(text)["look"]
    assert look.startswith("journalctl ")
    assert look.endswith(" -p err..err -n 1")
    demo.wait_for_line("WARNING .*systemd cannot be told .*READY")


@pytest.mark.parametrize("path", ["/nothing", "/log/loud", "*", "/healthz/"])
def test_unknown_path_is_404(demo: DemoProcess, path: str) -> None:
    answer, text = demo.request("GET", path)
    assert answer.status == 404
    assert "error" in json.loads(text)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/healthz", "GET, HEAD"),
        ("GET", "/exit", "POST"),
        ("HEAD", "/hang", "POST"),
        ("OPTIONS", "/raise", "POST"),
        ("PUT", "/log/info", "POST"),
    ],
)
def test_wrong_method_is_405_and_names_the_right_ones(
    demo: DemoProcess, method: str, path: str, allowed: str
) -> None:
    answer, _ = demo.request(method, path)
    assert answer.status == 405
    assert answer.headers["Allow"] == allowed


def test_unknown_method_is_501(demo: DemoProcess) -> None:
    assert demo.request("BREW", "/")[0].status == 501


def test_head_gives_the_headers_alone(demo: DemoProcess) -> None:
    with demo.connect() as connection:
        connection.sendall(
            b"HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        )
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"200 OK" in head
    assert b"Content-Length: 0" not in head
    assert body == b""


def test_connection_serves_several_requests(demo: DemoProcess) -> None:
    with demo.connect() as connection:
        connection.sendall(b"POST /log/info HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde" * 2)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert received.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Content-Length: 4097", b"413"),
        (b"Content-Length: " + b"9" * 5000, b"413"),
        (b"Content-Length: -1", b"400"),
        (b"Content-Length: 1\r\nContent-Length: 2", b"400"),
        (b"Transfer-Encoding: chunked", b"411"),
    ],
)
def test_body_that_is_not_taken_ends_the_connection(
    demo: DemoProcess, headers: bytes, status: bytes
) -> None:
    with demo.connect() as connection:
        connection.sendall(b"POST /log/info HTTP/1.1\r\n" + headers + b"\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert received.startswith(b"HTTP/1.1 " + status)
    assert b"\r\nConnection: close\r\n" in received
    assert received.count(b"HTTP/1.1 ") == 1


def test_client_that_asks_first_is_told_to_go_on(demo: DemoProcess) -> None:
    with demo.connect() as connection:
        connection.sendall(
            b"POST /log/info HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
        )
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"a")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://elsewhere.example"},
        {"Origin": "null"},
    ],
)
def test_press_from_another_site_does_nothing(demo: DemoProcess, headers: dict[str, str]) -> None:
    answer, _ = demo.request("POST", "/exit", headers)
    assert answer.status == 403
    assert demo.request("GET", "/healthz")[0].status == 200


def test_press_from_the_own_page_is_taken(demo: DemoProcess) -> None:
    headers = {"Origin": demo.url, "Sec-Fetch-Site": "same-origin"}
    assert demo.request("POST", "/log/info", headers)[0].status == 200


@pytest.mark.parametrize("with_package", [True, False])
@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /forged\r12:00:00 ERROR HTTP/1.1",
        b"GET /forged\x1b[31m HTTP/1.1",
        b"GET /forged\x00<0>end HTTP/1.1",
        b"GET /forged\x85\x9b HTTP/1.1",
        b"FORG\x1bED /forged HTTP/1.1",
    ],
)
def test_request_cannot_forge_a_log_line(
    start: Callable[..., DemoProcess], request_line: bytes, with_package: bool
) -> None:
    demo = start(with_package=with_package)
    with demo.connect() as connection:
        connection.sendall(request_line + b"\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 ")
    line = demo.wait_for_line("INFO .*/forged").string
    assert line.isprintable()
    assert all(other.isprintable() for other in demo.lines)


def test_request_line_without_end_is_refused(demo: DemoProcess) -> None:
    with demo.connect() as connection:
        connection.sendall(b"GET /" + b"a" * 65_532)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 414 ")
