"""What runs in a release before it is activated, on a host that is made up."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab.fake import FakeHost, Program, make_release

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host.sandbox import Sandbox
from python_service.module_utils.python_service.model import PARTS, Release

KEYED = Program(secrets=("key",))


def of(host: FakeHost, *commands: str, source: str = "2", main: Program | None = None) -> Release:
    return make_release(host, "demo", main or Program(), source=source, prepare=commands)


def refused(host: FakeHost, release: Release, **how: Any) -> ServiceError:
    with pytest.raises(ServiceError) as raised:
        host.deploy(release, **how)
    return raised.value


def at(host: FakeHost, moment: str, look: Callable[[], object]) -> list[object]:
    """What ``look`` gives each time that systemd is told something that begins so."""
    seen: list[object] = []

    def watch(what: str) -> None:
        if what.startswith(moment):
            seen.append(look())

    host.systemd.watcher = watch
    return seen


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 600
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


NOT_UNDONE = (
    "Its python_service_prepare ran: what that changed outside of the release, as a migration does "
    "in a database, is not undone."
)
PREPARES = "start python_service.prepare.demo.service"


def test_commands_run_in_order_and_before_anything_that_runs_is_touched(host: FakeHost) -> None:
    host.deploy(make_release(host, "demo", Program()))
    before = host.picture("demo")
    seen = at(host, PREPARES, lambda: (host.own_units("demo"), host.invocations("demo")))
    units = host.own_units("demo")
    release = of(host, "good", "unhealthy")
    result = host.deploy(release)
    assert host.systemd.ran == [(release.id, "good"), (release.id, "unhealthy")]
    assert seen == [(units, before["running"])] * 2
    assert result["prepared"] == ["good", "unhealthy"]


def test_a_command_is_not_run_again_for_a_release_that_it_succeeded_for(host: FakeHost) -> None:
    release = of(host, "good", "exits")
    refused(host, release)
    refused(host, release)
    assert [word for _, word in host.systemd.ran] == ["good", "exits", "exits"]
    other = of(host, "good", source="3")
    host.deploy(other)
    host.deploy(make_release(host, "demo", Program()))
    del host.systemd.ran[:]
    host.deploy(other)
    host.roll_back("demo")
    assert host.systemd.ran == []


def test_after_a_removal_they_run_again(host: FakeHost) -> None:
    release = of(host, "good")
    host.deploy(release)
    host.remove("demo")
    host.deploy(release)
    assert len(host.systemd.ran) == 2


def test_the_error_has_what_the_command_said(host: FakeHost) -> None:
    first = make_release(host, "demo", Program())
    host.deploy(first)
    error = refused(host, of(host, "exits"))
    assert str(error).splitlines() == [
        "The release of demo could not be prepared: python_service_prepare: exits ends with status 1",
        "Its journal, which has no warnings:",
        "  python_service.prepare.demo.service exits",
        NOT_UNDONE,
        "What runs is untouched.",
    ]
    assert error.facts["prepared"] == ["exits"]
    assert (error.facts["release"], error.facts["changed"]) == (first.id, False)
    assert host.events("demo")[-1]["result"] == "failed"


def test_a_command_that_takes_too_long_is_said_to(host: FakeHost) -> None:
    error = refused(host, of(host, "hangs"))
    assert "python_service_prepare: hangs does not end within 60 s" in str(error)
    assert host.systemd.now >= 1060


def test_a_release_that_is_put_there_stopped_is_prepared(host: FakeHost) -> None:
    host.deploy(of(host, "good"), started=False)
    assert len(host.systemd.ran) == 1


def test_what_a_release_that_was_not_accepted_has_prepared_is_said_to_stay(host: FakeHost) -> None:
    host.deploy(make_release(host, "demo", Program()))
    release = of(host, "good", main=Program("exits"))
    error = refused(host, release)
    assert "Its python_service_prepare ran: what that changed" in str(error)
    assert "runs again." in str(error)
    assert host.systemd.ran == [(release.id, "good")]
    assert "ran: " not in str(refused(host, of(host, main=Program("exits"))))


class TestSecrets:
    def deployed(self, host: FakeHost, key: str, **how: Any) -> list[object]:
        layout = host.layout("demo")

        def look() -> dict[str, Any]:
            unit = Path(layout.transient_units, "python_service.prepare.demo.service").read_text()
            (line,) = [one for one in unit.splitlines() if one.startswith("LoadCredential")]
            given = Path(line.partition(":")[2])
            modes = [os.stat(path).st_mode & 0o777 for path in (given.parent, given)]
            return {"given": given.read_text(), "others": host.secrets("demo"), "modes": modes}

        host.deploy(make_release(host, "demo", KEYED), secrets={"key": "old value"})
        seen = at(host, PREPARES, look)
        with contextlib.suppress(ServiceError):
            host.deploy(of(host, "good", main=KEYED, **how), secrets={"key": key})
        return seen

    def test_a_command_has_the_new_value_and_what_runs_the_old_one(self, host: FakeHost) -> None:
        seen = self.deployed(host, "new value")
        private = {"given": "new value", "others": {"key": "old value"}, "modes": [0o700, 0o600]}
        assert seen == [private]
        assert not os.path.exists(host.layout("demo").new_secrets)

    def test_one_that_fails_leaves_the_old_one_and_nothing_of_the_new(self, host: FakeHost) -> None:
        assert len(self.deployed(host, "wrong")) == 1
        assert host.secrets("demo") == {"key": "old value"}
        assert host.leftovers("demo") == []


class TestElsewhere:
    """Another host of the play runs what is to be run once."""

    def test_what_it_ran_is_not_run_here_and_counts(self, host: FakeHost) -> None:
        release = of(host, "good")
        assert host.deploy(release, elsewhere="")["prepared"] == []
        assert host.deploy(release)["steps"] == []
        assert host.systemd.ran == []

    def test_where_it_failed_nothing_is_activated_here(self, host: FakeHost) -> None:
        error = refused(host, of(host, "good"), elsewhere="on web1: no table")
        assert "could not be prepared: on web1: no table" in str(error)
        assert host.counting("demo") is None
        assert host.systemd.ran == []


class TestHalves:
    def test_staging_touches_nothing_that_runs(self, host: FakeHost) -> None:
        first = make_release(host, "demo", Program())
        host.deploy(first)
        before = host.picture("demo")
        release = of(host, "good")
        result = host.deploy(release, parts=PARTS[:2])
        assert result["steps"] == [f"stage {release.id}", f"keep {release.id}", "prepare good"]
        assert (result["release"], result["restarted"]) == (first.id, False)
        after = host.picture("demo")
        assert {**after, "files": 0} == {**before, "files": 0}
        result = host.deploy(release, parts=PARTS[2:])
        assert (result["release"], result["previous"]) == (release.id, first.id)
        assert host.missing("demo", release) == []

    def test_what_is_staged_stays_until_it_is_activated_or_another_is(self, host: FakeHost) -> None:
        layout = host.layout("demo")
        staged, other = of(host, source="2"), of(host, source="3")
        host.deploy(staged, parts=PARTS[:2])
        for source in "456":
            host.deploy(of(host, source=source), keep=1)
        assert os.path.isdir(layout.release(staged.id))
        host.deploy(other, parts=PARTS[:2])
        host.deploy(of(host, source="7"), keep=1)
        assert not os.path.isdir(layout.release(staged.id))
        assert os.path.isdir(layout.release(other.id))
        host.deploy(other, parts=PARTS[2:])
        for source in "89":
            host.deploy(of(host, source=source), keep=1)
        assert not os.path.isdir(layout.release(other.id))

    def test_what_is_not_staged_is_not_activated(self, host: FakeHost) -> None:
        release = of(host, "good")
        words = f"release {release.id} of demo is not staged on this host; include the role with"
        assert words in str(refused(host, release, parts=PARTS[2:]))
        host.deploy(release, parts=PARTS[:1])
        assert "is not prepared on this host" in str(refused(host, release, parts=PARTS[2:]))
        assert host.own_units("demo") == {}

    def test_what_another_has_deployed_meanwhile_stays(self, host: FakeHost) -> None:
        first, other = make_release(host, "demo", Program()), of(host, source="3")
        host.deploy(first)
        release = of(host, "good")
        host.deploy(release, parts=PARTS[:2])
        host.deploy(other, by="you@there")
        error = refused(host, release, parts=PARTS[2:], instead_of=first.id)
        assert f"you@there has put release {other.id} in place" in str(error)
        assert host.counting("demo") == other.id
        assert host.deploy(release, parts=PARTS[2:], instead_of=other.id)["release"] == release.id

    def test_what_another_has_deployed_meanwhile_may_be_the_same(self, host: FakeHost) -> None:
        release = of(host, "good")
        host.deploy(release, by="you@there")
        assert host.deploy(release, parts=PARTS[2:], instead_of="")["changed"] is False

    def test_check_mode_of_both_together_is_that_of_a_whole_deploy(self, host: FakeHost) -> None:
        host.deploy(make_release(host, "demo", Program()))
        release = of(host, "good")
        halves = [host.deploy(release, parts=parts, check=True) for parts in (PARTS[:2], PARTS[2:])]
        steps = [step for half in halves for step in half["steps"]]
        steps.remove(f"keep {release.id}")
        assert steps == host.deploy(release, check=True)["steps"]
        assert [half["prepared"] for half in halves] == [["good"], []]

    def test_check_mode_of_activating_knows_what_staging_will_have_done(
        self, host: FakeHost
    ) -> None:
        host.deploy(make_release(host, "demo", Program()))
        host.deploy(of(host, source="4"), parts=PARTS[:2])
        release = of(host, "good")
        halves = (PARTS[:2], PARTS[2:])
        predicted = [host.deploy(release, parts=half, check=True)["steps"] for half in halves]
        assert [host.deploy(release, parts=half)["steps"] for half in halves] == predicted
        assert predicted[1][-1].startswith("prune ")

    def test_what_is_staged_stays_while_what_is_in_place_is_activated_again(
        self, host: FakeHost
    ) -> None:
        staged, first = of(host, source="4"), make_release(host, "demo", Program())
        host.deploy(first)
        host.deploy(staged, parts=PARTS[:2])
        host.deploy(first, parts=PARTS[2:], keep=1, started=False)
        assert os.path.isdir(host.layout("demo").release(staged.id))


class TestTheUnit:
    """What a command runs in."""

    def lines(self, host: FakeHost, text: str) -> list[str]:
        layout = host.layout("demo")
        path = Path(layout.transient_units, "python_service.prepare.demo.service")
        line = "/opt/demo/python x ${A} '$$'"
        with Sandbox(layout, host.systemd, "demo.service", text, apart=True).holding(line, 7.5):
            return path.read_text().splitlines()

    def test_it_is_apart_from_the_process(self, host: FakeHost) -> None:
        lines = self.lines(host, "[Service]\nPrivateTmp=yes\nExecStart=x\n")
        assert not any("JoinsNamespaceOf" in line for line in lines)

    def test_its_line_is_as_systemd_reads_that_of_the_process(self, host: FakeHost) -> None:
        assert "ExecStart=/opt/demo/python x ${A} '$$'" in self.lines(host, "")

    def test_its_output_is_told_from_others_as_that_of_the_process(self, host: FakeHost) -> None:
        text = "[Service]\nSyslogIdentifier=demo\nLogExtraFields=PYTHON_SERVICE_RELEASE=1\n"
        assert set(text.splitlines()) <= set(self.lines(host, text))


def test_what_a_run_that_was_cut_off_left_running_is_ended_by_the_next(host: FakeHost) -> None:
    unit = Path(host.layout("demo").transient_units, "python_service.prepare.demo.service")
    release = make_release(host, "demo", Program())
    for follow in (lambda: host.deploy(release), lambda: host.remove("demo")):
        unit.write_text("[Service]\nType=exec\nExecStart=x good\n")
        host.systemd.control("start", [unit.name])
        follow()
        assert unit.name not in host.systemd.running()
        assert not unit.exists()


WATCHED = """
import sys, time
from python_service.module_utils.python_service.host.programs import unless_done
with unless_done(["touch", sys.argv[1]]):
    print("begun", flush=True)
    what = sys.stdin.readline().strip()
    if what == "fail":
        raise ZeroDivisionError
    if what == "wait":
        time.sleep(600)
print("done", flush=True)
"""


class TestWatcher:
    """A process of ours that has something undone when it does not come to its end."""

    @pytest.fixture
    def undone(self, tmp_path: Path) -> Path:
        return tmp_path / "undone"

    def start(self, undone: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WATCHED, str(undone)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        return process

    def test_nothing_is_undone_of_what_comes_to_its_end(self, undone: Path) -> None:
        output, _ = self.start(undone).communicate("go on\n", timeout=600)
        assert (output, undone.exists()) == ("done\n", False)

    def test_what_fails_is_undone_before_it_is_said(self, undone: Path) -> None:
        process = self.start(undone)
        process.communicate("fail\n", timeout=600)
        assert process.returncode == 1
        assert undone.exists()

    def test_what_is_killed_is_undone(self, undone: Path) -> None:
        process = self.start(undone)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=600)  # its output ends with who watches
        assert undone.exists()

    def test_what_nobody_listens_to_any_more_is_undone(self, undone: Path) -> None:
        process = self.start(undone)
        assert process.stdin
        assert process.stdout
        process.stdin.write("wait\n")
        process.stdin.flush()
        process.stdout.close()
        eventually(undone.exists)
        process.kill()
        process.wait()
        process.stdin.close()


def test_the_history_says_what_ran_and_what_was_staged(host: FakeHost) -> None:
    release = of(host, "good")
    host.deploy(release, parts=PARTS[:2])
    host.deploy(release)
    told = [(one["result"], one["to"], one.get("command")) for one in host.events("demo")]
    assert told == [
        ("staged", release.id, None),
        ("prepared", release.id, "good"),
        ("accepted", release.id, None),
    ]
