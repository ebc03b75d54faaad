# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Notes that what runs is out of date, though nothing that can be looked at says so.

A unit that was edited by hand, a venv that is built anew in its place: the
process that runs was started from what was there before. The note names the
invocation, so that it says nothing of any later one, and it is written before
the change, so that a run that is cut off leaves it for the next.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..layout import Layout
from .files import make_directory, read, remove


def distrust(layout: Layout, unit: str, invocation: str) -> None:
    """Note that this invocation of ``unit`` is to be replaced."""
    make_directory(layout.runtime, 0o700)
    # Half of it would say nothing, and nothing is changed before this returns.
    with open(_path(layout, unit), "w", encoding="ascii") as file:
        file.write(invocation)


def is_distrusted(layout: Layout, unit: str, status: Mapping[str, str]) -> bool:
    """Whether the invocation that runs is one that was noted."""
    return bool(status["InvocationID"]) and read(_path(layout, unit)) == status["InvocationID"]


def forget(layout: Layout, unit: str) -> None:
    """Remove the note of a unit that is no more."""
    remove(_path(layout, unit))


def _path(layout: Layout, unit: str) -> str:
    return os.path.join(layout.runtime, f"{unit}.distrusted")
