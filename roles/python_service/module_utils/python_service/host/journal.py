# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a unit did and said, in words for the person whose deploy failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..foreign import last_lines, shortened
from ..model import RELEASE_FIELD
from .systemd import Systemd

_WARNINGS = "Its journal at warning and worse:"
_NO_WARNINGS = "Its journal, which has no warnings:"
_BY_SYSTEMD = "It said nothing; systemd says:"


def state(status: Mapping[str, str]) -> str:
    """A unit's state in words: ``failed (failed), result exit-code, exit status 7``."""
    text = f"{status['ActiveState']} ({status['SubState']}), result {status['Result']}"
    if status["ExecMainStatus"] not in ("", "0"):
        # siginfo_t's si_code: CLD_EXITED is 1, CLD_KILLED and CLD_DUMPED are 2 and 3
        kind = "exit status" if status["ExecMainCode"] == "1" else "signal"
        text += f", {kind} {status['ExecMainStatus']}"
    if status["ActiveState"] == "inactive" and status["Result"] == "success":
        text += _why_dead(status)
    if status["StatusText"]:
        text += f", it said: {shortened(status['StatusText'])}"
    return text


def _why_dead(status: Mapping[str, str]) -> str:
    """Why a unit does not run of which nothing failed."""
    if status["InvocationID"] and status["ConditionResult"] == "no":
        return ", it was not started: a condition of its unit is not met"
    if status["Type"] != "exec":
        return ""
    # systemd forgets of a unit that nothing refers to whether it ever ran.
    unknown = "" if status["InvocationID"] else "was not started, or "
    return f", it {unknown}ended by itself: a service stays in the foreground and does not fork"


class Said(NamedTuple):
    """Entries of the journal, oldest first, and ``heading``, what they are."""

    heading: str
    entries: list[str]

    def lines(self) -> list[str]:
        """All of it as a person is shown it."""
        lines = "\n".join(last_lines(self.entries)).split("\n")
        return [self.heading, *(f"  {line}" for line in lines)]


def said(
    systemd: Systemd, unit: str, invocation: str, release: str | None, since: float
) -> Iterator[Said]:
    """What a unit said: the warnings and worse of one invocation, then its last words.

    Where systemd has started it anew meanwhile, the new one may have none yet;
    then those of the same ``release`` tell that came after ``since``, which is in
    seconds as `Systemd.monotonic` gives it. Where the program was never reached,
    systemd's own words do. The first tells most.
    """
    systemd.sync_journal()
    this = f"_SYSTEMD_INVOCATION_ID={invocation}"
    of_release = [f"_SYSTEMD_UNIT={unit}", f"{RELEASE_FIELD}={release}"]
    # Root alone can name a unit that it is not in itself.
    by_systemd = ["_UID=0", f"UNIT={unit}"]
    for heading, matches in (
        (_WARNINGS, [this, "--priority", "warning"]),
        (_NO_WARNINGS, [this]),
        ("Its journal, from the starts before this one:", of_release),
        (_BY_SYSTEMD, [*by_systemd, f"INVOCATION_ID={invocation}"]),
        (_BY_SYSTEMD, by_systemd),
    ):
        entries = systemd.journal(matches, since if matches in (of_release, by_systemd) else 0.0)
        if entries:
            yield Said(heading, entries)


def said_since(systemd: Systemd, unit: str, since: float) -> Iterator[Said]:
    """What a unit that ran once said since then; as `said`, whatever its invocation was."""
    systemd.sync_journal()
    of_unit = f"_SYSTEMD_UNIT={unit}"
    for heading, matches in (
        (_WARNINGS, [of_unit, "--priority", "warning"]),
        (_NO_WARNINGS, [of_unit]),
        (_BY_SYSTEMD, ["_UID=0", f"UNIT={unit}"]),
    ):
        entries = systemd.journal(matches, since)
        if entries:
            yield Said(heading, entries)
