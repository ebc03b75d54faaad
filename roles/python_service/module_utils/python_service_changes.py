# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a new source changes in the one that is active, for people who ask for a diff."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .python_service_host import Layout
from .python_service_source import FILE, SourceError, scan

#: Files whose text is shown, and bytes of each: a diff is for reading.
MOST_FILES = 20
MOST_BYTES = 32 * 1024


def changes(layout: Layout, wanted: Mapping[str, str]) -> dict[str, Any]:
    """Compare the active release's source with the files of another.

    ``wanted`` are digests by path. The answer has the paths that are ``added``,
    ``changed`` and ``removed``, each sorted, and in ``texts`` what the first
    few of the changed and removed files hold now, where that is text.
    """
    current = layout.current_release()
    app = os.path.join(layout.release(current), "app") if current else ""
    try:
        present = {
            entry.path: entry.content
            for entry in scan(app, may_be_empty=True).entries
            if entry.kind == FILE
        }
    except SourceError:  # there is none yet
        present = {}
    found: dict[str, Any] = {
        "added": sorted(wanted.keys() - present.keys()),
        "changed": sorted(
            path for path in wanted.keys() & present.keys() if wanted[path] != present[path]
        ),
        "removed": sorted(present.keys() - wanted.keys()),
    }
    shown = [*found["changed"], *found["removed"]][:MOST_FILES]
    found["texts"] = {path: short_text(os.path.join(app, path)) for path in shown}
    return found


def short_text(path: str) -> str | None:
    """A file's content if it is text and short enough to read, else None."""
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES or b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
