# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What it is decided by what a program needs, and what comes of it."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass
from typing import NamedTuple

from ...errors import ServiceError
from ...source import Known, Source
from ..problems import problem
from ..requirements import Requirements
from ..run_cache import RunCache
from ..settings import Settings
from .project import Project, read_toml, table


@dataclass(frozen=True)
class Asked:
    """A source with the project that it is, and what the variables say of it.

    ``wanted`` are normal names of extras and groups.
    """

    settings: Settings
    source: Source
    project: Project
    wanted: tuple[str, ...]
    known: Known | None
    cache: RunCache | None

    @property
    def names(self) -> set[str]:
        """Paths of what is in the source."""
        return {entry.path for entry in self.source.entries}

    def at(self, name: str) -> str:
        """Where a file of the source lies."""
        return os.path.join(self.source.root, name)

    def check_wanted(self) -> None:
        """Raise `ServiceError` for an extra that the project does not have."""
        known = self.project.names()
        for name in self.wanted:
            if name not in known:
                said = f"{name!r} is no extra and no group of {self.at(self.project.file)}"
                words = f"{said}, which has {', '.join(known) or 'none'}"
                raise ServiceError(
                    problem("extras", f"{words}; write one of those, or leave it out")
                )

    def refuse_wanted(self, why: str) -> None:
        """Raise `ServiceError` where extras are asked for, since there are none."""
        if self.wanted:
            raise ServiceError(problem("extras", why))


class Found(NamedTuple):
    """What a program needs by one of the ways to say it.

    It is ``complete`` where it has what its parts need in turn; ``note`` is a
    word on it for people, and ``python`` a specifier.
    """

    requirements: Requirements
    complete: bool = False
    note: str = ""
    python: str = ""


def workspace(root: str) -> str:
    """The directory above, if there is one, whose uv.lock has the project in ``root`` as a member; or nothing."""
    above = os.path.dirname(root)
    while above != os.path.dirname(above):
        path = os.path.join(above, "pyproject.toml")
        if os.path.isfile(path) and os.path.isfile(os.path.join(above, "uv.lock")):
            said = table(read_toml(path), "tool", "uv", "workspace")
            name = os.path.relpath(root, above)
            if _matches(name, said.get("members")) and not _matches(name, said.get("exclude")):
                return above
        above = os.path.dirname(above)
    return ""


def _matches(name: str, patterns: object) -> bool:
    return isinstance(patterns, list) and any(
        fnmatch.fnmatchcase(name, os.path.normpath(str(pattern))) for pattern in patterns
    )


def top(root: str) -> str:
    """The directory in which projects lie that a source may name: its clone, or its workspace."""
    above = root
    while above != os.path.dirname(above):
        if os.path.lexists(os.path.join(above, ".git")):
            return above
        above = os.path.dirname(above)
    return workspace(root) or root
