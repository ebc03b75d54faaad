"""Servers from PyPI that know nothing of the journal: what their requests leave in it."""

from __future__ import annotations

import shlex
from typing import Any, Callable

import pytest
from lab.deploys import Player, Service
from lab.wheels import SERVICES, requirements
from testinfra.host import Host

HOST = "debian-13"

Entry = dict[str, Any]

SECRET = {
    "secrets": {"SHOP_SECRET": "of the shop alone"},
    "secret_environment": ["SHOP_SECRET"],
}
WSGI = ("levels", "caught", "print", "warn", "raise", "exit", "fault")
ASGI = ("levels", "print", "task", "raise")


@pytest.fixture(scope="module")
def gunicorn(host: Host, module_player: Player, service: Callable[[str], Service]) -> list[Entry]:
    """What gunicorn and its application say when each path was asked for."""
    options = "--bind 127.0.0.1:8001 --workers 2 --access-logfile -"
    module_player.role(
        name="wsgi",
        src=str(SERVICES / "wsgi.py"),
        command=f"gunicorn {options} wsgi:app",
        health={"url": "http://127.0.0.1:8001/"},
        **SECRET,
        **requirements(),
    ).succeeded()
    wsgi = service("wsgi")
    before = len(wsgi.journal())
    ask(host, 8001, WSGI)
    # Both workers that died have others in their place.
    wsgi.eventually(lambda: len(with_text(wsgi.journal()[before:], "Booting worker")) == 2)
    return wsgi.journal()[before:]


@pytest.fixture(scope="module")
def uvicorn(host: Host, module_player: Player, service: Callable[[str], Service]) -> list[Entry]:
    """What uvicorn and its application say when each path was asked for."""
    module_player.role(
        name="asgi",
        src=str(SERVICES / "asgi.py"),
        command="python -m uvicorn --port 8002 asgi:app",
        health={"url": "http://127.0.0.1:8002/"},
        **SECRET,
        **requirements(),
    ).succeeded()
    asgi = service("asgi")
    before = len(asgi.journal())
    ask(host, 8002, ASGI)
    asgi.eventually(lambda: with_text(asgi.journal()[before:], "GET /raise "))
    return asgi.journal()[before:]


def ask(host: Host, port: int, paths: tuple[str, ...]) -> None:
    """Ask for each path in turn; the answer may be an error, or none."""
    program = (
        "import urllib.request as u\n"
        f"for path in {paths!r}:\n"
        f"    try: u.urlopen(f'http://127.0.0.1:{port}/{{path}}', timeout=20).read()\n"
        "    except OSError: pass\n"
    )
    host.check_output(f"python3 -c {shlex.quote(program)}")


def with_text(entries: list[Entry], text: str) -> list[Entry]:
    return [entry for entry in entries if text in str(entry["MESSAGE"])]


def only(entries: list[Entry], text: str) -> Entry:
    """The one entry with ``text``."""
    (found,) = with_text(entries, text)
    return found


def priorities(entries: list[Entry], texts: dict[str, str]) -> dict[str, str]:
    return {text: only(entries, text)["PRIORITY"] for text in texts}


def no_piece_stands_alone(entries: list[Entry]) -> bool:
    return not [e for e in entries if str(e["MESSAGE"]).startswith(("Traceback", "  "))]


def test_gunicorn_starts_without_a_word_that_is_no_information(
    gunicorn: list[Entry], service: Callable[[str], Service]
) -> None:
    wsgi = service("wsgi")
    start = [e for e in wsgi.journal() if e["_PID"] == str(wsgi.pid)][:3]
    assert "Starting gunicorn" in start[0]["MESSAGE"]
    assert {entry["PRIORITY"] for entry in start} == {"6"}


@pytest.mark.parametrize("port", [8001, 8002], ids=["gunicorn", "uvicorn"])
def test_a_server_answers_with_a_secret_from_its_environment(
    gunicorn: list[Entry], uvicorn: list[Entry], host: Host, port: int
) -> None:
    program = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/').read())"
    assert host.check_output(f'python3 -c "{program}"') == repr(b"of the shop alone")


def test_gunicorn_finds_a_place_for_its_control_socket(
    gunicorn: list[Entry], service: Callable[[str], Service]
) -> None:
    """Which it wants below its home."""
    wsgi = service("wsgi")
    said = [e for e in wsgi.journal() if "control" in str(e["MESSAGE"]).lower()]
    assert {entry["PRIORITY"] for entry in said} == {"6"}, said


@pytest.mark.parametrize(
    ("bind", "words"),
    [("127.0.0.1:8001", "already in use"), ("unix:/run/nowhere/wsgi.sock", "No such file")],
    ids=["a port that is taken", "a socket in no directory"],
)
def test_a_gunicorn_that_gives_up_after_seconds_is_taken_back(
    gunicorn: list[Entry], module_player: Player, host: Host, bind: str, words: str
) -> None:
    """It tries again for longer than an ordinary program has to stay up."""
    name = f"wsgi-{len(bind)}"
    variables = {
        "name": name,
        "src": str(SERVICES / "wsgi.py"),
        "command": "gunicorn --bind 127.0.0.1:8003 wsgi:app",
        **requirements(),
    }
    module_player.role(**variables).succeeded()
    variables["command"] = f"gunicorn --bind {bind} wsgi:app"
    run = module_player.role(**variables)
    assert words in run.message
    assert "runs again" in run.message
    ask(host, 8003, ("print",))
    module_player.role(name=name, state="absent").succeeded()


@pytest.mark.parametrize("path", ["levels", "caught", "print", "warn", "raise"])
def test_an_access_line_of_gunicorn_is_information(gunicorn: list[Entry], path: str) -> None:
    assert only(gunicorn, f'"GET /{path} HTTP')["PRIORITY"] == "6"


def test_records_of_a_worker_of_gunicorn_have_the_priority_of_their_level(
    gunicorn: list[Entry],
) -> None:
    expected = {
        "DEBUG:shop:logged at debug": "7",
        "INFO:shop:logged at info": "6",
        "WARNING:shop:logged at warning": "4",
        "ERROR:shop:logged at error": "3",
        "CRITICAL:shop:logged at critical": "2",
    }
    assert priorities(gunicorn, expected) == expected


def test_what_an_application_under_gunicorn_prints_and_warns_of_is_one_entry(
    gunicorn: list[Entry],
) -> None:
    expected = {r"printed\nin two lines": "6", r"UserWarning: warned of\n  warnings.warn": "4"}
    assert priorities(gunicorn, expected) == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("logged with a traceback", "KeyError: 'caught by the application'"),
        ("Error handling request", "RuntimeError: raised by the application"),
    ],
)
def test_a_traceback_under_gunicorn_is_one_entry(
    gunicorn: list[Entry], text: str, error: str
) -> None:
    entry = only(gunicorn, text)
    assert entry["PRIORITY"] == "3"
    assert r"\nTraceback (most recent call last):\n" in entry["MESSAGE"]
    assert entry["MESSAGE"].endswith(error)
    assert no_piece_stands_alone([e for e in gunicorn if e["PRIORITY"] != "2"])


def test_gunicorn_reports_workers_that_died_as_it_means_it(gunicorn: list[Entry]) -> None:
    expected = {"exited with code 9": "3", "was sent SIGSEGV": "4"}
    assert priorities(gunicorn, expected) == expected


def test_a_fatal_signal_in_a_worker_leaves_its_traceback_as_critical(
    gunicorn: list[Entry],
) -> None:
    fatal = only(gunicorn, "Fatal Python error: Segmentation fault")
    assert fatal["PRIORITY"] == "2"
    dump = [e for e in gunicorn if e["_PID"] == fatal["_PID"] and e["PRIORITY"] == "2"]
    assert with_text(dump, "wsgi.py")


@pytest.mark.parametrize("path", ASGI)
def test_an_access_line_of_uvicorn_is_information(uvicorn: list[Entry], path: str) -> None:
    assert only(uvicorn, f'"GET /{path} HTTP')["PRIORITY"] == "6"


def test_records_under_uvicorn_have_the_priority_of_their_level(uvicorn: list[Entry]) -> None:
    expected = {
        "logged at info": "6",
        r"printed\nin two lines": "6",
        "logged at warning": "4",
        "logged at error": "3",
        "logged at critical": "2",
    }
    assert priorities(uvicorn, expected) == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Exception in ASGI application", "RuntimeError: raised by the application"),
        ("Task exception was never retrieved", "RuntimeError: raised in a task"),
    ],
)
def test_a_traceback_under_uvicorn_is_one_entry(
    uvicorn: list[Entry], text: str, error: str
) -> None:
    entry = only(uvicorn, text)
    assert entry["PRIORITY"] == "3"
    assert r"\nTraceback (most recent call last):\n" in entry["MESSAGE"]
    assert entry["MESSAGE"].endswith(error)
    assert no_piece_stands_alone(uvicorn)
