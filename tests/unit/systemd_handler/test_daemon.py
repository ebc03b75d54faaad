"""Sockets and credentials that the service manager passes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from systemd_handler import credential

if TYPE_CHECKING:
    from collections.abc import Callable

    Passed = Callable[..., str]


@pytest.fixture
def passed(environment_with: Callable[..., dict[str, str]]) -> Passed:
    """Run a program to which sockets are passed as systemd passes them; what it prints."""

    def run(
        program: str, count: int = 2, names: str | None = "http:admin", **variables: str
    ) -> str:
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        fds = [listener.fileno() for listener in listeners]
        given = {"LISTEN_FDS": str(count), **variables}
        if names is not None:
            given["LISTEN_FDNAMES"] = names
        # Another process in between, so that its descriptors can be laid out from 3 on.
        outer = (
            "import os, sys\n"
            f"copies = [os.dup2(os.dup(fd), 100 + n) for n, fd in enumerate({fds})]\n"
            "for n, fd in enumerate(copies): os.dup2(fd, 3 + n)\n"
            "os.environ.setdefault('LISTEN_PID', str(os.getpid()))\n"
            "os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])\n"
        )
        result = subprocess.run(
            [sys.executable, "-c", outer, f"from systemd_handler import listen_sockets\n{program}"],
            env=environment_with(**given),
            pass_fds=fds,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        for listener in listeners:
            listener.close()
        return result.stdout.strip()

    return run


def test_sockets_come_in_order_and_by_name(passed: Passed) -> None:
    program = (
        "found = listen_sockets()\n"
        "print([s.fileno() for s in found], [s.fileno() for s in listen_sockets('admin')])\n"
        "print(found[0].family.name, found[0].type.name, found[0].getsockname()[0])\n"
        "print(listen_sockets()[0] is found[0], listen_sockets('none'))\n"
        "import os; print(os.get_inheritable(3))\n"
    )
    assert passed(program).split("\n") == [
        "[3, 4] [4]",
        "AF_INET SOCK_STREAM 127.0.0.1",
        "True []",
        "False",
    ]


def test_a_socket_waits_for_a_connection_though_its_descriptor_does_not(passed: Passed) -> None:
    program = (
        "import os, socket, threading\n"
        "os.set_blocking(3, False)\n"
        "listener = listen_sockets()[0]\n"
        "client = socket.socket()\n"
        "threading.Timer(0.2, client.connect, [listener.getsockname()]).start()\n"
        "connection, _ = listener.accept()\n"
        "print(listener.gettimeout(), connection.gettimeout(), os.get_blocking(3))\n"
        "listener.setblocking(False)\n"
        "try: listener.accept()\n"
        "except BlockingIOError: print('does not wait')\n"
    )
    assert passed(program).split("\n") == ["None None False", "does not wait"]


def test_threads_that_ask_at_once_have_the_same_sockets(passed: Passed) -> None:
    program = (
        "import sys, threading\nfrom systemd_handler import _sockets\n"
        "sys.setswitchinterval(1e-6)\n"
        "for _ in range(100):\n"
        "    found, barrier = [], threading.Barrier(4)\n"
        "    def ask(): barrier.wait(); found.append(listen_sockets()[0])\n"
        "    threads = [threading.Thread(target=ask) for _ in range(4)]\n"
        "    for t in threads: t.start()\n"
        "    for t in threads: t.join()\n"
        "    assert len(set(map(id, found))) == 1\n"
        "    for s in listen_sockets(): s.detach()\n"
        "    _sockets._sockets = None\n"
        "print('same')\n"
    )
    assert passed(program) == "same"


def test_a_child_has_those_that_were_taken_before_the_fork(passed: Passed) -> None:
    program = (
        "import os\nlisten_sockets()\n"
        "if os.fork() == 0: print(len(listen_sockets())); os._exit(0) if not print(end='', flush=True) else 0\n"
        "os.wait()\n"
    )
    assert passed(program) == "2"


def test_without_systemd_or_meant_for_another_there_are_none(passed: Passed) -> None:
    assert passed("print(listen_sockets())", LISTEN_PID="1") == "[]"
    assert passed("print(listen_sockets())", 0, None) == "[]"


def test_one_that_is_no_socket_closes_no_other(passed: Passed) -> None:
    program = (
        "import os\n"
        "for _ in range(2):\n"
        "    try: listen_sockets()\n"
        "    except OSError as error: print(error)\n"
        "print(bool(os.fstat(3)))\n"
    )
    first, second, there = passed(program, LISTEN_FDS="3", names="a:b:c").split("\n")
    assert first == second
    assert there == "True"


def test_names_may_be_missing(passed: Passed) -> None:
    assert passed("print(len(listen_sockets('unknown')))", names=None) == "2"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"LISTEN_FDS": "two"}, "ValueError: $LISTEN_FDS is 'two' and not a number"),
        ({"names": "one"}, "ValueError: $LISTEN_FDNAMES has 1 names for 2 sockets"),
        ({"LISTEN_FDS": "3", "names": "a:b:c"}, "descriptor 5, passed by systemd as 'c'"),
    ],
)
def test_what_makes_no_sense_is_named(passed: Passed, given: dict[str, str], words: str) -> None:
    assert words in passed("listen_sockets()", **given)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return tmp_path


def test_a_credential_is_its_text_exactly(directory: Path) -> None:
    (directory / "db").write_bytes("pässword \r\n".encode())
    assert credential("db") == "pässword \r\n"


def test_a_missing_credential_is_named_with_those_that_are_there(directory: Path) -> None:
    with pytest.raises(LookupError, match=f"no credential 'db' in {directory}, which has none"):
        credential("db")
    (directory / "api").touch()
    with pytest.raises(LookupError, match="which has api"):
        credential("db")


def test_a_directory_that_is_gone_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "gone"))
    with pytest.raises(LookupError, match="which has none: No such file"):
        credential("db")


def test_without_a_directory_the_unit_is_to_blame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(LookupError, match="give the unit LoadCredential=db:PATH"):
        credential("db")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc/passwd", "a\0b"])
def test_a_name_leads_nowhere_else(directory: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a credential"):
        credential(name)


def test_bytes_that_are_no_text_are_refused(directory: Path) -> None:
    (directory / "key").write_bytes(b"ab\xff")
    with pytest.raises(ValueError, match=f"at byte 2\\); read {directory}/key as bytes"):
        credential("key")
    assert os.listdir(directory) == ["key"]
