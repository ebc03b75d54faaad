"""Whatever people, controllers, programs and faults do to a service, in any order.

What is expected of each thing is told by how the host was just before it. By
itself it goes the same ways each time, and tells of the one that it found as it
is; HYPOTHESIS=long has it go many others, and look for the shortest.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, event, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from lab.fake import Program, fake_host, make_release
from lab.faults import NOT_REACHED, Fault, Paused, breaks, failing, fails, hangs, killed
from lab.promises import (
    deploy_neighbour,
    expect_deployed,
    expect_gone,
    expect_kept,
    expect_nothing_runs,
    expect_nothing_to_do,
    expect_untouched,
)

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import history, lock, record
from python_service.module_utils.python_service.host.releases import read_release
from python_service.module_utils.python_service.model import PARTS, Release

#: What main processes do that come up, and that do not.
GOOD, BAD = ["good", "crashes"], ["exits", "ends", "never-ready", "unhealthy"]
FURTHER = [
    Program(name="worker"),
    Program(name="web", type="notify", socket="127.0.0.1:80"),
    Program(name="web", type="notify", socket="127.0.0.1:81"),
    Program(name="job", type="oneshot", timer="daily", stays=False),
    Program(name="once", type="oneshot"),
    Program("exits", name="sorry"),
]
mains = st.builds(
    Program,
    does=st.sampled_from([*GOOD, *GOOD, *BAD]),
    type=st.sampled_from(["exec", "notify"]),
    checked=st.booleans(),
    secrets=st.sampled_from([(), ("key",), ("key", "token")]),
)
further = st.lists(st.sampled_from(FURTHER), max_size=3, unique_by=lambda program: program.name)
wishes = st.fixed_dictionaries(
    {
        "main": mains,
        "further": further,
        "source": st.sampled_from("12"),
        "venv": st.sampled_from("ab"),
        "files": st.sampled_from(["", "1", "2"]),
        "prepare": st.sampled_from([(), (), ("good",), ("good", "exits"), ("hangs",)]),
    }
)
how = st.fixed_dictionaries(
    {
        "started": st.sampled_from([True, True, True, False]),
        "enabled": st.booleans(),
        "keep": st.sampled_from([1, 2, 5]),
        "key": st.sampled_from(["1", "2", "wrong"]),
    }
)
moments = st.integers(1, 200)
#: What a deploy does first is to make the file of the lock.
UNTIL_LOCKED = 3


def asked(release: Release, how: dict[str, Any]) -> dict[str, Any]:
    """How a release is deployed, with values of its secrets."""
    values = {"key": how["key"], "token": "t"}
    rest = {name: value for name, value in how.items() if name != "key"}
    return {**rest, "secrets": {name: values[name] for name in release.secrets}}


def comes_up(release: Release, secrets: dict[str, str]) -> bool:
    """Whether all processes of a release are accepted on a host on which nothing is wrong."""
    if any(secrets.get(name) == "wrong" for name in release.secrets):
        return False
    texts = [release.units[process.unit] for process in release.processes]
    return not any(_fails(process, text) for process, text in zip(release.processes, texts))


def _fails(process: Any, text: str) -> bool:
    does = text.partition("ExecStart=")[2].splitlines()[0].split()[-1]
    return (
        does in ("exits", "ends")
        or (does == "never-ready" and "Type=notify" in text)
        or (does == "unhealthy" and process.health is not None)
    )


def is_steady(release: Release, secrets: dict[str, str]) -> bool:
    """Whether it also stays up."""
    return comes_up(release, secrets) and not any(
        "crashes" in text for text in release.units.values()
    )


class AnyOrder(RuleBasedStateMachine):
    """One service of a host on which another one runs."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.host = self._stack.enter_context(fake_host())
        self.neighbour = deploy_neighbour(self.host)
        self.known: dict[str, Release] = {}
        #: Releases that somebody has taken something from, and those that were whole a step ago.
        self.damaged: set[str] = set()
        self.there: set[str] = set()

    def teardown(self) -> None:
        self._stack.close()

    # What is there

    @property
    def layout(self) -> Any:
        return self.host.layout("demo")

    def events(self) -> tuple[history.Event, ...]:
        return history.events(self.layout)

    def lines(self) -> int:
        """How many events the history has of ends of deploys and the like."""
        beforehand = (history.STAGED, history.PREPARED)
        return sum(event["result"] not in beforehand for event in self.host.events("demo"))

    def release(self, wish: dict[str, Any]) -> Release:
        programs = [wish["main"], *wish["further"]]
        made_of = {name: wish[name] for name in ("source", "files", "prepare")}
        found = make_release(self.host, "demo", *programs, venv_of=wish["venv"], **made_of)
        return self.known.setdefault(found.id, found)

    def whole(self, name: str | None) -> Release | None:
        found = read_release(self.layout, name) if name else None
        mark = found and os.path.join(self.layout.venv(found.venv.id), "environment.json")
        return found if mark and os.path.exists(mark) else None

    def is_there(self) -> bool:
        return os.path.isdir(self.layout.releases)

    # What is asked for

    @rule(wish=wishes, how=how)
    def deploy(self, wish: dict[str, Any], how: dict[str, Any]) -> None:
        self.try_to_deploy(self.release(wish), how)

    @precondition(lambda self: bool(self.known))
    @rule(data=st.data(), how=how)
    def deploy_one_of_before(self, data: Any, how: dict[str, Any]) -> None:
        self.try_to_deploy(self.known[data.draw(st.sampled_from(sorted(self.known)))], how)

    @rule(wish=wishes, how=how)
    def stage(self, wish: dict[str, Any], how: dict[str, Any]) -> None:
        release = self.release(wish)
        before = Before(self)
        how = asked(release, how)
        good = self.can_be_prepared(release, how["secrets"])
        predicted = self.host.deploy(release, check=True, parts=PARTS[:2], **how)["steps"]
        try:
            result = self.host.deploy(release, parts=PARTS[:2], **how)
        except ServiceError as error:
            event("a release cannot be prepared")
            assert not good
            self.expect_as(before, str(error))
            return
        event("a release is staged")
        assert good
        assert result["steps"] == predicted
        assert self.host.deploy(release, parts=PARTS[:2], **how)["steps"] == []
        assert (self.lines(), self.host.own_units("demo")) == (before.lines, before.units)
        for part in ("running", "enabled"):
            assert self.host.picture("demo")[part] == before.picture[part]
        self.damaged.discard(release.id)

    @precondition(lambda self: bool(self.whole(history.staged(self.events()))))
    @rule(how=how)
    def activate(self, how: dict[str, Any]) -> None:
        release = self.known[str(history.staged(self.events()))]
        if release.prepare and not self.is_prepared(release):
            with pytest.raises(ServiceError, match="is not prepared on this host"):
                self.host.deploy(release, parts=PARTS[2:], **asked(release, how))
            return
        event("what was staged is activated")
        self.try_to_deploy(release, how, PARTS[2:])

    def is_prepared(self, release: Release) -> bool:
        done = history.prepared(self.events(), release.id)
        return {one.command for one in release.prepare} <= done

    def can_be_prepared(self, release: Release, secrets: dict[str, str]) -> bool:
        """Whether the commands succeed, or have."""
        commands = {one.command for one in release.prepare}
        good = commands <= {"good"} and "wrong" not in secrets.values()
        return good or self.is_prepared(release)

    def try_to_deploy(
        self, release: Release, how: dict[str, Any], parts: Sequence[str] = PARTS
    ) -> None:
        before = Before(self)
        how = asked(release, how)
        good = comes_up(release, how["secrets"]) or not how["started"]
        good = good and self.can_be_prepared(release, how["secrets"])
        predicted = self.host.deploy(release, check=True, parts=parts, **how)["steps"]
        try:
            result = self.host.deploy(release, parts=parts, **how)
        except ServiceError as error:
            event("a deploy fails")
            if good:
                raise
            self.expect_as(before, str(error))
            return
        event("a deploy succeeds")
        assert good
        assert self.is_prepared(release)
        assert result["steps"] == predicted
        if before.counting != release.id:
            assert self.lines() == before.lines + 1
        self.damaged.discard(release.id)
        self.expect_settled(release, **how)

    @rule(data=st.data())
    def go_back(self, data: Any) -> None:
        before = Before(self)
        named = data.draw(st.sampled_from([None, *sorted(self.known)]))
        target = named or history.previous(self.events(), before.counting)
        found = self.whole(target)
        started, ran = before.main != "inactive", [*self.host.systemd.ran]
        if found is None or target not in history.placed(self.events()):
            with pytest.raises(ServiceError):
                self.host.roll_back("demo", named)
            assert self.lines() == before.lines
            assert self.host.picture("demo") == before.picture
            return
        try:
            self.host.roll_back("demo", named)
        except ServiceError as error:
            event("a rollback fails")
            if comes_up(found, before.secrets) or not started:
                raise
            self.expect_as(before, str(error))
            return
        event("a rollback succeeds")
        assert self.host.systemd.ran == ran
        assert comes_up(found, before.secrets) or not started
        if is_steady(found, before.secrets) or not started:
            # A service whose units are gone is taken for one that starts at boot.
            enabled = bool(before.picture["enabled"]) or not before.units
            expect_deployed(self.host, "demo", found, started=started, enabled=enabled)
        self.damaged.discard(found.id)

    @rule(data=st.booleans())
    def remove(self, data: bool) -> None:
        noted = os.path.exists(self.layout.record)
        self.host.remove("demo", data=data)
        self.damaged.clear()
        if noted and (os.path.exists(self.layout.record) or data):
            expect_gone(self.host, "demo", data=data)
        expect_nothing_runs(self.host, "demo")
        assert self.host.remove("demo", data=data) == []

    # What goes wrong with it

    @rule(wish=wishes, how=how, moment=moments)
    def a_deploy_is_killed(self, wish: dict[str, Any], how: dict[str, Any], moment: int) -> None:
        release = self.release(wish)
        how = asked(release, how)
        if killed(self.host, lambda: self.host.deploy(release, **how), moment):
            event("a deploy is killed")

    @precondition(lambda self: self.is_there())
    @rule(moment=moments)
    def a_rollback_is_killed(self, moment: int) -> None:
        killed(self.host, lambda: self.host.roll_back("demo"), moment)

    @precondition(lambda self: self.is_there())
    @rule(moment=moments, data=st.booleans())
    def a_removal_is_killed(self, moment: int, data: bool) -> None:
        if killed(self.host, lambda: self.host.remove("demo", data=data), moment):
            # What was on its way out is not promised to be whole.
            self.damaged.update(self.known)

    @rule(wish=wishes, how=how, moment=moments, fault=st.sampled_from([fails, breaks, hangs]))
    def a_deploy_meets_an_error(
        self, wish: dict[str, Any], how: dict[str, Any], moment: int, fault: Fault
    ) -> None:
        before = Before(self)
        release = self.release(wish)
        how = asked(release, how)
        ended = failing(self.host, lambda: self.host.deploy(release, **how), moment, fault)
        if ended is not None and ended is not NOT_REACHED:
            event("a deploy meets an error")
            self.expect_as(before, str(ended), noted=False)

    @rule(wishes=st.tuples(wishes, wishes), how=how, moment=moments)
    def two_deploy_at_once(
        self, wishes: tuple[dict[str, Any], dict[str, Any]], how: dict[str, Any], moment: int
    ) -> None:
        one, other = (self.release(wish) for wish in wishes)
        self.host.archive(one)
        record.claim(self.layout, [])  # or a rollback finds no service before it finds the lock
        with Paused(
            self.host,
            lambda: self.host.deploy(one, by="eve@there", **asked(one, how)),
            moment + UNTIL_LOCKED,
        ) as first:
            if not first.waits:
                return
            event("two deploy at once")
            before = self.host.files("demo")
            for attempt in (
                lambda: self.host.deploy(other, **asked(other, how)),
                lambda: self.host.roll_back("demo"),
                lambda: self.host.remove("demo"),
            ):
                with pytest.raises(ServiceError, match="is being changed by eve@there, since"):
                    attempt()
            assert self.host.files("demo") == before

    # What somebody does by hand, and what happens by itself

    @precondition(lambda self: bool(self.host.own_units("demo")))
    @rule(data=st.data(), verb=st.sampled_from(["start", "stop", "restart", "enable", "disable"]))
    def by_hand(self, data: Any, verb: str) -> None:
        units = [name for name in sorted(self.host.own_units("demo")) if "/" not in name]
        try:
            self.host.systemd.control(verb, [data.draw(st.sampled_from(units))])
        except ServiceError:
            event("systemd refuses what is done by hand")

    @precondition(lambda self: bool(self.host.own_units("demo")))
    @rule(data=st.data(), reload=st.booleans())
    def edit(self, data: Any, reload: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.host.own_units("demo"))))
        with open(self.layout.unit(name), "a") as file:
            file.write("[Unit]\nDescription=mine\n")
        if reload:
            self.host.systemd.control("daemon-reload")

    @precondition(lambda self: os.path.islink(self.layout.current))
    @rule()
    def remove_current(self) -> None:
        os.unlink(self.layout.current)

    @precondition(lambda self: self.is_there() and bool(os.listdir(self.layout.releases)))
    @rule(data=st.data(), part=st.sampled_from(["release.json", "app", "etc", "units", "venv"]))
    def damage(self, data: Any, part: str) -> None:
        name = data.draw(st.sampled_from(sorted(os.listdir(self.layout.releases))))
        path = os.path.join(self.layout.release(name), part)
        found = read_release(self.layout, name)
        if part == "venv":
            if found is None or not os.path.isdir(self.layout.venv(found.venv.id)):
                return
            path = self.layout.venv(found.venv.id)
            self.damaged |= {one.id for one in self.known.values() if one.venv == found.venv}
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)
        self.damaged.add(name)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.host.systemd.advance(seconds)

    @rule()
    def the_host_boots(self) -> None:
        self.host.reboot()
        self.neighbour = self.host.picture("demo-neighbour")

    @rule()
    def somebody_connects(self) -> None:
        self.host.systemd.connect("demo-web.socket")

    @rule()
    def the_time_of_the_job_comes(self) -> None:
        self.host.systemd.elapse("demo-job.timer")

    @precondition(lambda self: self.is_there() and self.host.accounts.exists("user", "demo"))
    @rule()
    def data_are_written(self) -> None:
        self.host.write_data("demo")

    # What holds always, and after what failed

    @invariant()
    def the_other_service_is_as_it_was(self) -> None:
        expect_untouched(self.host, self.neighbour)

    @invariant()
    def what_is_needed_is_kept(self) -> None:
        # A release may be needed again after it went: the way back is another after each step.
        gone = {name for name in self.known if name not in self.there}
        expect_kept(self.host, "demo", but=self.damaged | gone)
        self.there = {name for name in self.known if self.whole(name)}

    @invariant()
    def nobody_is_locked_out(self) -> None:
        assert lock.refusal(self.layout) is None

    def expect_settled(
        self,
        release: Release,
        *,
        started: bool,
        enabled: bool,
        keep: int,
        secrets: dict[str, str],
    ) -> None:
        assert secrets.items() <= self.host.secrets("demo").items()
        if started and not is_steady(release, secrets):
            assert self.host.own_units("demo") == self.host.units_of(release)
            assert self.host.counting("demo") == release.id
            return
        expect_deployed(self.host, "demo", release, started=started, enabled=enabled)
        expect_nothing_to_do(
            self.host, release, started=started, enabled=enabled, keep=keep, secrets=secrets
        )

    def expect_as(self, before: Before, words: str, *, noted: bool = True) -> None:
        """After what ended with these words, what served before serves, or they say that it does not."""
        assert not noted or self.lines() == before.lines + 1
        assert self.host.counting("demo") == before.counting
        if "hat runs is untouched" in words:
            assert self.host.picture("demo")["running"] == before.picture["running"]
            return
        if any(confession in words for confession in CONFESSIONS):
            return
        if before.counting is None:
            # A deploy that was cut off when it had all but ended may have left what counts next.
            if not before.picture["running"] and not before.linked:
                expect_nothing_runs(self.host, "demo")
        elif before.good and is_steady(before.good, before.secrets) and before.served:
            assert self.host.missing("demo", before.good) == []


CONFESSIONS = (
    "does not come up either",
    "There is no other release to go back to",
    "No release to go back to is complete",
)


class Before:
    """How a service was before something was done to it."""

    def __init__(self, machine: AnyOrder) -> None:
        host = machine.host
        self.picture = host.picture("demo")
        self.units = host.own_units("demo")
        self.lines = machine.lines()
        self.counting = host.counting("demo")
        self.linked = os.path.lexists(host.layout("demo").current)
        self.main = host.systemd.unit("demo.service").state
        #: Those that the service is known to work with.
        self.secrets = {**host.secrets("demo"), **host.old_secrets("demo")}
        #: The release that counts, if it is whole.
        self.good = machine.whole(self.counting)
        #: Whether it served, all of it.
        self.served = self.good is not None and host.missing("demo", self.good) == []


PROFILES = {
    "": settings(
        max_examples=60, stateful_step_count=20, derandomize=True, phases=[Phase.generate]
    ),
    "long": settings(max_examples=5000, stateful_step_count=40),
}
AnyOrder.TestCase.settings = settings(
    PROFILES[os.environ.get("HYPOTHESIS", "")],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestAnyOrder = AnyOrder.TestCase
