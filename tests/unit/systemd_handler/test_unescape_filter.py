"""The filter gives back what was logged, from either output of journalctl."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from systemd_handler._escape import escape, unescape
from systemd_handler._pieces import cut
from systemd_handler.unescape import unescaped

if TYPE_CHECKING:
    from collections.abc import Callable

    EnvironmentWith = Callable[..., dict[str, str]]


def entry(message: object, **fields: str) -> str:
    given = {"__REALTIME_TIMESTAMP": "1", "_PID": "7", "MESSAGE": message, **fields}
    return json.dumps(given)


def test_lines_are_unescaped() -> None:
    assert list(unescaped([r"one\ntwo", r"a\\n", r"\&", "plain"])) == [
        "one\ntwo",
        "a\\n",
        "",
        "plain",
    ]


def test_entries_stay_json_with_their_message_unescaped() -> None:
    [line] = unescaped([entry(r"one\ntwo\ud800", UNIT="x")])
    assert json.loads(line) == {
        "__REALTIME_TIMESTAMP": "1",
        "_PID": "7",
        "MESSAGE": "one\ntwo\ud800",
        "UNIT": "x",
    }


@pytest.mark.parametrize(
    "line",
    [
        '{"a": "b\\\\n"}',
        "{not json",
        '{"a":' + "[" * 100_000,
        f"[1/{'9' * 5000}] x\\&",
        '{"MESSAGE": "a\\\\n"}',
        "{}",
    ],
)
def test_a_line_that_looks_like_json_is_a_line(line: str) -> None:
    assert list(unescaped([line])) == [unescape(line)]


def test_a_message_that_is_no_text_stays() -> None:
    line = entry([1, 2, 255])
    assert list(unescaped([line])) == [line]


def test_pieces_of_two_processes_come_together_with_the_fields_of_the_first() -> None:
    pieces = {
        pid: [p.decode() for p in cut((char * 70_000).encode())]
        for pid, char in (("1", "a"), ("2", "b"))
    }
    lines = [
        entry(pieces[pid][k], _PID=pid, CURSOR=f"{pid}{k}") for k in range(3) for pid in ("1", "2")
    ]
    found = [json.loads(line) for line in unescaped(lines)]
    assert [(e["_PID"], e["CURSOR"], e["MESSAGE"]) for e in found] == [
        ("1", "10", "a" * 70_000),
        ("2", "20", "b" * 70_000),
    ]


def run(
    environment: dict[str, str], data: bytes, *arguments: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "systemd_handler.unescape", *arguments],
        input=data,
        capture_output=True,
        env=environment,
        timeout=60,
        check=False,
    )


def test_the_command_reads_and_writes_bytes_as_they_were(environment_with: EnvironmentWith) -> None:
    given = "name \udcff\ud800\x1b[0m"
    result = run(environment_with(), escape(given).encode() + b"\nlast \xfe")
    assert (
        result.stdout
        == "name \ud800\x1b[0m\n".encode("utf-8", "surrogatepass").replace(
            b"name ", b"name \xed\xb3\xbf"
        )
        + b"last \xfe\n"
    )
    assert result.stderr == b""


def test_a_terminal_is_not_steered(environment_with: EnvironmentWith) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "systemd_handler.unescape"],
        stdin=subprocess.PIPE,
        stdout=theirs,
        env=environment_with(),
    ) as process:
        process.communicate(rb"a\nb\x1b[2J" + b"\n", timeout=60)
    os.close(theirs)
    assert os.read(ours, 4096) == b"a\r\nb\\x1b[2J\r\n"
    os.close(ours)


def test_a_reader_that_has_enough_ends_it_quietly(environment_with: EnvironmentWith) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "systemd_handler.unescape"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment_with(),
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, errors = process.communicate(b"line\n" * 100_000, timeout=60)
    assert errors == b""
    assert process.returncode == 0


def test_help_is_given(environment_with: EnvironmentWith) -> None:
    result = run(environment_with(), b"", "--help")
    assert (result.returncode, result.stdout.startswith(b"usage: ")) == (0, True)
    assert run(environment_with(), b"", "--what").returncode == 2
