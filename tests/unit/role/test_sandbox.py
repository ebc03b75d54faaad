"""The unit beside a process's own in which a command of its health check runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab.fake import FakeHost
from lab.fake_systemd import Entry

from python_service.module_utils.python_service.host.sandbox import Sandbox
from python_service.module_utils.python_service.host.systemd import Status

UNIT = """\
# Made by somebody
[Unit]
Description=Demo
After=network.target

[Service]
Type=notify
ExecStartPre=/bin/true
ExecStart=/opt/demo/run \\
    --port 80 \\
# in between \\
    --host localhost
  ; a comment
WorkingDirectory=/opt/demo/app
User=demo
Environment=PATH=/opt/demo/bin:/usr/bin
Environment="A=1" \\
    "B=2"
Environment=C=\\\\
Restart=on-failure
WatchdogSec=2
StandardInput=socket
PrivateTmp=yes
Environment=D=\u2028Type=x

[Install]
WantedBy=multi-user.target
"""


@pytest.fixture
def written(host: FakeHost) -> list[str]:
    """The lines of the unit, while it is held."""
    return lines_for(host, UNIT, ["check", "now"])


def lines_for(host: FakeHost, text: str, command: list[str]) -> list[str]:
    layout = host.layout("demo")
    path = Path(layout.transient_units, "python_service.demo.service")
    with Sandbox(layout, host.systemd, "demo.service", text).holding(command, 7.0):
        lines = path.read_text(encoding="utf-8").split("\n")
        assert host.systemd.told == ["daemon-reload"]
    assert not path.exists()
    assert host.systemd.told[1:] == [f"reset-failed {path.name}", "daemon-reload"]
    return lines


def test_it_has_the_settings_of_the_process(written: list[str]) -> None:
    for line in (
        "[Service]",
        "WorkingDirectory=/opt/demo/app",
        "User=demo",
        "Environment=PATH=/opt/demo/bin:/usr/bin",
        'Environment="A=1" \\',
        '    "B=2"',
        "Environment=C=\\\\",
        "PrivateTmp=yes",
        "Environment=D=\u2028Type=x",
    ):
        assert line in written


def test_it_has_nothing_of_how_the_process_is_started_and_watched(written: list[str]) -> None:
    text = "\n".join(written)
    for word in ("/opt/demo/run", "--port", "--host", "/bin/true", "notify", "Restart=on-failure"):
        assert word not in text
    for word in ("WatchdogSec", "StandardInput", "Description", "WantedBy", "comment"):
        assert word not in text


def test_it_runs_the_command_once_for_as_long_as_it_may_take(written: list[str]) -> None:
    assert [line for line in written if line.startswith("ExecStart=")] == [
        'ExecStart="check" "now"'
    ]
    assert {"Type=oneshot", "TimeoutStartSec=7.0"} <= set(written)


def test_the_directory_of_the_process_in_run_stays(host: FakeHost) -> None:
    text = UNIT.replace("User=demo", "RuntimeDirectory=demo\nRuntimeDirectoryPreserve=no")
    lines = lines_for(host, text, ["check"])
    assert "RuntimeDirectory=demo" in lines
    preserve = [line for line in lines if line.startswith("RuntimeDirectoryPreserve")]
    assert preserve[-1] == "RuntimeDirectoryPreserve=yes"


def test_it_is_in_the_namespace_of_the_process(written: list[str]) -> None:
    assert written[:2] == ["[Unit]", "JoinsNamespaceOf=demo.service"]


def test_a_program_is_found_where_the_process_finds_it(host: FakeHost, tmp_path: Path) -> None:
    program = tmp_path / "check"
    program.touch(0o755)
    text = UNIT.replace("/opt/demo/bin", str(tmp_path))
    assert f'ExecStart="{program}"' in lines_for(host, text, ["check"])


def test_a_program_of_the_host_is_found_without_a_path_in_the_unit(host: FakeHost) -> None:
    (line,) = [line for line in lines_for(host, "", ["sh"]) if line.startswith("ExecStart=")]
    assert os.path.isabs(line.partition('"')[2])


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("two words", '"two words"'),
        ('say "x"', '"say \\"x\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("100%", '"100%%"'),
        ("$HOME", '"$$HOME"'),
        ("a\tb\nc", '"a\\tb\\nc"'),
        ("", '""'),
        (";", '";"'),
    ],
)
def test_a_word_arrives_as_it_is(host: FakeHost, word: str, written: str) -> None:
    """As systemd.service(5) quotes, escapes and expands in a command line."""
    assert f'ExecStart="check" {written}' in lines_for(host, "", ["check", word])


class TestEnding:
    """What is said of a command that did not end well."""

    def ending(self, host: FakeHost, status: dict[str, str], *said: str) -> str:
        # Without the invocation, which journald does not always know.
        fields = frozenset(["_SYSTEMD_UNIT=python_service.demo.service"])
        now = host.systemd.monotonic()
        host.systemd.entries = [
            Entry(fields, now - 1, 6, "of the try before"),
            *(Entry(fields, now, 6, line) for line in said),
        ]
        host.systemd.status = lambda units: {  # type: ignore[method-assign]
            units[0]: Status(**status)
        }
        with Sandbox(host.layout("demo"), host.systemd, "demo.service", UNIT).holding(
            ["check"], 1.0
        ) as run:
            return str(run())

    def test_its_status_and_its_last_words(self, host: FakeHost) -> None:
        status = {"ExecMainCode": "1", "ExecMainStatus": "3", "Result": "exit-code"}
        words = self.ending(host, status, "one", "two", "three\x1b", "four")
        assert words == "ends with status 3: two / three\\x1b / four"

    def test_its_signal(self, host: FakeHost) -> None:
        status = {"ExecMainCode": "2", "ExecMainStatus": "9", "Result": "signal"}
        assert self.ending(host, status) == "ends by signal 9"

    def test_that_it_does_not_end(self, host: FakeHost) -> None:
        assert self.ending(host, {"Result": "timeout"}) == "does not end"
