# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Whether a process that is up does what it is for."""

from __future__ import annotations

import contextlib
import http.client
import shlex
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from ..foreign import shortened
from ..layout import Layout
from ..model import Health, Process, Release
from .sandbox import Sandbox
from .systemd import Systemd

#: Asks once, for so many seconds at most; None is health, a text what was answered instead.
Question = Callable[[float], "str | None"]


@contextlib.contextmanager
def asking(
    layout: Layout, systemd: Systemd, release: Release, process: Process, health: Health
) -> Iterator[Question]:
    """How to ask for the health of one process of a release."""
    if health.command is None:
        yield lambda seconds: ask(str(health.url), health.status, seconds)
        return
    command = shortened(health.command)
    sandbox = Sandbox(layout, systemd, process.unit, release.units[process.unit])
    with sandbox.holding(shlex.split(health.command), health.timeout) as run:

        def question(_seconds: float) -> str | None:
            ending = run()
            return None if ending is None else f"{command} {ending}"

        yield question


def ask(url: str, status: int, seconds: float) -> str | None:
    """Ask for ``url`` once, for so many seconds of wall time, however slowly it answers."""
    answers: list[str | None] = []
    # A timeout of a socket begins anew with each byte.
    thread = threading.Thread(
        target=lambda: answers.append(_ask(url, status, seconds)), daemon=True
    )
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else f"{url} did not answer within {seconds:.0f} s"


def _ask(url: str, status: int, seconds: float) -> str | None:
    opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=seconds) as answer:
            found = answer.status
    except urllib.error.HTTPError as error:
        found = error.code
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"{url} does not answer: {shortened(str(getattr(error, 'reason', error)) or repr(error))}"
    return None if found == status else f"{url} answers {found}"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The answer that is asked for is the service's own."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
