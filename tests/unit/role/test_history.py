"""What happened to a service: what is read of it, and what one goes back to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from unittest import mock

import pytest

from python_service.module_utils.python_service.host import history
from python_service.module_utils.python_service.host.history import Event
from python_service.module_utils.python_service.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout("/opt", "demo", str(tmp_path))
    Path(found.base).mkdir(parents=True)
    return found


def happened(layout: Layout, *events: str) -> None:
    """Each event is ``deploy:A``, ``rollback:A``, ``rejected:A``, ``stopped:A``, or ``removed``."""
    for event in events:
        kind, _, release = event.partition(":")
        what = {"rollback": "rollback", "removed": "remove"}.get(kind, "deploy")
        result = kind if kind in ("rejected", "stopped", "failed", "removed") else "accepted"
        history.append(layout, Event(what, None, release or None, result, "me@here"))


def previous(layout: Layout) -> str | None:
    events = history.events(layout)
    last = history.in_place(events)
    return history.previous(events, last.after if last else None)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], None),
        (["deploy:A"], None),
        (["deploy:A", "deploy:B"], "A"),
        (["deploy:A", "deploy:B", "deploy:C"], "B"),
        (["deploy:A", "rejected:B"], None),
        (["deploy:A", "failed:B"], None),
        (["deploy:A", "deploy:B", "rejected:C"], "A"),
        (["deploy:A", "stopped:B", "deploy:C"], "B"),
        (["stopped:A", "deploy:A", "deploy:B"], "A"),
        (["deploy:A", "deploy:B", "rollback:A"], None),
        (["deploy:A", "deploy:B", "deploy:C", "rollback:B"], "A"),
        (["deploy:A", "deploy:B", "rollback:A", "deploy:D"], "A"),
        (["deploy:A", "deploy:B", "deploy:A"], "B"),
        (["deploy:A", "deploy:B", "deploy:A", "rollback:B"], "A"),
        (["deploy:A", "deploy:B", "deploy:C", "rollback:A", "rollback:C"], "A"),
        (["deploy:A", "deploy:B", "removed", "deploy:C"], None),
        (["deploy:A", "removed", "deploy:B", "deploy:C"], "B"),
    ],
    ids=str,
)
def test_one_goes_back_to_what_was_in_place_before(
    layout: Layout, events: list[str], expected: str | None
) -> None:
    happened(layout, *events)
    assert previous(layout) == expected


def test_a_line_that_was_cut_off_does_not_count_and_takes_none_with_it(layout: Layout) -> None:
    happened(layout, "deploy:A", "deploy:B")
    with open(layout.history, "a") as file:
        file.write('{"what": "deploy", "to": "C", "resu')
    assert previous(layout) == "A"
    happened(layout, "deploy:D")
    assert previous(layout) == "B"


@pytest.mark.parametrize(
    "line",
    ["", "null", "[]", "3", '"x"', "{}", '{"what": "deploy"}', '{"result": "accepted"}', "\x00"],
)
def test_a_line_that_is_no_event_does_not_count(layout: Layout, line: str) -> None:
    happened(layout, "deploy:A", "deploy:B")
    with open(layout.history, "a") as file:
        file.write(f"{line}\n")
    assert previous(layout) == "A"


def test_bytes_that_are_no_text_do_not_count(layout: Layout) -> None:
    happened(layout, "deploy:A", "deploy:B")
    with open(layout.history, "ab") as file:
        file.write(b"\xff\xfe\n")
    assert previous(layout) == "A"


def test_a_line_says_what_became_of_what_by_whom_and_why(layout: Layout) -> None:
    history.append(layout, Event("deploy", "A", "B", "rejected", "me@here", "it said \x1b[2J"))
    (line,) = Path(layout.history).read_text().splitlines()
    fields = json.loads(line)
    assert fields.pop("when").endswith("+00:00")
    assert fields == {
        "what": "deploy",
        "from": "A",
        "to": "B",
        "result": "rejected",
        "by": "me@here",
        "reason": "it said \\x1b[2J",
    }


def test_what_is_not_sure_to_be_on_the_disk_did_not_happen(layout: Layout) -> None:
    happened(layout, "deploy:A")
    full = OSError("disk is full")
    with mock.patch.object(os, "fsync", side_effect=full), pytest.raises(OSError, match="full"):
        happened(layout, "deploy:B")
    assert [event.after for event in history.events(layout)] == ["A"]


def test_releases_that_were_in_place_are_listed_once(layout: Layout) -> None:
    happened(layout, "deploy:A", "stopped:B", "rejected:C", "deploy:A")
    assert history.placed(history.events(layout)) == ["B", "A"]


def told_of(*told: tuple[str, str]) -> tuple[Event, ...]:
    return tuple(Event("deploy", None, release, result, "me@here") for result, release in told)


@pytest.mark.parametrize(
    ("told", "release"),
    [
        ((), None),
        ((("staged", "a"),), "a"),
        ((("staged", "a"), ("accepted", "b"), ("failed", "a")), "a"),
        ((("staged", "a"), ("accepted", "a")), None),
        ((("staged", "a"), ("stopped", "a")), None),
        ((("staged", "a"), ("rejected", "a")), None),
        ((("accepted", "a"), ("staged", "a")), "a"),
        ((("staged", "a"), ("staged", "b")), "b"),
        ((("staged", "a"), ("staged", "b"), ("accepted", "b")), None),
    ],
)
def test_what_is_staged_waits_until_it_is_activated_or_another_is_staged(
    told: tuple[tuple[str, str], ...], release: str | None
) -> None:
    assert history.staged(told_of(*told)) == release


def test_what_was_prepared_is_of_a_release_and_puts_nothing_in_place(layout: Layout) -> None:
    prepared = Event("deploy", None, "a", history.PREPARED, "me@here", command="migrate")
    history.append(layout, prepared)
    (read,) = history.events(layout)
    assert read == prepared
    assert history.prepared((read,), "a") == {"migrate"}
    assert history.prepared((read,), "b") == set()
    assert (history.in_place((read,)), history.placed((read,))) == (None, [])
