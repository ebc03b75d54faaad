"""When processes that were started are taken for running, and in which words they are not."""

from __future__ import annotations

from typing import Any

import pytest
from lab.fake import FakeHost, Program, make_release

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
    assert "it ended by itself: a service stays in the foreground" in refusal(host, Program("ends"))


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


def test_one_that_is_not_healthy_is_said_to_be_up(host: FakeHost) -> None:
    words = refusal(host, Program("unhealthy", checked=True))
    assert "demo.service is up, but not healthy: check ends with status 1" in words


def test_one_that_gets_healthy_in_its_time_is_accepted(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = make_release(host, "demo", Program(checked=True))
    answers = ["not yet", "not yet", None]
    asked = []

    def ask(url: str, status: int, seconds: float) -> str | None:
        asked.append((url, status))
        return answers.pop(0)

    monkeypatch.setattr(health, "ask", ask)
    process = release.processes[0]
    web = Health(timeout=30, url="http://127.0.0.1/", status=204)
    host.deploy(release)
    prove(
        host.layout("demo"),
        host.systemd,
        release,
        [type(process)(**{**vars(process), "health": web})],
        Started({}),
    )
    assert asked == [("http://127.0.0.1/", 204)] * 3


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

    def words(self, host: FakeHost, answers: dict[str, list[str]]) -> list[str]:
        host.systemd.journal = lambda matches: answers.get(  # type: ignore[method-assign]
            " ".join(matches), []
        )
        return journal.words(host.systemd, "demo.service", "7")

    def test_warnings_and_worse_come_first(self, host: FakeHost) -> None:
        this = "_SYSTEMD_INVOCATION_ID=7"
        answers = {f"{this} --priority warning": ["bad\x1b[2J"], this: ["good", "bad"]}
        assert self.words(host, answers) == ["Its journal at warning and worse:", "  bad\\x1b[2J"]

    def test_then_whatever_it_said(self, host: FakeHost) -> None:
        found = self.words(host, {"_SYSTEMD_INVOCATION_ID=7": ["good"]})
        assert found == ["Its journal, which has no warnings:", "  good"]

    def test_then_what_those_before_it_said(self, host: FakeHost) -> None:
        found = self.words(host, {"_SYSTEMD_UNIT=demo.service": ["old"]})
        assert found == ["Its journal has nothing from this start; from before it:", "  old"]

    def test_then_that_there_is_nothing(self, host: FakeHost) -> None:
        assert self.words(host, {}) == ["Its journal is empty."]


def test_a_release_that_runs_elsewhere_is_proven_where_it_runs(host: FakeHost) -> None:
    """Only the health check is another: what runs is the same, and is not restarted."""
    first: Release = make_release(host, "demo", Program())
    host.deploy(first)
    before = host.invocations("demo")
    host.deploy(make_release(host, "demo", Program(checked=True)))
    assert host.invocations("demo") == before
