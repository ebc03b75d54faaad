"""The history of a service: what one goes back to, and what may be removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from module_utils import python_service_history as history
from module_utils.python_service_host import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(str(tmp_path), "demo")
    (tmp_path / "demo").mkdir()
    return found


def happened(layout: Layout, *events: str) -> None:
    """Each event is ``deploy:A``, ``rollback:A``, ``rejected:A`` or ``stopped:A``."""
    for event in events:
        kind, _, release = event.partition(":")
        what = "rollback" if kind == "rollback" else "deploy"
        result = kind if kind in ("rejected", "stopped") else "accepted"
        history.append(layout, what=what, to=release, result=result, by="me@here")
        if result != "rejected":
            current = Path(layout.current)
            current.unlink(missing_ok=True)
            current.symlink_to(f"releases/{release}")


def present(layout: Layout, **environments: str) -> None:
    """Releases on the disk, each with its environment."""
    for release, environment in environments.items():
        directory = Path(layout.release(release))
        directory.mkdir(parents=True)
        (directory / "release.json").write_text(json.dumps({"environment": environment}))
        Path(layout.environment(environment)).mkdir(parents=True, exist_ok=True)


@pytest.mark.parametrize(
    ("events", "previous"),
    [
        (["deploy:A"], None),
        (["deploy:A", "deploy:B"], "A"),
        (["deploy:A", "deploy:B", "deploy:C"], "B"),
        (["deploy:A", "rejected:B"], None),
        (["deploy:A", "deploy:B", "rejected:C"], "A"),
        (["deploy:A", "deploy:B", "rollback:A"], None),
        (["deploy:A", "deploy:B", "deploy:C", "rollback:B"], "A"),
        (["deploy:A", "deploy:B", "rollback:A", "deploy:D"], "A"),
        (["deploy:A", "deploy:B", "deploy:A"], "B"),
        (["deploy:A", "deploy:B", "deploy:A", "rollback:B"], "A"),
        (["deploy:A", "deploy:B", "deploy:C", "rollback:A", "rollback:C"], "A"),
    ],
    ids=str,
)
def test_one_goes_back_to_what_was_accepted_before(
    layout: Layout, events: list[str], previous: str | None
) -> None:
    happened(layout, *events)
    assert history.previous(layout) == previous


def test_a_line_that_was_cut_off_does_not_count(layout: Layout) -> None:
    happened(layout, "deploy:A", "deploy:B")
    with Path(layout.history).open("a") as file:
        file.write('{"what": "deploy", "to": "C", "resu')
    assert history.previous(layout) == "A"


def pruned(layout: Layout, keep: int, *also: str) -> set[str]:
    before = history.prune(layout, keep, also, check=True)
    assert history.prune(layout, keep, also, check=False) == before
    return {Path(path).name for path in before}


def test_what_was_accepted_last_stays(layout: Layout) -> None:
    present(layout, A="e1", B="e1", C="e2", D="e2")
    happened(layout, "deploy:A", "deploy:B", "deploy:C", "deploy:D")
    assert pruned(layout, 3) == {"A"}
    assert pruned(layout, 1) == {"B", "e1"}
    assert pruned(layout, 1) == set()


def test_the_current_one_and_the_one_before_stay_whatever_is_kept(layout: Layout) -> None:
    present(layout, A="e1", B="e1", C="e1")
    happened(layout, "deploy:A", "deploy:B", "deploy:C", "rollback:B")
    assert pruned(layout, 1) == {"C"}


def test_what_was_rejected_goes_and_what_is_wanted_stays(layout: Layout) -> None:
    present(layout, A="e1", B="e2", C="e3")
    happened(layout, "deploy:A", "rejected:B", "rejected:C")
    assert pruned(layout, 5, "C") == {"B", "e2"}


def test_environments_stay_when_a_release_does_not_say_what_it_needs(layout: Layout) -> None:
    present(layout, A="e1", B="e2")
    happened(layout, "deploy:A", "deploy:B")
    Path(layout.release_mark("B")).unlink()
    Path(layout.environment("e9")).mkdir()
    assert pruned(layout, 5) == set()
