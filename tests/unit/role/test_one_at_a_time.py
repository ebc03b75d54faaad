"""One run at a time: who is refused, by whose name, and who takes nothing by looking."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import lock
from python_service.module_utils.python_service.host.lock import locked, refusal
from python_service.module_utils.python_service.layout import Layout

HOLD = """
import sys
from python_service.module_utils.python_service.host.lock import locked
from python_service.module_utils.python_service.layout import Layout
with locked(Layout("/opt", "demo", sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""
LOOK = """
import sys
from python_service.module_utils.python_service.host.lock import refusal
from python_service.module_utils.python_service.layout import Layout
layout = Layout("/opt", "demo", sys.argv[1])
print("looks", flush=True)
while True:
    refusal(layout)
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout("/opt", "demo", str(tmp_path))


class Other:
    """Another process of this host, that holds the lock or looks at it."""

    def __init__(self, layout: Layout, program: str, by: str = "eve@there") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, layout.host, by],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stdout.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def record(layout: Layout) -> Path:
    return Path(layout.runtime, "demo.lock")


def test_who_comes_second_is_refused_with_the_name_of_who_holds_it(layout: Layout) -> None:
    with Other(layout, HOLD):
        with pytest.raises(ServiceError, match="demo is being changed by eve@there, since 20"):
            locked(layout, "me@here").__enter__()
        assert "eve@there" in (refusal(layout) or "")


def test_nothing_is_refused_where_nobody_ever_held_it(layout: Layout) -> None:
    assert refusal(layout) is None


def test_nobody_is_refused_after_it_was_given_back(layout: Layout) -> None:
    with locked(layout, "eve@there"):
        pass
    assert refusal(layout) is None
    with locked(layout, "me@here"):
        pass


def test_it_is_given_back_by_what_fails(layout: Layout) -> None:
    with pytest.raises(ZeroDivisionError), locked(layout, "eve@there"):
        raise ZeroDivisionError
    assert refusal(layout) is None


def test_who_was_killed_holds_nothing(layout: Layout) -> None:
    with Other(layout, HOLD) as other:
        other.process.send_signal(signal.SIGKILL)
        other.process.wait()
        assert refusal(layout) is None
        with locked(layout, "me@here"):
            pass


def test_who_only_looks_keeps_nobody_from_anything(layout: Layout) -> None:
    with locked(layout, "me@here"):
        pass  # so that there is something to look at
    with Other(layout, LOOK):
        for _ in range(2000):
            with locked(layout, "me@here"):
                pass


def test_the_refusal_names_who_holds_it_and_not_who_held_it_before(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between taking the lock and writing a name there is a moment; who was killed left another."""
    with Other(layout, HOLD, "ghost@there") as ghost:
        left = record(layout).read_text()
        ghost.process.send_signal(signal.SIGKILL)
        ghost.process.wait()
    with Other(layout, HOLD, "eve@there"):
        introduced = record(layout).read_text()
        record(layout).write_text(left)

        def wait_for_the_name(_seconds: float) -> None:
            record(layout).write_text(introduced)

        monkeypatch.setattr(time, "sleep", wait_for_the_name)
        assert "eve@there" in (refusal(layout) or "")


def test_a_holder_that_never_says_who_it_is_is_named_as_somebody(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_INTRODUCTION", 0.0)
    with Other(layout, HOLD):
        record(layout).write_text("")
        assert "by somebody, since a moment ago" in (refusal(layout) or "")


def test_a_name_cannot_write_to_a_terminal(layout: Layout) -> None:
    with Other(layout, HOLD, "eve\x1b[2J@there"):
        assert "eve\\x1b[2J@there" in (refusal(layout) or "")


def test_services_do_not_wait_for_each_other(layout: Layout) -> None:
    with Other(layout, HOLD), locked(layout._replace(name="other"), "me@here"):
        pass


def test_others_cannot_read_who_works_here(layout: Layout) -> None:
    with locked(layout, "me@here"):
        assert json.loads(record(layout).read_text())["by"] == "me@here"
        assert os.stat(layout.runtime).st_mode & 0o077 == 0
        assert record(layout).stat().st_mode & 0o077 == 0
