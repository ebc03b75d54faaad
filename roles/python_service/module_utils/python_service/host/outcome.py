# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What comes of a deploy, a rollback or a removal, as Ansible is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..layout import STAND_IN, Layout
from . import history
from .decide import Desired, Observed, Step, decide, handover_told


@dataclass
class Outcome:
    """The steps, and what a module returns of them; ``processes`` is of those that are there now."""

    steps: list[Step] = field(default_factory=list)
    release: str | None = None
    previous: str | None = None
    restarted: bool = False
    rolled_back: bool = False
    not_honoured: Sequence[str] = ()
    processes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prepared: Sequence[str] = ()
    handover: str | None = None
    diff: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Keyword arguments of ``exit_json`` and ``fail_json``."""
        steps = [str(step) for step in self.steps]
        shown = [{"prepared": "\n".join(["steps", *steps]) + "\n"}] if steps else []
        return {
            "changed": bool(steps),
            "release": self.release,
            "previous": self.previous,
            "restarted": self.restarted,
            "rolled_back": self.rolled_back,
            "not_honoured": list(self.not_honoured),
            "processes": self.processes,
            "prepared": list(self.prepared),
            "handover": self.handover,
            "steps": steps,
            "diff": [*shown, *self.diff],
            "warnings": self.warnings,
        }


def predict(layout: Layout, observed: Observed, desired: Desired) -> Outcome:
    """What is to be done, and what comes of it if all goes well. Nothing is touched."""
    steps = decide(observed, desired)
    last = history.in_place(observed.events)
    before = last.after if last else observed.current
    # What is only staged or prepared is in place later.
    release = desired.id if "activate" in desired.parts else before
    if before == release:
        before = history.previous(observed.events, release)
    return Outcome(
        steps=steps,
        release=release,
        previous=before,
        restarted=any(step.action == "start" for step in steps),
        not_honoured=desired.not_honoured,
        prepared=[step.subjects[0] for step in steps if step.action == "prepare"],
        handover=handover_told(observed, desired),
        diff=[
            _diff(layout, observed, step)
            for step in steps
            if step.action in ("set", "write", "remove")
            # What is there for a moment alone is no difference.
            and not step.subjects[0].endswith(STAND_IN)
        ],
    )


def _diff(layout: Layout, observed: Observed, step: Step) -> dict[str, str]:
    if step.action == "set":
        _, name = step.subjects
        before = "(a secret)\n" if name in observed.secrets else ""
        path, after = layout.secret(name), "(changed)\n" if before else "(a secret)\n"
        return {"before_header": path, "after_header": path, "before": before, "after": after}
    (name,) = step.subjects
    unit = observed.units.get(name)
    return {
        "before_header": layout.unit(name),
        "after_header": layout.unit(name),
        "before": (unit.text if unit else None) or "",
        "after": step.text,
    }
