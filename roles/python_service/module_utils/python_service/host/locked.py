# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Which wheels a lock names for this host, found without an index.

This file is run by itself, by the account that builds, with the interpreter of
the venv: what reads requirements is pip's own, and root imports no pip.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


class UncertainError(Exception):
    """Pip has to look at it: it may refuse it, and knows why."""


def choose(
    lines: list[str], there: dict[str, dict[str, Any]], built: list[str]
) -> tuple[list[str], list[str]]:
    """The digests of the wheels for the ``lines`` of a lock, and the lines for which there is none.

    ``there`` are names, versions and requirements of the wheels that are there,
    by their digests, and ``built`` those that pip made for lines whose hashes
    are of something else. Raises `UncertainError` where what was chosen would
    not do for pip.
    """
    requirements, utils = (
        importlib.import_module(f"pip._vendor.packaging.{name}")
        for name in ("requirements", "utils")
    )
    chosen: dict[str, str] = {}
    extras: dict[str, set[str]] = {}
    missing = []
    for line in lines:
        text, *hashes = line.split(" --hash=")
        wanted = requirements.Requirement(text)
        if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
            continue
        name = utils.canonicalize_name(wanted.name)
        digests = [*(one.partition("sha256:")[2] for one in hashes), *built]
        fitting = [digest for digest in digests if _fits(there.get(digest), name, wanted, utils)]
        if not fitting:
            missing.append(line)
        elif chosen.setdefault(name, fitting[0]) != fitting[0]:
            raise UncertainError(f"{name} is named twice")
        extras.setdefault(name, set()).update(wanted.extras)
    if not missing:
        _check(chosen, extras, there, requirements, utils)
    return list(chosen.values()), missing


def _fits(facts: dict[str, Any] | None, name: str, wanted: Any, utils: Any) -> bool:
    return (
        facts is not None
        and utils.canonicalize_name(facts["name"]) == name
        and wanted.specifier.contains(facts["version"], prereleases=True)
    )


def _check(
    chosen: dict[str, str],
    extras: dict[str, set[str]],
    there: dict[str, dict[str, Any]],
    requirements: Any,
    utils: Any,
) -> None:
    """Raise `UncertainError` unless all that the chosen wheels require is chosen."""
    todo = list(chosen)
    while todo:
        name = todo.pop()
        for text in there[chosen[name]]["requires"]:
            needed = requirements.Requirement(text)
            asked = ("", *extras[name])
            if needed.marker and not any(needed.marker.evaluate({"extra": one}) for one in asked):
                continue
            other = utils.canonicalize_name(needed.name)
            if other not in chosen or not _fits(there[chosen[other]], other, needed, utils):
                raise UncertainError(f"{name} needs {text}")
            if not needed.extras <= extras[other]:
                extras[other] |= needed.extras
                todo.append(other)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        json.dump(choose(**json.load(file)), sys.stdout)
