"""Which steps lead from what is observed to what is desired: read each as the diff of a run shows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lab.fake import FakeHost, Program, make_release

from python_service.module_utils.python_service.host import history
from python_service.module_utils.python_service.host.decide import (
    Desired,
    Held,
    Observed,
    ObservedUnit,
    decide,
    handover_told,
    startable,
)
from python_service.module_utils.python_service.host.history import Event
from python_service.module_utils.python_service.host.secrets import Secret
from python_service.module_utils.python_service.model import Release

MAIN = Program()
WORKER = Program(name="worker")
WEB = Program(name="web", socket="127.0.0.1:80")
JOB = Program(name="job", type="oneshot", timer="daily", stays=False)
NICE = "[Service]\nNice=5\n"


def deployed(
    release: Release, *, started: bool = True, drop_ins: dict[str, str] | None = None
) -> Observed:
    """A host on which a release was deployed well."""
    began = startable(release)
    units = {}
    for name, text in release.units.items():
        runs = started and name in began
        service = runs and name.endswith(".service")
        units[name] = ObservedUnit(
            text=text,
            state="active" if runs else "inactive",
            enabled="enabled" if "WantedBy=" in text else "static",
            release=release.id if service else None,
            runs=release.fingerprint(name) if service else None,
            invocation=f"of {name}" if runs else "",
        )
    for name, text in (drop_ins or {}).items():
        units[name] = ObservedUnit(text=text)
    result = history.ACCEPTED if started else history.STOPPED
    return Observed(
        units=units,
        current=release.id,
        events=(Event("deploy", None, release.id, result, "me@here"),),
        releases={release.id: Held.by(release)},
        venvs=[release.venv.id],
    )


def wanted(release: Release, **changes: Any) -> Desired:
    return replace(Desired.of(release, started=True, enabled=True, keep=5), **changes)


def steps(observed: Observed, desired: Desired) -> list[str]:
    return [str(step) for step in decide(observed, desired)]


def but(observed: Observed, name: str, **changes: Any) -> Observed:
    """What is observed, with one unit otherwise."""
    units = {**observed.units, name: replace(observed.units.get(name, ObservedUnit()), **changes)}
    return replace(observed, units=units)


@pytest.fixture
def one(host: FakeHost) -> Release:
    return make_release(host, "demo", MAIN)


@pytest.fixture
def many(host: FakeHost) -> Release:
    return make_release(host, "demo", MAIN, WORKER, WEB, JOB)


def test_where_all_is_as_wanted_there_is_nothing_to_do(many: Release) -> None:
    assert steps(deployed(many), wanted(many)) == []


def test_a_first_deploy_goes_from_staging_to_the_record(one: Release) -> None:
    assert steps(Observed(staged=False), wanted(one)) == [
        f"stage {one.id}",
        "write demo.service",
        "reload",
        "reset demo.service",
        "start demo.service",
        "prove demo.service",
        "enable demo.service",
        f"link {one.id}",
        f"record {one.id}",
    ]


def test_sockets_and_timers_come_before_the_services_they_start(many: Release) -> None:
    found = [
        step for step in steps(Observed(staged=False), wanted(many)) if step.startswith("start")
    ]
    assert found == [
        "start demo-job.timer demo-web.socket",
        "start demo-web.service demo-worker.service demo.service",
        "start demo.target",
    ]


def test_a_target_that_names_other_units_is_not_started_again(
    host: FakeHost, many: Release
) -> None:
    more = make_release(host, "demo", MAIN, WORKER, WEB, JOB, Program(name="more"))
    found = steps(replace(deployed(many), staged=False), wanted(more))
    assert "write demo.target" in found
    assert [step for step in found if step.startswith(("start", "stop", "distrust"))] == [
        "start demo-more.service"
    ]


def test_a_target_that_nobody_needs_ends_when_nothing_is_a_part_of_it_any_more(
    host: FakeHost, one: Release
) -> None:
    two = make_release(host, "demo", MAIN, WORKER)
    found = steps(replace(deployed(two), staged=False), wanted(one))
    assert "stop demo-worker.service" in found
    assert found.index("reload") < found.index("stop demo.target")
    assert not [step for step in found if step.startswith("start")]


def test_a_new_source_restarts_what_runs_from_it(host: FakeHost, one: Release) -> None:
    new = make_release(host, "demo", MAIN, source="2")
    assert steps(replace(deployed(one), staged=False), wanted(new)) == [
        f"stage {new.id}",
        "write demo.service",
        "reload",
        "reset demo.service",
        "start demo.service",
        "prove demo.service",
        "enable demo.service",
        f"link {new.id}",
        f"record {new.id}",
    ]


def test_a_new_health_check_is_proven_without_a_restart(host: FakeHost, one: Release) -> None:
    new = make_release(host, "demo", Program(checked=True))
    found = steps(replace(deployed(one), staged=False), wanted(new))
    assert f"prove {new.processes[0].unit}" in found
    assert not [step for step in found if step.startswith(("start", "stop", "distrust"))]


def test_only_the_process_whose_unit_changed_is_restarted(host: FakeHost, many: Release) -> None:
    new = make_release(host, "demo", MAIN, replace(WORKER, type="notify"), WEB, JOB)
    found = steps(replace(deployed(many), staged=False), wanted(new))
    assert [step for step in found if step.startswith(("start", "stop", "distrust"))] == [
        "distrust demo-worker.service",
        "start demo-worker.service",
    ]


def test_a_process_that_the_release_does_not_have_goes(host: FakeHost, many: Release) -> None:
    new = make_release(host, "demo", MAIN, WORKER)
    found = steps(replace(deployed(many), staged=False), wanted(new))
    assert found.index("stop demo-job.timer demo-web.socket demo-web.service") == 1
    assert found[2] == "disable demo-job.timer demo-web.socket"
    assert {f"remove demo-{unit}" for unit in ("job.service", "job.timer", "web.service")} < {
        *found
    }
    assert found.index("remove demo-web.socket") < found.index("reload")


def test_a_service_stops_while_its_socket_moves(host: FakeHost) -> None:
    """systemd opens no socket for a service that runs, and this service itself has not changed."""
    old = make_release(host, "demo", MAIN, WEB)
    new = make_release(host, "demo", MAIN, replace(WEB, socket="127.0.0.1:81"))
    found = steps(replace(deployed(old), staged=False), wanted(new))
    assert [step for step in found if step.startswith(("start", "stop"))] == [
        "stop demo-web.socket demo-web.service",
        "start demo-web.socket",
        "start demo-web.service",
    ]


def test_a_service_stops_while_its_closed_socket_is_opened(host: FakeHost) -> None:
    release = make_release(host, "demo", MAIN, WEB)
    found = steps(but(deployed(release), "demo-web.socket", state="inactive"), wanted(release))
    assert found == [
        "stop demo-web.service",
        "reset demo-web.socket demo-web.service",
        "start demo-web.socket",
        "start demo-web.service",
        "prove demo-web.service",
    ]


def test_a_service_behind_a_socket_that_stays_is_restarted_without_stopping_that(
    host: FakeHost, many: Release
) -> None:
    new = make_release(host, "demo", MAIN, WORKER, WEB, JOB, source="2")
    found = steps(replace(deployed(many), staged=False), wanted(new))
    assert [step for step in found if step.startswith(("start", "stop"))] == [
        "start demo-web@next.service",
        "start demo-web.service demo-worker.service demo.service",
        "stop demo-web@next.service",
    ]


class TestHandover:
    """Another of a process with sockets serves while its unit is restarted."""

    @pytest.fixture
    def new(self, host: FakeHost) -> Release:
        return make_release(host, "demo", MAIN, WEB, source="2")

    @pytest.fixture
    def observed(self, host: FakeHost) -> Observed:
        return replace(deployed(make_release(host, "demo", MAIN, WEB)), staged=False)

    def test_it_is_tried_before_anything_is_touched(self, observed: Observed, new: Release) -> None:
        assert steps(observed, wanted(new))[:11] == [
            f"stage {new.id}",
            "try demo-web.service",
            "write demo-web@next.service",
            "write demo.service",
            "write demo-web.service",
            "reload",
            "start demo-web@next.service",
            "prove demo-web@next.service",
            "reset demo-web.service demo.service",
            "start demo-web.service demo.service",
            "prove demo.service demo-web.service",
        ]

    def test_the_stand_in_goes_before_the_release_counts(
        self, observed: Observed, new: Release
    ) -> None:
        assert steps(observed, wanted(new))[11:] == [
            "stop demo-web@next.service",
            "remove demo-web@next.service",
            "enable demo-web.socket demo.target demo-web.service demo.service",
            f"link {new.id}",
            f"record {new.id}",
        ]

    def test_where_nothing_is_enabled_systemd_forgets_the_stand_in_by_a_reload(
        self, observed: Observed, new: Release
    ) -> None:
        found = steps(observed, replace(wanted(new), enabled=()))
        assert found[found.index("remove demo-web@next.service") + 1] == "reload"

    def test_a_way_back_tries_nothing(self, observed: Observed, new: Release) -> None:
        found = steps(observed, wanted(new, tried=True))
        assert not [step for step in found if step.startswith("try")]
        assert "start demo-web@next.service" in found

    def test_a_stand_in_that_serves_already_goes_on(self, observed: Observed, new: Release) -> None:
        serves = but(observed, "demo-web@next.service", text="", state="active")
        down = but(serves, "demo-web.service", state="failed")
        for one in (serves, down):
            found = steps(one, wanted(new))
            assert "try demo-web.service" in found
            assert "start demo-web@next.service" not in found
            assert found.index("stop demo-web@next.service") > found.index(
                "prove demo.service demo-web.service"
            )

    def test_what_a_run_that_was_cut_off_has_left_goes(self, host: FakeHost) -> None:
        release = make_release(host, "demo", MAIN, WEB)
        left = but(deployed(release), "demo-web@next.service", text="", state="active")
        goes = ["stop demo-web@next.service", "remove demo-web@next.service", "reload"]
        assert steps(left, wanted(release)) == goes
        assert (
            steps(but(left, "demo-web@next.service", state="inactive"), wanted(release)) == goes[1:]
        )
        assert goes[0] in steps(left, wanted(release, active=()))
        assert goes[0] in steps(left, Desired())

    @pytest.mark.parametrize(
        ("web", "state", "why"),
        [
            (replace(WEB, handover=False), "active", "its handover is false"),
            (replace(WEB, socket="127.0.0.1:81"), "active", "its addresses change"),
            (WEB, "inactive", "it did not run"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_where_there_is_none_the_result_says_why(
        self, host: FakeHost, observed: Observed, web: Program, state: str, why: str
    ) -> None:
        observed = but(observed, "demo-web.service", state=state)
        desired = wanted(make_release(host, "demo", MAIN, web, source="2"))
        assert not [step for step in steps(observed, desired) if "@" in step or "try" in step]
        assert handover_told(observed, desired) == f"not used for demo-web.service: {why}"

    def test_the_result_says_that_it_is_used(self, observed: Observed, new: Release) -> None:
        assert handover_told(observed, wanted(new)) == "used"

    def test_the_result_says_what_it_would_need(self, host: FakeHost, one: Release) -> None:
        desired = wanted(make_release(host, "demo", MAIN, source="2"))
        lacks = "not used: what is started anew has no python_service_listen"
        assert handover_told(deployed(one), desired) == lacks
        assert handover_told(deployed(one), wanted(one)).startswith("not needed")


def test_a_job_that_runs_is_left_to_its_end(host: FakeHost, many: Release) -> None:
    new = make_release(host, "demo", MAIN, WORKER, WEB, JOB, source="2")
    running = but(
        replace(deployed(many), staged=False),
        "demo-job.service",
        state="activating",
        release=many.id,
        runs=many.fingerprint("demo-job.service"),
    )
    found = steps(running, wanted(new, keep=1))
    assert not [step for step in found if step.startswith(("start", "stop")) and "job" in step]
    assert not [step for step in found if step.startswith("prune")]


def test_a_job_of_a_process_that_goes_is_stopped(
    host: FakeHost, many: Release, one: Release
) -> None:
    running = but(deployed(many), "demo-job.service", state="activating")
    assert "demo-job.service" in steps(running, wanted(one))[0]


def test_a_timer_that_changed_is_armed_anew(host: FakeHost) -> None:
    old = make_release(host, "demo", MAIN, JOB)
    new = make_release(host, "demo", MAIN, replace(JOB, timer="hourly"))
    found = steps(replace(deployed(old), staged=False), wanted(new))
    assert "start demo-job.timer" in found
    assert not [step for step in found if step.startswith("start") and ".service" in step]


class TestDropIns:
    """What this host alone adds to a unit."""

    NAME = "demo.service.d/10-host.conf"

    def test_a_new_one_restarts_its_unit(self, one: Release) -> None:
        desired = wanted(one, drop_ins={self.NAME: NICE})
        assert steps(deployed(one), desired) == [
            "distrust demo.service",
            f"write {self.NAME}",
            "reload",
            "reset demo.service",
            "start demo.service",
            "prove demo.service",
        ]

    def test_one_that_is_there_changes_nothing(self, one: Release) -> None:
        observed = deployed(one, drop_ins={self.NAME: NICE})
        assert steps(observed, wanted(one, drop_ins={self.NAME: NICE})) == []

    def test_one_that_changed_restarts_its_unit(self, one: Release) -> None:
        observed = deployed(one, drop_ins={self.NAME: NICE})
        found = steps(observed, wanted(one, drop_ins={self.NAME: "[Service]\n"}))
        assert f"write {self.NAME}" in found
        assert "start demo.service" in found

    def test_one_that_is_not_wanted_goes_and_restarts_its_unit(self, one: Release) -> None:
        found = steps(deployed(one, drop_ins={self.NAME: NICE}), wanted(one))
        assert f"remove {self.NAME}" in found
        assert "start demo.service" in found

    def test_it_is_neither_started_nor_enabled(self, one: Release) -> None:
        found = steps(Observed(staged=False), wanted(one, drop_ins={self.NAME: NICE}))
        assert [step for step in found if self.NAME in step] == [f"write {self.NAME}"]


class TestCommands:
    """What people run, and what they run it with."""

    NAME = "demo.run-.service.d/10-host.conf"
    UNIT = "demo.run-1.service"

    def test_what_they_are_run_with_restarts_nothing(self, one: Release) -> None:
        scripts = {"/opt/demo/run": "new\n"}
        observed = deployed(one, drop_ins={self.NAME: NICE, "/opt/demo/run": "old\n"})
        desired = wanted(one, drop_ins={self.NAME: "[Service]\n"}, scripts=scripts)
        assert steps(observed, desired) == [
            f"write {self.NAME}",
            "write /opt/demo/run",
            "reload",
        ]

    def test_they_go_on_and_their_release_stays(self, host: FakeHost, one: Release) -> None:
        old = Held("a" * 12, ["key"])
        observed = deployed(one)
        observed = replace(
            observed,
            releases={**observed.releases, "b" * 12: old},
            venvs=[*observed.venvs, old.venv],
            secrets={"key": Secret("value")},
        )
        desired = wanted(one, keep=1)
        assert {"prune release " + "b" * 12} < {*steps(observed, desired)}
        running = replace(observed, commands={self.UNIT: "b" * 12})
        assert steps(running, desired) == []

    def test_they_end_where_nothing_is_to_run(self, one: Release) -> None:
        observed = replace(deployed(one), commands={self.UNIT: one.id})
        assert f"stop demo.service {self.UNIT}" in steps(observed, Desired())


class TestByHand:
    """What somebody did to the host is put right."""

    def test_an_edited_unit_is_written_and_what_runs_is_distrusted_first(
        self, one: Release
    ) -> None:
        edited = but(deployed(one), "demo.service", text=one.units["demo.service"] + NICE)
        found = steps(edited, wanted(one))
        assert found[:2] == ["distrust demo.service", "write demo.service"]
        assert "start demo.service" in found

    def test_a_unit_that_systemd_has_not_reread_is_reloaded_without_a_restart(
        self, one: Release
    ) -> None:
        assert steps(but(deployed(one), "demo.service", reload=True), wanted(one)) == ["reload"]

    def test_what_was_stopped_is_started_and_proven(self, one: Release) -> None:
        stopped = but(deployed(one), "demo.service", state="inactive", runs=None, release=None)
        assert steps(stopped, wanted(one)) == [
            "reset demo.service",
            "start demo.service",
            "prove demo.service",
        ]

    def test_what_was_disabled_is_enabled(self, one: Release) -> None:
        disabled = but(deployed(one), "demo.service", enabled="disabled")
        assert steps(disabled, wanted(one)) == ["enable demo.service"]

    def test_what_was_enabled_and_should_not_be_is_disabled(self, one: Release) -> None:
        assert steps(deployed(one), wanted(one, enabled=())) == ["disable demo.service"]

    def test_a_link_that_is_gone_is_made(self, one: Release) -> None:
        assert steps(replace(deployed(one), current=None), wanted(one)) == [f"link {one.id}"]


class TestStaging:
    """What is made anew, and what ran from what was there before."""

    def test_what_runs_from_what_is_not_whole_is_distrusted_before_that_is_made_anew(
        self, one: Release
    ) -> None:
        damaged = but(replace(deployed(one), staged=False), "demo.service", runs=None)
        found = steps(damaged, wanted(one))
        assert found[:2] == ["distrust demo.service", f"stage {one.id}"]
        assert "start demo.service" in found

    def test_what_runs_from_what_is_whole_is_trusted(self, host: FakeHost, one: Release) -> None:
        new = make_release(host, "demo", Program(checked=True))
        found = steps(replace(deployed(one), staged=False), wanted(new))
        assert not [step for step in found if step.startswith("distrust")]


class TestStopped:
    """`state: stopped`, which counts all the same."""

    def test_it_is_put_there_and_recorded_as_stopped(self, one: Release) -> None:
        found = decide(Observed(staged=False), wanted(one, active=()))
        assert not [step for step in found if step.action in ("start", "prove")]
        assert [step.text for step in found if step.action == "record"] == [history.STOPPED]

    def test_what_ran_is_stopped(self, many: Release) -> None:
        assert steps(deployed(many), wanted(many, active=())) == [
            "stop demo-job.timer demo-web.socket demo-web.service demo-worker.service demo.service",
            "stop demo.target",
        ]

    def test_started_later_it_is_proven_and_accepted(self, one: Release) -> None:
        found = decide(deployed(one, started=False), wanted(one))
        assert [str(step) for step in found] == [
            "reset demo.service",
            "start demo.service",
            "prove demo.service",
            "enable demo.service",
            f"record {one.id}",
        ]
        assert found[-1].text == history.ACCEPTED

    def test_stopped_again_it_stays_accepted(self, one: Release) -> None:
        stopped = but(deployed(one), "demo.service", state="inactive", runs=None, release=None)
        assert steps(stopped, wanted(one, active=())) == []


class TestNothingDesired:
    """A removal, and the end of a first deploy that failed."""

    def test_everything_goes_in_this_order(self, many: Release) -> None:
        found = [step.split()[0] for step in steps(deployed(many), Desired(spare=[many.id]))]
        assert list(dict.fromkeys(found)) == [
            "stop", "disable", "remove", "reload", "reset", "unlink",
        ]  # fmt: skip

    def test_units_that_run_without_a_file_are_stopped(self) -> None:
        observed = Observed(units={"demo.service": ObservedUnit(state="activating")})
        assert steps(observed, Desired()) == ["stop demo.service"]

    def test_nothing_is_done_where_nothing_is(self) -> None:
        assert steps(Observed(), Desired()) == []


class TestPruning:
    """Which releases and venvs go."""

    def observed(self, *events: str, **releases: str) -> Observed:
        """Events are ``A``, ``rejected:A`` or ``rollback:A``; releases have their venvs."""
        made = []
        for event in events:
            kind, _, name = event.rpartition(":")
            what = "rollback" if kind == "rollback" else "deploy"
            result = history.REJECTED if kind == "rejected" else history.ACCEPTED
            made.append(Event(what, None, name, result, "me@here"))
        held = {name: Held(venv) for name, venv in releases.items()}
        return Observed(events=tuple(made), releases=held, venvs=sorted({*releases.values()}))

    def pruned(self, observed: Observed, release: Release, current: str, keep: int) -> set[str]:
        desired = Desired(replace(release, id=current), keep=keep)
        found = decide(replace(observed, current=current), desired)
        return {step.subjects[1] for step in found if step.action == "prune"}

    def test_what_was_in_place_last_stays(self, one: Release) -> None:
        observed = self.observed("A", "B", "C", "D", A="e1", B="e1", C="e2", D="e2")
        assert self.pruned(observed, one, "D", 3) == {"A"}
        assert self.pruned(observed, one, "D", 1) == {"A", "B", "e1"}

    def test_the_one_to_go_back_to_stays_whatever_is_kept(self, one: Release) -> None:
        observed = self.observed("A", "B", "C", "rollback:B", A="e1", B="e1", C="e1")
        assert self.pruned(observed, one, "B", 1) == {"C"}

    def test_what_was_rejected_goes_and_what_is_spared_stays(self, one: Release) -> None:
        observed = self.observed("A", "rejected:B", "rejected:C", A="e1", B="e2", C="e3")
        assert self.pruned(observed, one, "A", 5) == {"B", "C", "e2", "e3"}
        desired = Desired(replace(one, id="A"), keep=5, spare=["C"])
        found = decide(observed, desired)
        assert {step.subjects[1] for step in found if step.action == "prune"} == {"B", "e2"}

    def test_a_venv_stays_as_long_as_it_is_not_known_who_needs_it(self, one: Release) -> None:
        observed = replace(
            self.observed("A", "B", B="e2"), unreadable=["A"], venvs=["e1", "e2", "e9"]
        )
        assert self.pruned(observed, one, "B", 5) == set()

    def test_an_unreadable_one_that_goes_keeps_no_venv(self, one: Release) -> None:
        observed = replace(self.observed("B", B="e2"), unreadable=["A"], venvs=["e1", "e2"])
        assert self.pruned(observed, one, "B", 5) == {"A", "e1"}

    def test_the_wanted_one_is_known_though_it_is_damaged(self, one: Release) -> None:
        observed = replace(
            self.observed("A", "B", A="e1"), unreadable=["B"], venvs=["e1", "e9", one.venv.id]
        )
        assert self.pruned(observed, one, "B", 5) == {"e9"}

    def test_what_a_process_goes_on_running_from_stays(self, one: Release) -> None:
        unit = "demo.service"
        running = ObservedUnit(
            one.units[unit], "active", "enabled", release="A", runs=one.fingerprint(unit)
        )
        observed = replace(self.observed("B", "C", A="e1", B="e1", C="e1"), units={unit: running})
        desired = Desired(replace(one, id="C"), active=[unit], enabled=[unit], keep=1)
        assert not [step for step in decide(observed, desired) if step.action == "prune"]

    def test_what_is_restarted_keeps_nothing(self, one: Release) -> None:
        unit = "demo.service"
        running = ObservedUnit(one.units[unit], "active", "enabled", release="A", runs="another")
        observed = replace(self.observed("B", "C", A="e1", B="e1", C="e1"), units={unit: running})
        desired = Desired(replace(one, id="C"), active=[unit], enabled=[unit], keep=1)
        found = [step.subjects for step in decide(observed, desired) if step.action == "prune"]
        assert ("release", "A") in found
