# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Whether a service that was started can be taken for running: ready, staying up, healthy."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from .python_service_host import Layout, run, show

_STATUS = (
    "ActiveState",
    "SubState",
    "Type",
    "Result",
    "ExecMainCode",
    "ExecMainStatus",
    "MainPID",
    "NRestarts",
    "InvocationID",
    "StatusText",
)
_LONGEST = 2000  # characters of an entry in a message; a traceback fits
_EVERY = 0.25  # seconds between two looks


class Refused(Exception):  # noqa: N818 - it is an answer
    """A service that is not accepted; holds the reason and the journal's own words."""


def accept(layout: Layout, acceptance: Mapping[str, Any]) -> None:
    """Return when the service is accepted; raise `Refused` when it is not.

    ``acceptance`` has ``settle``, the seconds for which a service without
    readiness has to stay up with one main process, and ``health``, which is
    empty or has ``url`` and ``status`` or ``command`` with ``user`` and
    ``environment``, and ``timeout`` in seconds.
    """
    first = show(layout.unit, *_STATUS)
    # The other types have told systemd themselves that they are up, or done.
    settled = time.monotonic() + (acceptance["settle"] if first["Type"] == "exec" else 0)
    _expect_up(layout, first, first)
    while time.monotonic() < settled:
        time.sleep(_EVERY)
        _expect_up(layout, first, show(layout.unit, *_STATUS))
    health = acceptance["health"]
    if not health:
        return
    deadline = time.monotonic() + health["timeout"]
    while True:
        answer = _ask(health, deadline - time.monotonic())
        _expect_up(layout, first, show(layout.unit, *_STATUS))
        if answer is None:
            return
        if time.monotonic() >= deadline:
            words = _journal(layout, first["InvocationID"])
            raise Refused("\n".join([f"{layout.unit} is up and not healthy: {answer}", *words]))
        time.sleep(_EVERY)


def explain(layout: Layout) -> str:
    """The unit's state in words: ``failed (failed), result exit-code, exit status 7``."""
    return _state(show(layout.unit, *_STATUS))


def _expect_up(layout: Layout, first: Mapping[str, str], now: Mapping[str, str]) -> None:
    up = now["ActiveState"] == "active" or (
        # A oneshot without RemainAfterExit= that has done its work.
        now["Type"] == "oneshot" and now["ActiveState"] == "inactive" and now["Result"] == "success"
    )
    if up and now["InvocationID"] == first["InvocationID"]:
        return
    # Its first invocation is the one that failed: a restart may be under way already.
    words = _journal(layout, first["InvocationID"])
    raise Refused("\n".join([f"{layout.unit} did not stay up: {_state(now)}", *words]))


def _state(status: Mapping[str, str]) -> str:
    text = f"{status['ActiveState']} ({status['SubState']}), result {status['Result']}"
    if status["ExecMainStatus"] not in ("", "0"):
        # siginfo_t's si_code: CLD_EXITED is 1, CLD_KILLED and CLD_DUMPED are 2 and 3
        kind = "exit status" if status["ExecMainCode"] == "1" else "signal"
        text += f", {kind} {status['ExecMainStatus']}"
    if status["Type"] == "exec" and status["SubState"] == "dead" and status["Result"] == "success":
        text += ", it ended by itself: a service stays in the foreground and does not fork"
    if status["StatusText"]:
        text += f", it said: {status['StatusText']}"
    return text


def _ask(health: Mapping[str, Any], seconds: float) -> str | None:
    """Ask once; None is health, a text what was answered instead."""
    seconds = max(seconds, 0.1)
    if "command" in health:
        return _run_check(health, seconds)
    opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))
    try:
        with opener.open(health["url"], timeout=seconds) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    except (OSError, ValueError) as error:
        return f"{health['url']} gives no answer: {getattr(error, 'reason', error)}"
    return None if status == health["status"] else f"{health['url']} answers {status}"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The answer that is asked for is the service's own."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _run_check(health: Mapping[str, Any], seconds: float) -> str | None:
    words = shlex.split(health["command"])
    program = next(
        (
            path
            for directory in health["environment"]["PATH"].split(":")
            if os.access(path := os.path.join(directory, words[0]), os.X_OK)
        ),
        words[0],
    )
    try:
        result = subprocess.run(
            [program, *words[1:]],
            env=health["environment"],
            cwd=health["directory"],
            user=health["user"],
            group=health["group"],
            extra_groups=[],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{health['command']} does not end"
    except OSError as error:
        return f"{health['command']} cannot be run: {error}"
    if result.returncode == 0:
        return None
    words = result.stdout.strip().splitlines()[-3:]
    return f"{health['command']} ends with status {result.returncode}: {' / '.join(words)}"


def _short(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} … ({len(line)} characters)"


def _journal(layout: Layout, invocation: str) -> list[str]:
    """The words of one invocation for people: its warnings and worse, or its last words.

    Where systemd has started it anew meanwhile, the new one may have none yet;
    then those before it tell.
    """
    run(["journalctl", "--sync"])
    this, any_of_it = f"_SYSTEMD_INVOCATION_ID={invocation}", f"_SYSTEMD_UNIT={layout.unit}"
    for heading, matches in (
        ("Its journal at warning and worse:", [this, "--priority", "warning"]),
        ("Its journal, which holds no warning:", [this]),
        ("Its journal has nothing of this start; before it:", [any_of_it]),
    ):
        command = ["journalctl", *matches, "--lines", "20", "--output", "cat"]
        entries = run([*command, "--no-pager", "--quiet"]).stdout.splitlines()
        if entries:
            return [heading, *(f"  {_short(entry)}" for entry in entries)]
    return ["Its journal is empty."]
