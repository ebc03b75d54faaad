"""Going back by hand: to what, and what is said where that cannot be."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest
from lab.fake import FakeHost, Program, make_release
from lab.promises import expect_deployed

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import files
from python_service.module_utils.python_service.host.activation import activate
from python_service.module_utils.python_service.host.decide import Desired
from python_service.module_utils.python_service.host.steps import Request
from python_service.module_utils.python_service.model import Release


@pytest.fixture
def releases(host: FakeHost) -> list[Release]:
    """Three that were deployed one after the other."""
    made = [make_release(host, "demo", Program(), source=word) for word in "123"]
    for release in made:
        host.deploy(release)
    return made


def test_it_goes_back_step_by_step_and_says_where_to(
    host: FakeHost, releases: list[Release]
) -> None:
    first, second, third = releases
    outcome = host.roll_back("demo")
    assert (outcome.release, outcome.previous, outcome.restarted) == (second.id, third.id, True)
    host.roll_back("demo")
    expect_deployed(host, "demo", first)
    with pytest.raises(ServiceError, match=f"no release to go back to from {first.id}"):
        host.roll_back("demo")


def test_check_mode_says_the_same_and_changes_nothing(
    host: FakeHost, releases: list[Release]
) -> None:
    before = host.picture("demo")
    predicted = host.roll_back("demo", check=True)
    assert host.picture("demo") == before
    assert predicted.steps
    # What runs then is not told before.
    done = {**host.roll_back("demo").facts(), "processes": {}}
    assert done == predicted.facts()


@pytest.mark.parametrize("gone", ["unit", "link"])
def test_what_somebody_took_away_is_back_with_the_release(
    host: FakeHost, releases: list[Release], gone: str
) -> None:
    layout = host.layout("demo")
    os.unlink(layout.unit("demo.service") if gone == "unit" else layout.current)
    bad = make_release(host, "demo", Program("exits"), source="4")
    with pytest.raises(ServiceError, match=f"Release {releases[2].id} runs again"):
        host.deploy(bad)
    assert host.missing("demo", releases[2]) == []
    os.unlink(layout.unit("demo.service") if gone == "unit" else layout.current)
    host.roll_back("demo")
    expect_deployed(host, "demo", releases[1])


def test_a_oneshot_is_gone_back_to_by_running_it(host: FakeHost) -> None:
    one, two = (
        make_release(host, "demo", Program(type="oneshot", stays=False), source=word)
        for word in "12"
    )
    host.deploy(one)
    host.deploy(two)
    host.roll_back("demo")
    assert host.missing("demo", one) == []
    assert host.deploy(one)["steps"] == []


def test_a_release_is_named_by_its_id(host: FakeHost, releases: list[Release]) -> None:
    host.roll_back("demo", releases[0].id)
    expect_deployed(host, "demo", releases[0])


def test_what_somebody_stopped_stays_stopped(host: FakeHost, releases: list[Release]) -> None:
    host.systemd.control("stop", ["demo.service"])
    host.roll_back("demo")
    expect_deployed(host, "demo", releases[1], started=False)


def test_what_was_put_there_stopped_can_be_gone_back_to(host: FakeHost) -> None:
    first, second = (make_release(host, "demo", Program(), source=word) for word in "12")
    host.deploy(first, started=False)
    host.systemd.control("start", ["demo.service"])
    host.deploy(second, keep=1)
    host.roll_back("demo")
    expect_deployed(host, "demo", first)


@pytest.mark.parametrize("part", ["release", "venv"])
def test_what_is_not_whole_is_refused_and_others_are_named(
    host: FakeHost, releases: list[Release], part: str
) -> None:
    layout = host.layout("demo")
    target = releases[1]
    shutil.rmtree(layout.release(target.id) if part == "release" else layout.venv(target.venv.id))
    with pytest.raises(ServiceError) as raised:
        host.roll_back("demo")
    words = f"release {target.id} of demo is no longer complete on the host; others: "
    assert str(raised.value) == f"{words}{releases[0].id}, {releases[2].id}"
    assert host.missing("demo", releases[2]) == [] or part == "venv"


def test_what_never_was_in_place_is_refused(host: FakeHost, releases: list[Release]) -> None:
    bad = make_release(host, "demo", Program("exits"))
    with pytest.raises(ServiceError, match="was not accepted"):
        host.deploy(bad)
    with pytest.raises(ServiceError, match=f"release {bad.id} of demo was never accepted"):
        host.roll_back("demo", bad.id)


def test_units_that_a_newer_systemd_refuses_are_not_installed(
    host: FakeHost, releases: list[Release]
) -> None:
    host.systemd.verify = lambda units: (["demo.service: obsolete"], [])  # type: ignore[method-assign]
    before = host.picture("demo")
    with pytest.raises(
        ServiceError, match=r"no longer accepts the units of .*:\ndemo.service: obsolete"
    ):
        host.roll_back("demo")
    assert host.picture("demo") == before


def test_what_does_not_come_up_any_more_is_gone_back_from(
    host: FakeHost, releases: list[Release]
) -> None:
    host.systemd.sick.add(releases[1].id)
    with pytest.raises(ServiceError, match=f"Release {releases[2].id} runs again"):
        host.roll_back("demo")
    expect_deployed(host, "demo", releases[2])
    assert host.events("demo")[-1]["what"] == "rollback"
    assert host.events("demo")[-1]["result"] == "rejected"


def test_nothing_that_is_not_the_roles_is_gone_back_in(host: FakeHost) -> None:
    with pytest.raises(
        ServiceError, match="demo is not a service that this role deployed to this host"
    ):
        host.roll_back("demo")


class TestGoingBackByItself:
    """What a deploy that failed says of what runs then."""

    def error(self, host: FakeHost, release: Release) -> ServiceError:
        with pytest.raises(ServiceError) as raised:
            host.deploy(release)
        return raised.value

    def test_it_names_what_runs_again(self, host: FakeHost, releases: list[Release]) -> None:
        error = self.error(host, make_release(host, "demo", Program("exits")))
        assert str(error).endswith(f"\nRelease {releases[2].id} runs again.")
        assert error.facts["release"] == releases[2].id
        assert error.facts["previous"] == releases[1].id
        assert (error.facts["rolled_back"], error.facts["restarted"]) == (True, True)

    def test_what_was_stopped_is_back_stopped(
        self, host: FakeHost, releases: list[Release]
    ) -> None:
        host.systemd.control("stop", ["demo.service"])
        error = self.error(host, make_release(host, "demo", Program("exits")))
        assert str(error).endswith("is back, stopped as it was.")
        expect_deployed(host, "demo", releases[2], started=False)

    def test_that_the_one_before_does_not_come_up_either(
        self, host: FakeHost, releases: list[Release]
    ) -> None:
        host.systemd.sick.add(releases[2].id)
        error = self.error(host, make_release(host, "demo", Program("exits")))
        assert f"Release {releases[2].id} was put back, but does not come up either:" in str(error)
        assert not error.facts["rolled_back"]

    def test_that_none_before_is_whole(self, host: FakeHost, releases: list[Release]) -> None:
        shutil.rmtree(host.layout("demo").releases)
        host.systemd.advance(1)
        error = self.error(host, make_release(host, "demo", Program("exits")))
        assert "No release to go back to is complete on the host" in str(error)

    def test_that_there_is_no_other(self, host: FakeHost, releases: list[Release]) -> None:
        host.systemd.sick.add(releases[2].id)
        host.systemd.control("stop", ["demo.service"])
        error = self.error(host, releases[2])
        assert "There is no other release to go back to; the service is activating" in str(error)
        assert host.events("demo")[-1]["result"] == "rejected"
        assert host.counting("demo") == releases[2].id

    def test_that_nothing_was_touched(self, host: FakeHost, releases: list[Release]) -> None:
        release = make_release(host, "demo", Program(), venv_of="unbuildable")
        host.unbuildable[release.venv.id] = "pip failed:\n  no such thing"
        before = host.picture("demo")
        error = self.error(host, release)
        assert str(error) == (
            "The release of demo could not be staged: pip failed:\n  no such thing\n"
            "What runs is untouched."
        )
        assert host.picture("demo")["running"] == before["running"]
        assert host.events("demo")[-1]["result"] == "failed"


class TestDropIns:
    """What this host alone adds to a unit comes and goes with a deploy."""

    NAME = "demo.service.d/10-host.conf"

    def activate(self, host: FakeHost, release: Release, **drop_ins: str) -> list[str]:
        desired = Desired.of(release, started=True, enabled=True, keep=5)
        desired = replace(desired, drop_ins=drop_ins)
        request = Request("deploy", "me@here")
        outcome = activate(host.layout("demo"), host.machine, desired, request)
        return [str(step) for step in outcome.steps]

    def test_it_is_what_runs(self, host: FakeHost, releases: list[Release]) -> None:
        text = f"{releases[2].units['demo.service'].splitlines()[0]}\n# Service: demo\n[Service]\nNice=5\n"
        assert self.activate(host, releases[2], **{self.NAME: text})
        invocation = host.systemd.unit("demo.service").invocation
        assert invocation
        assert "Nice=5" in invocation.text.text
        assert self.activate(host, releases[2], **{self.NAME: text}) == []
        assert self.activate(host, releases[2])
        assert host.own_units("demo").keys() == {"demo.service"}
        assert host.missing("demo", releases[2]) == []


def test_a_release_that_was_damaged_is_made_anew_in_its_place(
    host: FakeHost, releases: list[Release]
) -> None:
    layout = host.layout("demo")
    shutil.rmtree(layout.app(releases[2].id))
    host.deploy(releases[2])
    expect_deployed(host, "demo", releases[2])


def test_what_cannot_be_pruned_is_a_warning(
    host: FakeHost, releases: list[Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(path: str) -> None:
        if "/releases/" in path:
            raise OSError("busy")

    release = make_release(host, "demo", Program(), source="4")
    monkeypatch.setattr(files, "remove_directory", refuses)
    facts = host.deploy(release, keep=1)
    (warning,) = facts["warnings"]
    assert warning.startswith(f"release {release.id} is in place, but old releases could not be")
    assert warning.endswith("busy")
    assert host.missing("demo", release) == []
