"""Each change of a host, killed at each thing that it does, and failing at each.

What is promised then is checked by the same words everywhere: see `Change.check_…`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from lab.fake import FakeHost, Program, fake_host, make_release
from lab.faults import NOT_REACHED, Fault, Paused, breaks, failing, fails, hangs, killed
from lab.promises import (
    NEIGHBOUR,
    deploy_neighbour,
    expect_deployed,
    expect_gone,
    expect_kept,
    expect_nothing_runs,
    expect_nothing_to_do,
    expect_untouched,
)

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host.decide import startable
from python_service.module_utils.python_service.model import Release, anonymous

MAIN = Program()
WORKER = Program(name="worker")
CHECKED = Program(name="checked", checked=True)
WEB = Program(name="web", type="notify", socket="127.0.0.1:80")
WEB_ELSEWHERE = Program(name="web", type="notify", socket="127.0.0.1:81")
JOB = Program(name="job", type="oneshot", timer="daily", stays=False)
ONCE = Program(name="once", type="oneshot")
BAD = Program("exits")
SICK = Program("unhealthy", checked=True)

#: Words of an error by which it says that what was there before does not serve.
CONFESSIONS = ("does not come up either", "There is no other release to go back to")


@dataclass(frozen=True)
class Deploy:
    """A release that is deployed: its programs, its source and venv, and how."""

    programs: tuple[Program, ...]
    source: str = "1"
    venv: str = "a"
    started: bool = True
    enabled: bool = True
    keep: int = 5
    secrets: tuple[tuple[str, str], ...] = ()
    files: str = ""
    prepare: tuple[str, ...] = ()

    def release(self, host: FakeHost) -> Release:
        made_of: dict[str, Any] = {
            "source": self.source,
            "venv_of": self.venv,
            "files": self.files,
            "prepare": self.prepare,
        }
        return make_release(host, "demo", *self.programs, **made_of)

    def __call__(self, host: FakeHost) -> Any:
        return host.deploy(self.release(host), **self.how)

    @property
    def how(self) -> dict[str, Any]:
        return {
            "started": self.started,
            "enabled": self.enabled,
            "keep": self.keep,
            "secrets": dict(self.secrets),
        }


@dataclass(frozen=True)
class Change:
    """What was done before, what is done, and what is to serve in the end; None is nothing.

    ``fails`` says that it ends with what served before, ``pauses`` are the
    processes that have to stop for a while, and ``smooth`` says that somebody
    serves on each socket all the while.
    """

    name: str
    before: tuple[Callable[[FakeHost], Any], ...]
    act: Callable[[FakeHost], Any]
    after: Deploy | None
    fails: bool = False
    pauses: tuple[str, ...] = ()
    smooth: bool = False

    @property
    def served(self) -> bool:
        """Whether all of what was deployed before it serves."""
        return close not in self.before

    @property
    def destroys(self) -> bool:
        """Whether something is not there before it, or is not to be there after it."""
        return damage in self.before or self.act in (remove, remove_with_data)

    @property
    def old(self) -> Deploy | None:
        deploys = [step for step in self.before if isinstance(step, Deploy)]
        return deploys[-1] if deploys else None


def damage(host: FakeHost) -> None:
    """Somebody removes the mark of a venv, as a full disk does while it is built anew."""
    shutil.rmtree(host.layout("demo").venvs)


def edit(host: FakeHost) -> None:
    with open(host.layout("demo").unit("demo.service"), "a") as file:
        file.write("[Service]\nNice=5\n")


def close(host: FakeHost) -> None:
    host.systemd.control("stop", ["demo-web.socket"])


def roll_back(host: FakeHost) -> Any:
    return host.roll_back("demo")


def back_to_next(host: FakeHost) -> Any:
    return host.roll_back("demo", NEXT.release(host).id, keep=1)


def remove(host: FakeHost) -> Any:
    return host.remove("demo")


def remove_with_data(host: FakeHost) -> Any:
    return host.remove("demo", data=True)


def write_data(host: FakeHost) -> None:
    host.write_data("demo")


ONE = Deploy((MAIN, WORKER, WEB, ONCE))
TWO = Deploy((MAIN, CHECKED, WEB_ELSEWHERE, JOB), source="2", venv="b")
SMALL = Deploy((MAIN,))
NEXT = Deploy((MAIN,), source="2")
THIRD = Deploy((MAIN,), source="3", venv="b", keep=1)
FOURTH = Deploy((MAIN,), source="4")
FIFTH = Deploy((MAIN,), source="5")
CONFIGURED = Deploy((MAIN, WORKER), files="1")
KEYED = Deploy((Program(secrets=("key", "token")), WORKER), secrets=(("key", "1"), ("token", "t")))
TURNED = replace(KEYED, secrets=(("key", "2"), ("token", "t")))
MISTYPED = replace(KEYED, secrets=(("key", "wrong"), ("token", "t")))
SERVING = Deploy((MAIN, WEB))
BAD_WEB = replace(WEB, does="exits")
MIGRATED = Deploy((MAIN,), source="2", prepare=("good",))
STUCK = Deploy((MAIN,), source="2", prepare=("good", "hangs"))

CHANGES = [
    Change("the first deploy", (), SMALL, SMALL),
    Change("the first deploy of a set", (), ONE, ONE),
    Change("an upgrade", (SMALL,), NEXT, NEXT),
    Change(
        "another set of processes",
        (ONE,),
        TWO,
        TWO,
        pauses=("demo-web.service", "demo-web.socket"),
    ),
    Change(
        "another address",
        (Deploy((MAIN, WEB)),),
        (_ := Deploy((MAIN, WEB_ELSEWHERE))),
        _,
        pauses=("demo-web.service", "demo-web.socket"),
    ),
    Change(
        "a socket that somebody closed",
        (Deploy((MAIN, WEB)), close),
        (_ := Deploy((MAIN, WEB))),
        _,
        pauses=("demo-web.service", "demo-web.socket"),
    ),
    Change("an upgrade that prunes", (SMALL, NEXT), THIRD, THIRD),
    Change("a new health check", (SMALL,), (_ := Deploy((Program(checked=True),))), _),
    Change(
        "a new health check after another",
        (SMALL, Deploy((Program(checked=True),))),
        (_ := Deploy((Program(checked=True, settle=1.0),), keep=1)),
        _,
    ),
    Change("a bad first deploy", (), Deploy((BAD, JOB, WEB)), None, fails=True),
    Change("a bad upgrade", (ONE,), Deploy((BAD, JOB), source="2"), ONE, fails=True),
    Change("an unhealthy upgrade", (SMALL,), Deploy((SICK,), venv="b"), SMALL, fails=True),
    Change(
        "a bad upgrade that listens elsewhere",
        (ONE,),
        Deploy((BAD, WORKER, WEB_ELSEWHERE, ONCE)),
        ONE,
        fails=True,
        pauses=("demo-web.service", "demo-web.socket"),
    ),
    Change(
        "an upgrade behind a socket",
        (SERVING,),
        (_ := replace(SERVING, source="2")),
        _,
        smooth=True,
    ),
    Change(
        "a bad upgrade behind a socket",
        (SERVING,),
        Deploy((MAIN, BAD_WEB), source="2"),
        SERVING,
        fails=True,
        smooth=True,
    ),
    Change(
        "a bad upgrade beside a socket",
        (SERVING,),
        Deploy((BAD, WEB), source="2"),
        SERVING,
        fails=True,
        smooth=True,
    ),
    Change(
        "a rollback behind a socket",
        (SERVING, replace(SERVING, source="2")),
        roll_back,
        SERVING,
        smooth=True,
    ),
    Change("a rollback", (SMALL, NEXT), roll_back, SMALL),
    Change("a rollback over several", (SMALL, NEXT, FOURTH, FIFTH), back_to_next, NEXT),
    Change("a damaged venv", (SMALL, damage), SMALL, SMALL),
    Change("a unit edited by hand", (SMALL, edit), SMALL, SMALL),
    Change("other files", (CONFIGURED,), (_ := replace(CONFIGURED, files="2")), _),
    Change(
        "a bad upgrade with other files",
        (CONFIGURED,),
        Deploy((BAD, WORKER), files="2"),
        CONFIGURED,
        fails=True,
    ),
    Change("a changed secret", (KEYED,), TURNED, TURNED),
    Change("a changed secret that is wrong", (KEYED,), MISTYPED, KEYED, fails=True),
    Change(
        "an upgrade with a wrong secret", (KEYED,), replace(MISTYPED, source="2"), KEYED, fails=True
    ),
    Change("a first deploy with a wrong secret", (), MISTYPED, None, fails=True),
    Change("a release without secrets", (KEYED,), SMALL, SMALL),
    Change("a rollback with secrets", (KEYED, replace(TURNED, source="2")), roll_back, TURNED),
    Change("a first deploy that is prepared", (), MIGRATED, MIGRATED),
    Change("an upgrade that is prepared", (SMALL,), MIGRATED, MIGRATED),
    Change("an upgrade that is prepared in vain", (SMALL,), STUCK, SMALL, fails=True),
    Change(
        "an upgrade that is prepared with a wrong secret",
        (KEYED,),
        replace(MISTYPED, source="2", prepare=("good",)),
        KEYED,
        fails=True,
    ),
    Change("a rollback to what was prepared", (MIGRATED, FOURTH), roll_back, MIGRATED),
    Change("a stop", (ONE,), (_ := Deploy(ONE.programs, started=False)), _),
    Change("a release put there stopped", (SMALL,), (_ := Deploy((MAIN,), "2", started=False)), _),
    Change("no start at boot", (ONE,), (_ := Deploy(ONE.programs, enabled=False)), _),
    Change("a removal", (ONE, write_data), remove, None),
    Change("a removal with its data", (ONE, write_data), remove_with_data, None),
]
each = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)


@contextmanager
def host_before(change: Change) -> Iterator[tuple[FakeHost, dict[str, Any]]]:
    """A host on which that was done which comes before a change, and how its neighbour is."""
    with fake_host() as host:
        neighbour = deploy_neighbour(host)
        for step in change.before:
            step(host)
        del host.systemd.stalled[:]
        yield host, neighbour
        assert not (change.smooth and host.systemd.stalled)


def expect_done(host: FakeHost, change: Change) -> None:
    """The host is as it should be after a change; what failed has left it as it was."""
    if change.act in (remove, remove_with_data):
        expect_gone(host, "demo", data=change.act is remove_with_data)
    elif change.after is None:
        expect_nothing_runs(host, "demo")
    else:
        deploy = change.after
        release = deploy.release(host)
        expect_deployed(host, "demo", release, started=deploy.started, enabled=deploy.enabled)
        assert dict(deploy.secrets).items() <= host.secrets("demo").items()
        expect_kept(host, "demo")
        if not change.fails:
            expect_nothing_to_do(host, release, **deploy.how)


def do(host: FakeHost, change: Change) -> None:
    """Make the change, which ends as it should."""
    if not change.fails:
        change.act(host)
        return
    with pytest.raises(ServiceError, match=r"was not accepted|could not be prepared"):
        change.act(host)


def expect_service(host: FakeHost, change: Change) -> None:
    """What runs before and after a change runs at any moment between: the old or the new."""
    wanted = change.act if isinstance(change.act, Deploy) else change.after
    if not (change.old and wanted and wanted.started):
        return
    old, new = change.old.release(host), wanted.release(host)
    running = host.systemd.running()
    for unit in {unit for release in (old, new) for unit in startable(release)}:
        if unit in set(startable(old)) & set(startable(new)) - set(change.pauses):
            assert unit in running
        if unit in running:
            invocation = running[unit].invocation
            assert invocation
            text = invocation.text.text
            texts = [release.units.get(unit, "") for release in (old, new)]
            if not unit.startswith("demo.") or edit not in change.before:
                assert anonymous(text) in [anonymous(text) for text in texts]


@each
def test_a_change_ends_as_it_should(change: Change) -> None:
    with host_before(change) as (host, neighbour):
        do(host, change)
        expect_done(host, change)
        expect_untouched(host, neighbour)


@each
def test_whoever_is_killed_is_finished_by_the_next(change: Change) -> None:
    number = 1
    while not one_kill(change, number):
        number += 1
    assert number > 2


@pytest.mark.parametrize("change", CHANGES[::3], ids=lambda change: change.name)
def test_or_by_the_next_after_the_host_has_booted(change: Change) -> None:
    number = 1
    while not one_kill(change, number, reboots=True):
        number += 1
    assert number > 2


def one_kill(change: Change, number: int, *, reboots: bool = False) -> bool:
    with host_before(change) as (host, neighbour):
        enabled = host.enabled_units("demo")
        if not killed(host, lambda: change.act(host), number):
            return True
        expect_untouched(host, neighbour)
        expect_service(host, change)
        if change.fails:  # and so never was proven
            assert host.enabled_units("demo") <= enabled
        if not change.destroys:
            expect_kept(host, "demo")
        if reboots:
            host.reboot()
        before = host.picture(NEIGHBOUR)
        again(host, change)
        expect_untouched(host, before)
    return False


def again(host: FakeHost, change: Change) -> None:
    after = change.after
    if change.act in (roll_back, back_to_next) and after:
        if host.counting("demo") == after.release(host).id:
            # It had come to its end, and once more would go further back.
            after(host)
        else:
            change.act(host)
    else:
        do(host, change)
    expect_done(host, change)


def test_who_comes_second_is_refused_until_the_first_has_ended() -> None:
    """From the first step to the last: nobody prunes what another has staged, nor restarts it."""
    change = Change("an upgrade that prunes", (SMALL, NEXT), THIRD, THIRD)
    number = 4  # the file of the lock is made by then
    while one_meeting(change, number):
        number += 1
    assert number > 40


def one_meeting(change: Change, number: int) -> bool:
    with host_before(change) as (host, _), Paused(host, lambda: change.act(host), number) as first:
        if not first.waits:
            return False
        before = host.files("demo")
        for meet in (FOURTH, roll_back, remove):
            with pytest.raises(ServiceError, match="is being changed by me@here, since"):
                meet(host)
        assert host.files("demo") == before
        return True


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        *((change, fails) for change in CHANGES),
        # What differs between them is met in these many times over.
        *((change, breaks) for change in CHANGES[::2]),
        *((change, hangs) for change in CHANGES[1::2]),
    ],
    ids=lambda value: value.__name__ if callable(value) else value.name,
)
def test_what_fails_leaves_what_served_before(change: Change, fault: Fault) -> None:
    number = 1
    while not one_failure(change, number, fault):
        # Those between are moments at which somebody was killed above.
        number += 2
    assert number > 2


def one_failure(change: Change, number: int, fault: Fault) -> bool:
    with host_before(change) as (host, neighbour):
        before, units = host.picture("demo"), host.own_units("demo")
        counting = host.counting("demo")
        ended = failing(host, lambda: change.act(host), number, fault)
        if ended is NOT_REACHED:
            return True
        expect_untouched(host, neighbour)
        if ended and not change.fails:
            assert "injected at" in str(ended)
        if not change.destroys:
            expect_kept(host, "demo")
        if change.act not in (remove, remove_with_data) and ended and not confesses(ended):
            after = host.picture("demo")
            assert host.counting("demo") == counting
            assert host.own_units("demo") == units
            assert after["enabled"] == before["enabled"]
            assert after["running"].keys() == before["running"].keys()
            if change.old and change.old.started and not change.destroys and change.served:
                assert host.missing("demo", change.old.release(host)) == []
        again(host, change)
        expect_untouched(host, neighbour)
    return False


def confesses(error: BaseException) -> bool:
    """Whether an error says that what was there before does not serve again."""
    return any(words in str(error) for words in CONFESSIONS)
