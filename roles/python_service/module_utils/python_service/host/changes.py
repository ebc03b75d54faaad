# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a release changes in the files of the active one, for people who ask for a diff."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..layout import Layout
from ..source import scan, short_text
from .observe import current_release

#: Files whose text is shown: a diff is for reading.
MOST_FILES = 20
#: Made when the source was staged.
_COMPILED = ["__pycache__"]


def changes(layout: Layout, wanted: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """Compare the active release's source, ``app``, and configuration files, ``etc``, with those of another.

    ``wanted`` are digests by path (`Source.files`) of each of the two. So is the answer, which has the
    paths that are ``added``, ``changed`` and ``removed``, each sorted, and in ``texts`` what the first
    few of the changed and removed files hold now, where that is text.
    """
    current = current_release(layout)
    return {
        part: _changes(os.path.join(layout.release(current), part) if current else "", files)
        for part, files in wanted.items()
    }


def _changes(directory: str, wanted: Mapping[str, str]) -> dict[str, Any]:
    there = os.path.isdir(directory)
    present = scan(directory, _COMPILED, may_be_empty=True).files if there else {}
    found: dict[str, Any] = {
        "added": sorted(wanted.keys() - present.keys()),
        "changed": sorted(
            path for path in wanted.keys() & present.keys() if wanted[path] != present[path].content
        ),
        "removed": sorted(present.keys() - wanted.keys()),
    }
    shown = [*found["changed"], *found["removed"]][:MOST_FILES]
    found["texts"] = {
        path: short_text(os.path.join(directory, present[path].path)) for path in shown
    }
    return found
