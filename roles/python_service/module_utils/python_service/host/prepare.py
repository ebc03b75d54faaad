# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Run a command in a release that is not activated yet, as its process will be run.

It is given the secrets that the release is to have, from a directory of their
own: nothing that runs meets them before the release is activated. It does not
outlive whoever runs it.
"""

from __future__ import annotations

from ..errors import ServiceError
from ..foreign import shortened
from ..layout import DROP_IN, Layout
from ..model import Prepared, Release
from . import journal, reasons, secrets
from .decide import Desired
from .machine import Machine
from .sandbox import Sandbox
from .systemd import Status


def prepare(layout: Layout, machine: Machine, desired: Desired, one: Prepared) -> None:
    """Return when the command has ended well; raise `ServiceError`, with what it said, when it has not."""
    release, systemd = desired.release, machine.systemd
    if release is None:
        raise ServiceError("a command needs a release, and none is desired")
    on_host = desired.drop_ins.get(DROP_IN.format(unit=layout.main_unit), "")
    text = secrets.led_ahead(layout, release.units[layout.main_unit] + on_host)
    sandbox = Sandbox(layout, systemd, layout.main_unit, text, apart=True)
    group = secrets.readers(release, desired.not_honoured, machine.accounts)
    began = systemd.monotonic()
    new_secrets = secrets.ahead(layout, desired.secrets, group)
    held = sandbox.holding(one.line, one.timeout)
    with new_secrets, held as run, systemd.stopping(sandbox.unit):
        ending = run()
    if ending is not None:
        how = f"does not end within {one.timeout:g} s" if ending.hung else ending.how
        said = list(journal.said_since(systemd, sandbox.unit, began))
        raise ServiceError(_words(layout, release, one, how, said))


def _words(
    layout: Layout, release: Release, one: Prepared, how: str, said: list[journal.Said]
) -> str:
    subject = reasons.subject_of(layout, release, layout.main_unit)
    why = reasons.explain(subject, Status(), [words.entries for words in said])
    lines = said[0].lines() if said else ["Its journal is empty."]
    return "\n".join([*why, f"python_service_prepare: {shortened(one.command)} {how}", *lines])
