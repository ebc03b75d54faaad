# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Which packages requirements fix to one version."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .pip_format import LineError, has_variables, logical_lines, named, parse


def fixed_names(texts: Iterable[str]) -> tuple[str, ...] | None:
    """Normal names of the packages that requirements files fix, by a version or by an address.

    None where that cannot be told here: by a file that the host fetches, or by a variable.
    """
    found = set()
    for text in texts:
        for _, _, line in logical_lines(text.splitlines()):
            try:
                parsed = parse(line)
            except LineError:
                return None  # it has variables, or it would have been refused
            required = parsed.requirement or ""
            if has_variables(required) or (parsed.file and ":" in parsed.file):
                return None
            requirement = named(required)
            if requirement and (is_fixed(requirement) or "://" in required):
                found.add(str(canonicalize_name(requirement.name)))
    return tuple(sorted(found))


def is_fixed(requirement: Requirement) -> bool:
    """Whether a requirement allows one version alone."""
    return any(
        one.operator == "===" or (one.operator == "==" and not one.version.endswith("*"))
        for one in requirement.specifier
    )
