"""A program that logs in every way that programs have, and knows nothing of the journal."""

from __future__ import annotations

import re
from typing import Any, Callable

import pytest
from lab.deploys import Player, Service
from lab.wheels import SERVICES, requirements
from testinfra.host import Host

HOST = "debian-13"

Entry = dict[str, Any]

LEVELS = {"debug": "7", "info": "6", "warning": "4", "error": "3", "critical": "2"}
WAYS = ("basicConfig", "StreamHandler", "pieces", "rich", "dictConfig", "loguru", "queue", "memory")

#: What each entry holds, and its priority.
LEVELLED = {f"{way} {level}": LEVELS[level] for way in WAYS for level in LEVELS}
TRACEBACKS = {
    **{f"caught by {name}": "3" for name in ("basic", "stream", "pieces", "configured", "loguru")},
    "printed by print_exc": "4",
    "Uncaught exception in thread": "3",
    "Exception ignored in: <function FailsAtItsEnd.__del__": "3",
    "Task exception was never retrieved": "3",
    "Logging error": "3",
    r"Uncaught exception\n": "2",
}
OTHERS = {
    "caught by rich": "3",
    "loguru success": "5",
    "loguru trace": "7",
    r"enqueued of two\nlines": "3",
    "print of one line": "6",
    r"print of two\nlines": "6",
    "print to stderr": "4",
    "print in two calls": "6",
    "<0>print with a prefix": "6",
    r'UserWarning: a warning\n  warnings.warn("a warning"': "4",
    "bytes of one line": "6",
    r"wrapper\nof two lines": "3",
    "written to the descriptor": "6",
    # What other programs write is theirs.
    "shell <3>as it is": "6",
    "shell warning": "4",
}
CHILDREN = {
    **{f"{how} info": "6" for how in ("fork", "spawn", "forkserver")},
    **{f"{how} error": "3" for how in ("fork", "spawn", "forkserver", "subprocess")},
    **{f"{how} print": "6" for how in ("fork", "spawn", "forkserver", "subprocess")},
    **{f"worker {number} error": "3" for number in range(8)},
    **{f"worker {number} print": "6" for number in range(8)},
}
FATAL = {
    "Fatal Python error: Segmentation fault": "2",
    "Current thread ": "2",
    'File "<string>", line 1 in <module>': "2",
}
ALL = {**LEVELLED, **TRACEBACKS, **OTHERS, **CHILDREN, **FATAL}

#: What differs from one run to the next.
CHANGING = re.compile(r"0x[0-9a-f]+|\d\d:\d\d:\d\d[.,]?\d*|pid=\d+|\bThread-\d+|Task-\d+")

#: loguru shows frames above the program as well, as `logging` does in a report of an error of
#: its own, and by hand there are others.
ENVIRONMENT = "PYTHONUNBUFFERED=1 LOGURU_BACKTRACE=NO LOGURU_DIAGNOSE=NO"


@pytest.fixture(scope="module", autouse=True)
def _shipped(module_player: Player) -> None:
    """The program on the host, stopped: it ends with a crash, so the tests start it."""
    # False is what YAML makes of an `off` without quotes.
    for name, logging, argument in (("ways", "auto", "all"), ("ways_off", False, "")):
        module_player.role(
            name=name,
            src=str(SERVICES / "ways.py"),
            command=f"python ways.py {argument}",
            logging=logging,
            state="stopped",
            unit_options={"Service": {"Restart": "no"}},
            **requirements(),
        ).succeeded()


@pytest.fixture(scope="module", params=["service", "by hand"])
def said(request: pytest.FixtureRequest, service: Callable[[str], Service]) -> list[Entry]:
    """All that the program says: as a service, and run by hand where `auto` is off."""
    if request.param == "service":
        return run(service("ways"), "systemctl start ways")
    off = service("ways_off")
    python, app = python_and_app(off)
    by_hand = f"systemd-run --quiet --wait --unit by_hand --property WorkingDirectory={app}"
    return run(Service(off.host, "by_hand"), f"{by_hand} {python} -m systemd_handler ways.py all")


@pytest.fixture(scope="module")
def off(service: Callable[[str], Service]) -> list[Entry]:
    """What the program says where `python_service_logging` is off."""
    return run(service("ways_off"), "systemctl start ways_off")


def run(service: Service, command: str) -> list[Entry]:
    """The entries of one run of the program, from start to crash."""
    before = len(service.journal())
    service.host.run(f"systemctl reset-failed {service.name}")
    service.host.run(command)
    service.eventually(lambda: service.show("ActiveState")["ActiveState"] in ("failed", "inactive"))
    return service.journal()[before:]


def python_and_app(service: Service) -> tuple[str, str]:
    shown = service.show("ExecStart", "WorkingDirectory")
    match = re.search(r"path=(\S+)", shown["ExecStart"])
    assert match
    return match[1], shown["WorkingDirectory"]


def with_text(entries: list[Entry], text: str) -> list[Entry]:
    return [entry for entry in entries if text in str(entry["MESSAGE"])]


def found(entries: list[Entry], expected: dict[str, str]) -> dict[str, list[str]]:
    """Priorities of all entries that hold a text, where it is not the one expected."""
    priorities = {
        text: [entry["PRIORITY"] for entry in with_text(entries, text)] for text in expected
    }
    return {text: what for text, what in priorities.items() if what != [expected[text]]}


def test_each_way_gives_one_entry_with_the_priority_of_its_level(said: list[Entry]) -> None:
    assert found(said, LEVELLED) == {}


def test_a_traceback_is_one_entry(said: list[Entry]) -> None:
    assert found(said, TRACEBACKS) == {}
    for text in TRACEBACKS:
        (entry,) = with_text(said, text)
        assert "Traceback (most recent call last)" in entry["MESSAGE"]
        assert "Error: " in entry["MESSAGE"]


def test_a_crash_is_critical_and_starts_in_the_program(said: list[Entry]) -> None:
    (entry,) = with_text(said, "the end of the program")
    assert entry["PRIORITY"] == "2"
    first, last = entry["MESSAGE"].split(r"\n")[2], entry["MESSAGE"].split(r"\n")[-1]
    assert re.fullmatch(r'  File ".*ways\.py", line \d+, in <module>', first)
    assert last == "RuntimeError: the end of the program"


def test_a_fatal_signal_is_critical(said: list[Entry]) -> None:
    assert found(said, FATAL) == {}


def test_prints_warnings_and_what_else_is_written_are_entries(said: list[Entry]) -> None:
    assert found(said, OTHERS) == {}


def test_children_are_as_their_parent(said: list[Entry]) -> None:
    assert found(said, CHILDREN) == {}
    pids = {with_text(said, text)[0]["_PID"] for text in CHILDREN}
    assert len(pids) == 3 + 1 + 8


def test_threads_lose_and_mix_nothing_while_the_process_forks(said: list[Entry]) -> None:
    for number in range(3):
        (end,) = with_text(said, f"thread {number} spoke")
        count = int(end["MESSAGE"].split()[-2])
        assert count >= 50
        for kind, priority in (("record", "7"), ("print", "4")):
            entries = with_text(said, f"thread {number} {kind} ")
            assert [int(entry["MESSAGE"].split()[-1]) for entry in entries] == [
                *range(1, count + 1)
            ]
            assert {entry["PRIORITY"] for entry in entries} == {priority}


def test_nothing_else_is_said(said: list[Entry]) -> None:
    texts = [str(entry["MESSAGE"]) for entry in said]
    beside = [t for t in texts if not re.search(r"thread \d (record|print|spoke)", t)]
    assert [text for text in beside if not any(known in text for known in ALL)] == []


def test_off_leaves_what_the_program_writes_as_it_is(off: list[Entry]) -> None:
    # The prefixes that the program and its child write are all that journald knows.
    assert {e["MESSAGE"]: e["PRIORITY"] for e in off if e["PRIORITY"] != "6"} == {
        "print with a prefix": "0",
        "shell warning": "4",
    }
    assert with_text(off, "print of two")[0]["MESSAGE"] == "print of two"
    assert [e for e in off if e["MESSAGE"] == "RuntimeError: the end of the program"]


@pytest.mark.parametrize("how", ["-m systemd_handler ways.py", "ways.py"])
def test_outside_of_journald_a_program_writes_what_it_always_does(
    host: Host, service: Callable[[str], Service], how: str
) -> None:
    python, app = python_and_app(service("ways_off"))

    def written(command: str) -> list[str]:
        text = host.run(f"cd {app} && {ENVIRONMENT} timeout 60 {command} 2>&1").stdout
        # The lines of a child may come before or after those of its parent.
        return sorted(CHANGING.sub("…", line) for line in text.splitlines())

    plainly = written(f"{python} ways.py")
    assert "RuntimeError: the end of the program" in plainly
    assert written(f"env SYSTEMD_HANDLER=auto {python} {how}") == plainly
