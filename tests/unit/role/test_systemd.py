"""What systemd's programs say, and how it is read; `systemctl` and the others are stand-ins."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from pathlib import Path

import pytest

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import programs, systemd
from python_service.module_utils.python_service.host.systemd import Systemd

SHOWN = """\
Id=demo.service
ActiveState=active
StatusText=a=b

Id=demo.socket
ActiveState=inactive
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where programs are found before those of the host; each says how it was called."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path


def says(directory: Path, name: str, text: str = "", status: int = 0, *, error: str = "") -> None:
    program = directory / name
    program.write_text(
        f"#!/bin/sh\necho {name} \"$@\" >> $CALLS\ncat <<'E'\n{text}E\ncat >&2 <<'E'\n{error}E\nexit {status}\n"
    )
    program.chmod(0o755)


def calls(directory: Path) -> list[str]:
    return (directory / "calls").read_text().splitlines()


class TestStatus:
    """Properties of units."""

    def test_several_are_asked_for_in_one_call(self, stand_in: Path) -> None:
        says(stand_in, "systemctl", SHOWN)
        found = Systemd().status(["demo.service", "demo.socket"])
        assert found["demo.service"]["ActiveState"] == "active"
        assert found["demo.service"]["StatusText"] == "a=b"
        assert found["demo.socket"]["ActiveState"] == "inactive"
        assert found["demo.socket"]["MainPID"] == ""
        (call,) = calls(stand_in)
        assert call.endswith(" demo.service demo.socket")

    def test_those_in_memory_are_found_by_a_pattern(self, stand_in: Path) -> None:
        says(stand_in, "systemctl", SHOWN)
        found = Systemd().loaded("demo.*")
        assert found["demo.service"]["ActiveState"] == "active"
        assert found.keys() == {"demo.service", "demo.socket"}
        says(stand_in, "systemctl")
        assert Systemd().loaded("demo.*") == {}

    def test_what_a_service_says_of_itself_is_no_other_property(self, stand_in: Path) -> None:
        lines = "ready".join(f"{end}MainPID=1" for end in "\v\f\x1c\x1d\x1e\x85\u2028\u2029")
        says(stand_in, "systemctl", f"MainPID=7\nStatusText={lines}\n")
        found = Systemd().status(["demo.service"])["demo.service"]
        assert found == {"MainPID": "7", "StatusText": lines}

    def test_nothing_is_asked_about_nothing(self, stand_in: Path) -> None:
        says(stand_in, "systemctl", status=1)
        assert Systemd().status([]) == {}

    @pytest.mark.parametrize(("text", "status"), [(SHOWN, 1), ("Id=demo.service\n", 0)])
    def test_an_answer_that_is_none_is_an_error(
        self, stand_in: Path, text: str, status: int
    ) -> None:
        says(stand_in, "systemctl", text, status, error="no bus\x1b\n")
        with pytest.raises(ServiceError, match=r"systemctl show failed: no bus\\x1b"):
            Systemd().status(["demo.service", "demo.socket"])


class TestControl:
    """What systemd is told."""

    def test_units_are_named_together(self, stand_in: Path) -> None:
        says(stand_in, "systemctl")
        Systemd().control("restart", ["a.service", "b.service"])
        Systemd().control("daemon-reload")
        assert calls(stand_in) == [
            "systemctl --quiet restart a.service b.service",
            "systemctl --quiet daemon-reload",
        ]

    def test_a_refusal_is_an_error_with_its_words(self, stand_in: Path) -> None:
        says(stand_in, "systemctl", status=1, error="Unit a.service is masked.\n")
        with pytest.raises(
            ServiceError, match=r"systemctl start a\.service failed: Unit a.service is"
        ):
            Systemd().control("start", ["a.service"])

    def test_a_unit_that_is_not_known_keeps_none_from_being_reset(self, stand_in: Path) -> None:
        says(stand_in, "systemctl", status=1)
        Systemd().reset(["a.service", "b.service"])
        assert [call.split()[-1] for call in calls(stand_in)] == ["a.service", "b.service"]


class TestRelease:
    """The release that an invocation was started with."""

    @pytest.fixture
    def records(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(systemd, "RECORDS", str(tmp_path))
        return tmp_path

    def write(self, records: Path, *fields: bytes, more: bytes = b"") -> None:
        data = b"".join(struct.pack("<Q", len(field)) + field for field in fields)
        (records / "log-extra-fields:demo.service").write_bytes(data + more)

    def found(self, pid: str = "0") -> str | None:
        return Systemd().release_of("demo.service", systemd.Status(MainPID=pid))

    def test_it_is_found_among_other_fields(self, records: Path) -> None:
        self.write(records, b"A=1", b"PYTHON_SERVICE_RELEASE=3f2a", b"B=\n\0")
        assert self.found() == "3f2a"

    def test_a_field_with_a_similar_name_is_not_it(self, records: Path) -> None:
        self.write(records, b"X_PYTHON_SERVICE_RELEASE=3f2a", more=b"\1")
        assert self.found() is None

    def test_without_a_record_the_environment_of_the_main_process_tells(
        self, records: Path
    ) -> None:
        with subprocess.Popen(
            ["sh", "-c", "echo; read _"],
            env={"PYTHON_SERVICE_RELEASE": "3f2a", "PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout
            process.stdout.readline()
            assert self.found(str(process.pid)) == "3f2a"
            process.communicate()

    @pytest.mark.parametrize("pid", ["", "0"])
    def test_where_nothing_tells_it_is_not_known(self, records: Path, pid: str) -> None:
        assert self.found(pid) is None


@pytest.mark.skipif(not os.access("/run", os.W_OK), reason="root's alone")
class TestVerify:
    """What systemd thinks of a unit before it is installed."""

    def test_a_warning_is_one_and_what_is_said_of_other_units_is_none(self, stand_in: Path) -> None:
        error = "demo.service:3: Unknown key\nother.service:1: Unknown key\n"
        says(stand_in, "systemd-analyze", error=error)
        found = Systemd().verify({"demo.service": "[Service]\nExecStart=/not/there yet\n"})
        assert found == ([], ["demo.service:3: Unknown key"])

    def test_what_is_refused_is_told_without_where_it_was_tried(self, stand_in: Path) -> None:
        program = stand_in / "systemd-analyze"
        program.write_text('#!/bin/sh\necho "$2: bad" >&2; cat "$2" >&2; exit 1\n')
        program.chmod(0o755)
        text = "[Service]\nExecStart=/not/there demo.service\n"
        refusals, warnings = Systemd().verify({"demo.service": text})
        assert refusals == ["demo.service: bad", "ExecStart=/bin/true demo.service"]
        assert warnings == []


class TestVersion:
    """Which systemd it is."""

    def test_it_is_a_number(self, stand_in: Path) -> None:
        says(stand_in, "systemctl", "systemd 257 (257.9-1~deb13u1)\n")
        assert Systemd().version() == 257

    def test_one_that_cannot_be_told_is_an_error(self, stand_in: Path) -> None:
        says(stand_in, "systemctl", "nonsense\n")
        with pytest.raises(ServiceError, match="systemctl --version failed"):
            Systemd().version()

    def test_it_runs_where_the_host_was_booted_with_it(self) -> None:
        assert Systemd().is_running() == os.path.isdir("/run/systemd/system")


class TestJournal:
    """What units said."""

    def test_the_last_entries_are_given(self, stand_in: Path) -> None:
        entries = [
            {"MESSAGE": "too early", "__MONOTONIC_TIMESTAMP": "6999999"},
            {"MESSAGE": "one\nentry", "__MONOTONIC_TIMESTAMP": "7000000"},
            {"MESSAGE": [255, 97], "__MONOTONIC_TIMESTAMP": "8000000"},
            {"__MONOTONIC_TIMESTAMP": "8000000"},
            [],
        ]
        says(stand_in, "journalctl", "".join(f"{json.dumps(entry)}\n" for entry in entries) + "?")
        found = Systemd().journal(["_PID=1", "--priority", "warning"], 7.0)
        assert found == ["one\nentry", "\ufffda"]
        assert calls(stand_in)[0].endswith(" _PID=1 --priority warning")

    @pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029"])
    def test_an_entry_that_holds_other_ends_of_lines(self, stand_in: Path, end: str) -> None:
        """journald writes them as they are."""
        entry = {"MESSAGE": f"one{end}entry", "__MONOTONIC_TIMESTAMP": "7"}
        says(stand_in, "journalctl", json.dumps(entry, ensure_ascii=False) + "\n")
        assert Systemd().journal([]) == [f"one{end}entry"]

    def test_a_flood_is_not_waited_for(
        self, stand_in: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def hangs(*_: object, **__: object) -> None:
            raise ServiceError("journalctl --sync did not end within 5 s")

        monkeypatch.setattr(systemd, "run", hangs)
        Systemd().sync_journal()


def test_its_clock_is_that_of_the_kernel() -> None:
    before = Systemd().monotonic()
    Systemd().sleep(0.01)
    assert Systemd().monotonic() >= before + 0.01


class TestPrograms:
    """Programs that a step runs."""

    def test_one_that_hangs_is_named(self) -> None:
        with pytest.raises(ServiceError, match=r"sleep 600 did not end within 0\.1 s"):
            programs.run(["sleep", "600"], limit=0.1)

    def test_one_speaks_the_language_that_is_read_here(self) -> None:
        assert programs.run(["sh", "-c", "echo $LC_ALL $A"], {"A": "b"}).stdout == "C.UTF-8 b\n"

    def test_bytes_that_are_no_text_are_shown(self) -> None:
        assert programs.run(["printf", r"\377"]).stdout == "\\xff"
