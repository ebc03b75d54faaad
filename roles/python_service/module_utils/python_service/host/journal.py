# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a unit did and said, in words for the person whose deploy failed."""

from __future__ import annotations

from collections.abc import Mapping

from ..foreign import last_lines, shortened
from .systemd import Systemd


def state(status: Mapping[str, str]) -> str:
    """A unit's state in words: ``failed (failed), result exit-code, exit status 7``."""
    text = f"{status['ActiveState']} ({status['SubState']}), result {status['Result']}"
    if status["ExecMainStatus"] not in ("", "0"):
        # siginfo_t's si_code: CLD_EXITED is 1, CLD_KILLED and CLD_DUMPED are 2 and 3
        kind = "exit status" if status["ExecMainCode"] == "1" else "signal"
        text += f", {kind} {status['ExecMainStatus']}"
    if status["Type"] == "exec" and status["SubState"] == "dead" and status["Result"] == "success":
        text += ", it ended by itself: a service stays in the foreground and does not fork"
    if status["StatusText"]:
        text += f", it said: {shortened(status['StatusText'])}"
    return text


def words(systemd: Systemd, unit: str, invocation: str) -> list[str]:
    """What one invocation said: its warnings and worse, or else its last words.

    Where systemd has started it anew meanwhile, the new one may have none yet;
    then those before it tell.
    """
    systemd.sync_journal()
    this, any_of_it = f"_SYSTEMD_INVOCATION_ID={invocation}", f"_SYSTEMD_UNIT={unit}"
    for heading, matches in (
        ("Its journal at warning and worse:", [this, "--priority", "warning"]),
        ("Its journal, which has no warnings:", [this]),
        ("Its journal has nothing from this start; from before it:", [any_of_it]),
    ):
        entries = systemd.journal(matches)
        if entries:
            return [heading, *(f"  {line}" for line in last_lines(entries))]
    return ["Its journal is empty."]
