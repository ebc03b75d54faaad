"""When processes that were started are taken for running, and in which words they are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lab.fake import FakeHost, Program, make_release
from lab.fake_systemd import Entry

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import health, journal
from python_service.module_utils.python_service.host.proof import Started, prove
from python_service.module_utils.python_service.host.systemd import Status
from python_service.module_utils.python_service.model import Health, Release


def refusal(host: FakeHost, *programs: Program, **made_of: str) -> str:
    """What is said of a release that is not accepted."""
    with pytest.raises(ServiceError, match="was not accepted") as raised:
        host.deploy(make_release(host, "demo", *programs, **made_of))
    return str(raised.value)


def test_a_program_that_ends_by_itself_is_told_what_a_service_is(host: FakeHost) -> None:
    assert "ended by itself: a service stays in the foreground" in refusal(host, Program("ends"))


@pytest.mark.parametrize("kind", ["a release to go back to", "none"])
def test_what_a_migration_changed_is_said_to_stay(host: FakeHost, kind: str) -> None:
    if kind != "none":
        host.deploy(make_release(host, "demo", Program()))
    bad = make_release(host, "demo", Program("exits"), source="2")
    assert "ExecStartPre" not in refusal(host, Program("exits"), source="3")
    units = {
        name: text.replace("ExecStart=", "ExecStartPre=/bin/migrate\nExecStart=")
        for name, text in bad.units.items()
    }
    with pytest.raises(ServiceError, match="was not accepted") as raised:
        host.deploy(replace(bad, units=units))
    assert "ExecStartPre= ran: what that changed outside of the release" in str(raised.value)


def test_one_that_dies_while_another_is_waited_for_is_noticed(host: FakeHost) -> None:
    words = refusal(host, Program(), Program("exits", name="worker"))
    assert "demo-worker.service did not stay up" in words


def test_one_that_dies_while_another_is_asked_for_its_health_is_noticed(host: FakeHost) -> None:
    slow = Program("unhealthy", settle=0.0, checked=True)
    words = refusal(host, slow, Program("exits", name="worker", settle=0.0))
    assert "demo-worker.service" in words or "demo.service is up, but not healthy" in words


def test_one_that_is_never_ready_fails_with_its_start(host: FakeHost) -> None:
    words = refusal(host, Program("never-ready", type="notify"))
    assert "result timeout" in words


def test_one_that_dies_right_after_it_said_that_it_is_ready_is_not_accepted(host: FakeHost) -> None:
    words = refusal(host, Program("falls", type="notify"))
    assert "demo.service did not stay up: " in words
    assert "exit status 1" in words


def test_one_that_is_ready_need_not_settle_for_as_long_as_others(host: FakeHost) -> None:
    before = host.systemd.now
    host.deploy(make_release(host, "demo", Program(type="notify", settle=600.0)))
    assert host.systemd.now - before < 600.0


def test_one_that_is_not_healthy_is_said_to_be_up(host: FakeHost) -> None:
    words = refusal(host, Program("unhealthy", checked=True))
    assert "demo.service is up, but not healthy: check ends with status 1" in words


def test_one_whose_command_is_asked_many_times_until_it_is_healthy(host: FakeHost) -> None:
    """systemd does not take a check that is repeated for a crash loop."""
    release = make_release(host, "demo", Program("warms-up", settle=0.0, checked=True))
    host.deploy(release)
    assert host.missing("demo", release) == []


def test_one_that_gets_healthy_in_its_time_is_accepted(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = make_release(host, "demo", Program(checked=True))
    answers = ["not yet", "not yet", None]
    asked = []

    def ask(health: Health, _seconds: float) -> str | None:
        asked.append((health.url, health.status))
        return answers.pop(0)

    monkeypatch.setattr(health, "ask", ask)
    process = release.processes[0]
    web = Health(timeout=30, url="http://127.0.0.1/", status=(204,))
    host.deploy(release)
    prove(
        host.layout("demo"),
        host.systemd,
        release,
        [type(process)(**{**vars(process), "health": web})],
        Started({}),
    )
    assert asked == [("http://127.0.0.1/", (204,))] * 3


def test_a_start_that_systemd_refused_is_no_success(host: FakeHost) -> None:
    """The old process is up, and stays: that it runs is not enough."""
    host.deploy(make_release(host, "demo", Program()))
    words = refusal(host, Program("refuses"), source="2")
    assert "demo.service was not restarted, and still runs release" in words
    assert "Job for demo.service canceled." in words
    assert "runs again" in words


def test_a_socket_that_systemd_does_not_open_is_no_success(host: FakeHost) -> None:
    release = make_release(host, "demo", Program(socket="80"))
    host.deploy(release)
    host.systemd.control("stop", ["demo.socket"])
    started = Started({}, "refusing")
    with pytest.raises(ServiceError, match=r"^demo\.socket does not listen: refusing$"):
        prove(host.layout("demo"), host.systemd, release, release.processes, started)


def test_what_cannot_be_executed_is_told_by_its_status(host: FakeHost) -> None:
    release = make_release(host, "demo", Program())
    host.systemd.control = denied(host)  # type: ignore[method-assign]
    with pytest.raises(ServiceError, match="exit status 203"):
        host.deploy(release)


def denied(host: FakeHost) -> Any:
    """A systemd that cannot execute anything, as where a directory above it is root's alone."""
    control = host.systemd.control

    def run(verb: str, units: Any = ()) -> None:
        host.systemd._behaviour = lambda invocation: "203"  # type: ignore[method-assign]
        control(verb, units)

    return run


class TestWords:
    """What is shown of a unit's state and of its journal."""

    @pytest.mark.parametrize(
        ("status", "text"),
        [
            ({"Result": "success"}, "failed (dead), result success"),
            (
                {"Result": "exit-code", "ExecMainStatus": "7", "ExecMainCode": "1"},
                "failed (dead), result exit-code, exit status 7",
            ),
            (
                {"Result": "signal", "ExecMainStatus": "9", "ExecMainCode": "2"},
                "failed (dead), result signal, signal 9",
            ),
            (
                {"Result": "success", "ExecMainStatus": "0", "StatusText": "tired\x1b"},
                "failed (dead), result success, it said: tired\\x1b",
            ),
        ],
    )
    def test_a_state_in_words(self, status: dict[str, str], text: str) -> None:
        assert journal.state(Status(ActiveState="failed", SubState="dead", **status)) == text

    @pytest.mark.parametrize(
        ("status", "text"),
        [
            ({"InvocationID": "7", "ConditionResult": "no"}, "a condition of its unit is not met"),
            ({"InvocationID": "7", "Type": "exec"}, ", it ended by itself"),
            ({"Type": "exec"}, ", it was not started, or ended by itself"),
            ({"Type": "notify"}, "result success"),
        ],
    )
    def test_why_a_unit_is_inactive(self, status: dict[str, str], text: str) -> None:
        inactive = Status(ActiveState="inactive", SubState="dead", Result="success", **status)
        assert text in journal.state(inactive)

    def words(self, host: FakeHost, *entries: tuple[str, float, int, str]) -> list[str]:
        """What is shown of invocation 7 of release 1, which was started at 10."""
        for fields, when, priority, said in entries:
            host.systemd.entries.append(Entry(frozenset(fields.split()), when, priority, said))
        found = [*journal.said(host.systemd, "demo.service", "7", "1", 10.0)]
        return found[0].lines() if found else []

    def test_warnings_and_worse_come_first(self, host: FakeHost) -> None:
        this = "_SYSTEMD_INVOCATION_ID=7"
        found = self.words(host, (this, 11.0, 6, "good"), (this, 11.0, 4, "bad\x1b[2J\nworse"))
        assert found == ["Its journal at warning and worse:", "  bad\\x1b[2J", "  worse"]

    def test_then_whatever_it_said(self, host: FakeHost) -> None:
        found = self.words(host, ("_SYSTEMD_INVOCATION_ID=7", 11.0, 6, "good"))
        assert found == ["Its journal, which has no warnings:", "  good"]

    def test_then_what_starts_of_the_same_release_said_since(self, host: FakeHost) -> None:
        of_unit = "_SYSTEMD_UNIT=demo.service PYTHON_SERVICE_RELEASE="
        found = self.words(
            host,
            (f"{of_unit}1", 9.0, 3, "of a deploy before"),
            (f"{of_unit}2", 11.0, 3, "of another release"),
            (f"{of_unit}1", 11.0, 3, "own"),
        )
        assert found == ["Its journal, from the starts before this one:", "  own"]

    def test_then_what_systemd_itself_says(self, host: FakeHost) -> None:
        of_unit = "UNIT=demo.service INVOCATION_ID=7"
        found = self.words(
            host,
            (f"{of_unit} _UID=0", 11.0, 3, "no file"),
            (f"{of_unit} _UID=5", 11.0, 3, "forged"),
        )
        assert found == ["It said nothing; systemd says:", "  no file"]

    def test_then_that_there_is_nothing(self, host: FakeHost) -> None:
        assert self.words(host) == []

    def test_all_of_it_takes_few_bytes(self, host: FakeHost) -> None:
        this = ("_SYSTEMD_INVOCATION_ID=7", 11.0, 3, "\n".join(["line"] * 100_000))
        found = self.words(host, *([this] * 100))
        assert len("\n".join(found)) <= 40 * 1024


def test_a_release_that_runs_elsewhere_is_proven_where_it_runs(host: FakeHost) -> None:
    """Only the health check is another: what runs is the same, and is not restarted."""
    first: Release = make_release(host, "demo", Program())
    host.deploy(first)
    before = host.invocations("demo")
    host.deploy(make_release(host, "demo", Program(checked=True)))
    assert host.invocations("demo") == before
