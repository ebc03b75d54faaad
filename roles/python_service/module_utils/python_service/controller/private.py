# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a source holds that hardly anybody means to ship, and that stays behind unless asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from ..foreign import printable
from ..source import FILE, Known, Source, is_excluded, scan
from .manual import defaults
from .problems import problem

#: Patterns as in python_service_exclude; a later one overrides.
PRIVATE = (
    # Secrets of the developer's own machine, and copies without secrets that show the names.
    ".env",
    ".env.*",
    "!.env.dist",
    "!.env.example",
    "!.env.sample",
    "!.env.template",
    # Keys in formats of their own; for those in a text, `_KEY_FILES`.
    "*.p12",
    "*.pfx",
    # What Django and its tutorials develop with; the service could not write to it.
    "db.sqlite3",
    "dev.db",
    "dev.sqlite3",
    # Thousands of files that a build in JavaScript needs, and no Python program.
    "node_modules",
)
#: Names of files that may hold a private key, and what they say then (RFC 7468). Certificates
#: alone have such names as well, and are shipped.
_KEY_FILES = ("*.key", "*.pem", "id_*")
_KEY = re.compile(rb"^-----BEGIN [A-Z ]*PRIVATE KEY-----", re.MULTILINE)
_MOST_OF_A_KEY = 64 * 1024
_MOST_NAMED = 10


def scan_shipped(
    path: str, exclude: Sequence[str], known: Known | None = None
) -> tuple[Source, list[str]]:
    """A source as it is shipped, and the paths of what stays behind without having been told to."""
    if exclude and all(pattern.startswith("!") for pattern in exclude):
        # Whoever wants one thing more does not want all that is left behind by default.
        exclude = [*defaults("main")["exclude"], *exclude]
    left: list[str] = []
    source = scan(path, [*PRIVATE, *exclude], known=known, left=left)
    if not os.path.isdir(path):
        return source, []
    source, keys = _without_keys(source, exclude)
    return source, [path for path in left if not is_excluded(path, exclude)] + keys


def _without_keys(source: Source, exclude: Sequence[str]) -> tuple[Source, list[str]]:
    """A source without its private keys, and their paths; those that ``exclude`` ships stay."""
    keys = [
        entry.path
        for entry in source.entries
        if entry.kind == FILE
        and is_excluded(entry.path, [*_KEY_FILES, *exclude])
        and _holds_key(os.path.join(source.root, entry.path))
    ]
    return Source(source.root, tuple(e for e in source.entries if e.path not in keys)), keys


def _holds_key(path: str) -> bool:
    with open(path, "rb") as file:
        return bool(_KEY.search(file.read(_MOST_OF_A_KEY)))


def warning(left: Sequence[str]) -> str:
    """What is said of paths that stay behind without having been told to."""
    names = [printable(path) for path in sorted(left)]
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    listed = ", ".join([*names[:_MOST_NAMED], *more])
    return problem(
        "src",
        f"not shipped: {listed}, since secrets, development databases and node_modules seldom are "
        f"meant to be; to ship one all the same, write '!{names[0]}' into python_service_exclude, "
        f"and to hear no more of it, '{names[0]}'",
    )
