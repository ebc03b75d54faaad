# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Go back to a release that was in place before."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ..errors import ServiceError
from ..layout import Layout
from ..model import Release
from . import history, record, venv
from .activation import activate, was_enabled, was_started
from .decide import Desired
from .isolation import on_this_host
from .lock import locked
from .machine import Machine
from .observe import observe
from .outcome import Outcome, predict
from .releases import read_release, staged
from .steps import Request


class Rollback(NamedTuple):
    """What is asked for: a release, or the one before the current one; ``by`` is who asks.

    ``keep`` is how many releases that were in place stay; ``check`` only looks.
    """

    by: str
    to: str | None = None
    keep: int = 5
    check: bool = False


def roll_back(machine: Machine, name: str, wish: Rollback) -> Outcome:
    """Go back to the release before the current one, or to a named one.

    What was stopped stays so. Raises `ServiceError` for what was never in
    place, is not whole any more, or does not come up.
    """
    found = record.find(name, machine.root)
    if found is None:
        raise ServiceError(f"{name} is not a service that this role deployed to this host")
    layout = found[0]
    if wish.check:
        desired = _desired(layout, machine, wish)
        return predict(layout, observe(layout, machine, desired), desired)
    with locked(layout, wish.by):
        desired = _desired(layout, machine, wish)
        return activate(layout, machine, desired, Request("rollback", wish.by))


def _desired(layout: Layout, machine: Machine, wish: Rollback) -> Desired:
    target = _target(layout, wish.to)
    refusals, _ = machine.systemd.verify(target.units)
    if refusals:  # systemd may have changed since it was deployed
        raise ServiceError(
            "\n".join([f"systemd no longer accepts the units of {target.id}:", *refusals])
        )
    observed = observe(layout, machine, Desired(target))
    lacking = sorted(target.secrets.difference(observed.secrets))
    if lacking:
        raise ServiceError(
            f"release {target.id} needs {', '.join(lacking)} in {layout.secrets}, where it is no "
            "more; deploy it with python_service_secrets"
        )
    enabled = was_enabled(observed.units)
    desired = on_this_host(
        layout,
        machine,
        Desired.of(target, started=was_started(observed), enabled=enabled, keep=wish.keep),
    )
    # From there the way back leads to another release than from here.
    gone_back = history.Event("rollback", None, target.id, history.ACCEPTED, wish.by)
    onward = history.previous((*observed.events, gone_back), target.id)
    return replace(
        desired,
        spare=[onward] if onward else [],
        # Not those of a deploy that was cut off before they were proven.
        secrets={name: secret.proven for name, secret in observed.secrets.items()},
    )


def _target(layout: Layout, release: str | None) -> Release:
    events = history.events(layout)
    last = history.in_place(events)
    current = last.after if last else None
    target = release or history.previous(events, current)
    placed = history.placed(events)
    present = set(staged(layout))
    others = ", ".join(name for name in placed if name != target and name in present) or "none"
    if target is None:
        raise ServiceError(f"{layout.name} has no release to go back to from {current}")
    if target not in placed:
        raise ServiceError(
            f"release {target} of {layout.name} was never accepted; those that were: {others}"
        )
    found = read_release(layout, target)
    if found is None or not venv.is_whole(layout, found.venv.id):
        raise ServiceError(
            f"release {target} of {layout.name} is no longer complete on the host; others: {others}"
        )
    return found
