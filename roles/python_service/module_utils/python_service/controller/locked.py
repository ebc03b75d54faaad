# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Requirements that name each wheel: a host that has those needs no pip to find out which they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .pins import is_fixed
from .pip_format import has_variables, logical_lines, named

_HASHED = re.compile(r"(?P<requirement>[^-].*?)(?P<hashes>(\s+--hash[=\s]\s*\w+:[0-9a-f]+)+)\s*")
_HASH = re.compile(r"\w+:[0-9a-f]+(?=\s|$)")
_INCLUDED = re.compile(r"-r (\d+)\.txt")
#: Options that say where wheels are, and not which are to be taken or how they are built.
_PLACES = re.compile(
    r"(-i|-f|--((extra-)?index-url|find-links|trusted-host|only-binary))[=\s].*"
    r"|--(no-index|require-hashes)"
)


def locked_lines(texts: Sequence[str]) -> tuple[str, ...]:
    """All lines of requirements files as one file; none unless each has one version and a hash.

    Requirements are written as ``name==1 ; marker --hash=sha256:…``.
    """
    try:
        return tuple(dict.fromkeys(_lines(texts, 0))) if texts else ()
    except _UnlockedError:
        return ()


class _UnlockedError(Exception):
    """A line that is for pip to read."""


def _lines(texts: Sequence[str], number: int) -> Iterator[str]:
    for _, _, line in logical_lines(texts[number].splitlines()):
        included = _INCLUDED.fullmatch(line)
        if included:
            yield from _lines(texts, int(included[1]))
        elif has_variables(line):
            raise _UnlockedError
        elif _PLACES.fullmatch(line):
            yield line
        else:
            yield _requirement(line)


def _requirement(line: str) -> str:
    found = _HASHED.fullmatch(line)
    if not found or not _is_pinned(found["requirement"]):
        raise _UnlockedError
    hashes = [f" --hash={one}" for one in _HASH.findall(found["hashes"])]
    return "".join([found["requirement"].strip(), *hashes])


def _is_pinned(text: str) -> bool:
    """Whether pip takes it for one version, as it does only where nothing else is asked of that."""
    requirement = named(text)
    if requirement is None:
        return False
    return bool(requirement.url) or (len(requirement.specifier) == 1 and is_fixed(requirement))
