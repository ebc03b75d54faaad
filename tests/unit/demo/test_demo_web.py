"""What a client gets for each kind of request, and what of it is logged."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from demo.settings import LEVELS
from demo_process import DemoProcess


@pytest.mark.parametrize("level", LEVELS)
def test_log_button_logs_one_line_at_its_level(demo: DemoProcess, level: str) -> None:
    answer, text = demo.request("POST", f"/log/{level}")
    assert answer.status == 200
    assert text.startswith(f"One message was logged at level {level}.")
    demo.wait_for_line(f"{level.upper()} +demo.buttons: a message at level {level}, asked")
    assert len([line for line in demo.lines if f"at level {level}," in line]) == 1


def test_hidden_level_is_said_to_be_hidden(start: Callable[..., DemoProcess]) -> None:
    _, text = start(DEMO_LOG_LEVEL="INFO").request("POST", "/log/debug")
    assert text == "Nothing was logged: DEMO_LOG_LEVEL hides this level.\n"


def test_message_of_three_lines_is_logged(demo: DemoProcess) -> None:
    assert demo.request("POST", "/multiline")[0].status == 200
    first = demo.wait_for_line("NOTICE .*a message of three lines:$").string
    position = demo.lines.index(first)
    assert demo.lines[position + 1] == "  the second is indented,"


def test_each_warning_is_logged(demo: DemoProcess) -> None:
    answered = [demo.request("POST", "/warn")[0].status for _ in range(2)]
    assert answered == [200, 200]
    demo.request("GET", "/healthz")
    demo.wait_for_line("GET /healthz")
    warnings = [line for line in demo.lines if "UserWarning: a button asked for this" in line]
    assert len(warnings) == 2
    assert all("WARNING  py.warnings: " in line for line in warnings)


def test_exception_in_a_request_is_logged_and_fails_that_request_alone(demo: DemoProcess) -> None:
    answer, text = demo.request("POST", "/raise")
    assert answer.status == 500
    assert "a button asked" not in text
    demo.wait_for_line("ERROR .*'POST /raise HTTP/1.1' failed$")
    demo.wait_for_line("^RuntimeError: a button asked for this exception")
    assert demo.request("GET", "/healthz")[0].status == 200


def test_exception_that_ends_a_thread_is_logged(demo: DemoProcess) -> None:
    assert demo.request("POST", "/thread")[0].status == 200
    demo.wait_for_line("ERROR .*thread doomed$")


def test_exit_button_is_answered_and_ends_with_status_3(start: Callable[..., DemoProcess]) -> None:
    demo = start()
    assert demo.request("POST", "/exit")[0].status == 200
    assert demo.wait() == 3


def test_health_names_the_release(demo: DemoProcess) -> None:
    answer, text = demo.request("GET", "/healthz")
    assert answer.status == 200
    assert json.loads(text) == {"status": "ok", "release": "<b>7</b>"}


def test_page_shows_the_process_and_escapes_it(demo: DemoProcess) -> None:
    answer, text = demo.request("GET", "/")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"<dd>{demo.pid}</dd>" in text
    assert "&lt;b&gt;7&lt;/b&gt;" in text
    assert "<b>7" not in text


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("GET", "/exit"), ("POST", "/log/loud"), ("POST", "/healthz")],
)
def test_unknown_address_is_404(demo: DemoProcess, method: str, path: str) -> None:
    assert demo.request(method, path)[0].status == 404


def test_head_gives_the_headers_alone(demo: DemoProcess) -> None:
    received = demo.exchange(b"HEAD /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nContent-Length: " in head
    assert body == b""


def test_connection_serves_several_requests(demo: DemoProcess) -> None:
    received = demo.exchange(
        b"POST /log/info HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
        b"GET /healthz HTTP/1.1\r\n\r\n"
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
    )
    assert received.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize("header", [b"Content-Length: 40", b"Transfer-Encoding: chunked"])
def test_body_is_not_taken_for_the_next_request(demo: DemoProcess, header: bytes) -> None:
    received = demo.exchange(
        b"POST /log/info HTTP/1.1\r\n" + header + b"\r\n\r\nPOST /exit HTTP/1.1\r\n\r\n"
    )
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in received
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200)]
)
def test_page_of_another_site_presses_nothing(demo: DemoProcess, site: str, status: int) -> None:
    answer, _ = demo.request("POST", "/log/info", {"Sec-Fetch-Site": site})
    assert answer.status == status


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /forged1\r12:00:00 ERROR HTTP/1.1",
        b"GET /forged2\x1b[31m HTTP/1.1",
        b"GET /forged3\x00<0>end HTTP/1.1",
        b"FORG\x1bED /forged4\x85\x9b HTTP/1.1",
    ],
)
def test_request_cannot_forge_a_log_line(demo: DemoProcess, request_line: bytes) -> None:
    name = request_line[request_line.index(b"/") :][:8].decode()
    demo.exchange(request_line + b"\r\nConnection: close\r\n\r\n")
    demo.wait_for_line(f"INFO +demo.access: 127.0.0.1 .*{name}")
    lines = [line for line in demo.lines if name in line]
    assert all(line.isprintable() for line in lines)


def test_request_line_without_end_is_refused(demo: DemoProcess) -> None:
    assert demo.exchange(b"GET /" + b"a" * 65_532).startswith(b"HTTP/1.1 414 ")
