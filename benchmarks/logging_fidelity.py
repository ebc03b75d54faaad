"""What the journal has of records that are hard to log, handler by handler."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from container import Container
from lab import journal
from lab.journal import Entry
from logging_host.fidelity import CHILDREN, KEPT

_ERROR = re.compile(r"^(\w+(?:Error|Exception))\b", re.MULTILINE)
_HUNG = re.compile(r"hung (\d+) of \d+")
_RAISED = re.compile(r"^raised (\w+)$")
Judge = Callable[[list[Entry]], str]


@dataclass(frozen=True)
class Row:
    """A row of the table: what is hoped for, a program of the host, and who looks at the result.

    ``judge`` gives "yes" or what happened instead.
    """

    title: str
    program: str
    judge: Judge
    unbuffered: bool = True

    def line(self, container: Container, handlers: list[str]) -> str:
        """The row, measured, in Markdown."""
        cells = [self.title]
        for handler in handlers:
            since = journal.since(container)
            unit = container.unit(
                "logging_host.fidelity", handler, self.program, unbuffered=self.unbuffered
            )
            entries = journal.read(container, *since)
            cells.append(self.judge([entry for entry in entries if _may_be_of(entry, unit)]))
        line = f"| {' | '.join(cells)} |"
        print(f"  {line}", flush=True)
        return line


def _has_unit(entry: Entry) -> bool:
    """Whether journalctl shows it where a unit is asked for."""
    return "_SYSTEMD_UNIT" in entry.fields


def _may_be_of(entry: Entry, unit: str) -> bool:
    """Whether a process wrote it that was of the unit, or had ended before journald looked."""
    by_a_process = entry.fields["_TRANSPORT"] in ("stdout", "journal")
    return by_a_process and entry.fields.get("_SYSTEMD_UNIT", unit) == unit


def _one(priority: int, *texts: str) -> Judge:
    """Expect one entry that has all of the *texts*, and nothing beside it."""
    report = _report(priority, *texts)
    return lambda entries: _failure(entries) or report(entries)


def _report(priority: int, *texts: str) -> Judge:
    """As `_one`, where the entry is to tell of an error, and so may read like a failure."""

    def judge(entries: list[Entry]) -> str:
        raised = _raised(entries)
        if raised or len(entries) != 1:
            return raised or _several(entries)
        entry = entries[0]
        if not all(text in entry.text for text in texts):
            return "another text"
        faults = []
        if entry.priority != priority:
            faults.append(f"at {entry.priority}")
        if isinstance(entry.message, bytes):
            faults.append("a blob")
        if not _has_unit(entry):
            faults.append("without its unit")
        return ", ".join(faults) or "yes"

    return judge


def _long(character: str, count: int) -> Judge:
    """Expect *count* of a character in entries of priority 3 alone."""

    def judge(entries: list[Entry]) -> str:
        failure = _failure(entries)
        if failure:
            return failure
        if {entry.priority for entry in entries} != {3}:
            return _several(entries)
        there = sum(entry.text.count(character) for entry in entries)
        return "yes" if there == count else f"cut: {there / count:.0%} of it"

    return judge


def _all(text: str, count: int) -> Judge:
    """Expect *count* entries of a text and a number, whatever their priority."""

    def judge(entries: list[Entry]) -> str:
        matches = (_HUNG.fullmatch(entry.text) for entry in entries)
        hung = next((match[0] for match in matches if match and match[1] != "0"), "")
        if hung:
            return hung
        pattern = re.compile(rf"(?:.*: )?{text} (\d+)")
        found = {}
        for entry in entries:
            match = pattern.fullmatch(entry.text)
            if match:
                found[match[1]] = entry
        if len(found) < count:
            return f"{len(found):,} of {count:,}"
        strays = sum(not _has_unit(entry) for entry in found.values())
        return f"yes, {strays:,} without unit" if strays else "yes"

    return judge


def _failure(entries: list[Entry]) -> str:
    """What logging did instead of writing the record, or nothing."""
    raised = _raised(entries)
    if raised:
        return raised
    text = "\n".join(entry.text for entry in entries)
    if "--- Logging error ---" in text:
        names = _ERROR.findall(text)
        return f"lost: {names[-1] if names else 'an error'}"
    if text.startswith("Unable to write message"):  # logging-journald's own words
        return f"lost: repr at {entries[0].priority}"
    return ""


def _raised(entries: list[Entry]) -> str:
    matches = (_RAISED.match(entry.text) for entry in entries)
    return next((f"raises {match[1]}" for match in matches if match), "")


def _several(entries: list[Entry]) -> str:
    """How many entries there are, and with what priorities."""
    if not entries:
        return "lost"
    if len(entries) > 1 and any(entry.priority == 0 for entry in entries):
        return "forged at 0"  # no program here logs more than one record that may be at 0
    priorities = ", ".join(str(each) for each in sorted({entry.priority for entry in entries}))
    return f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'} at {priorities}"


ROWS = [
    Row("level 25 is notice, 5", "level-25", _one(5, "marked")),
    Row("level 35 is warning, 4", "level-35", _one(4, "marked")),
    Row("level 1000 is critical, 2", "level-1000", _one(2, "marked")),
    Row("CRITICAL is critical, 2", "critical", _one(2, "marked")),
    Row(
        "a traceback: one entry at 3",
        "traceback",
        _report(3, "marked", "Traceback", "ZeroDivisionError"),
    ),
    Row("a NUL: one entry at 3", "nul", _one(3, "marked", "forged")),
    Row("a newline: one entry at 3", "newline", _one(3, "marked", "forged")),
    Row("ESC and BEL: readable in `journalctl`", "control", _one(3, "marked")),
    Row("a lone surrogate: readable", "surrogate", _one(3, "marked")),
    Row("40 KB: all of it at 3", "40-kb", _long("x", 40_000)),
    Row("100 KB, `<0>` behind the cut: all at 3", "100-kb", _long(">", 3 * 33_000)),
    Row("an empty message: one entry at 3", "empty", _one(3)),
    Row("wrong arguments: one entry at 3", "bad-arguments", _report(3, "TypeError")),
    Row("an uncaught exception: one entry at 2", "uncaught", _report(2, "marked", "Traceback")),
    Row("one in a thread: one entry at 3", "uncaught-in-thread", _report(3, "marked", "Traceback")),
    Row("a warning: one entry at 4", "warning", _report(4, "marked")),
    Row(f"{CHILDREN} forks among threads: all records", "fork", _all("child", CHILDREN)),
    Row("the same, output buffered", "fork", _all("child", CHILDREN), unbuffered=False),
    Row(f"SIGKILL: all of {KEPT:,} records", "killed", _all("record", KEPT)),
]
