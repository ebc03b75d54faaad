# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Whether a lock or a list of requirements has what the project itself asks for."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ...errors import ServiceError
from ..manual import PREFIX
from ..pip_format import without_credentials
from ..private import scan_shipped
from ..problems import problem
from ..requirements import Requirements, read_requirements
from .asked import Asked, top
from .project import read_project


def check_complete(asked: Asked, read: Requirements, path: str, advice: str) -> None:
    """Raise `ServiceError` for a file at ``path`` that lacks what the project asks for."""
    lacking = missing(asked, read)
    if lacking:
        words = f"{path} does not have {', '.join(lacking)}, which {asked.at(asked.project.file)}"
        instead = f"or write {PREFIX}requirements if it should not be"
        raise ServiceError(problem("src", f"{words} asks for; {advice}, {instead}"))


def missing(asked: Asked, read: Requirements) -> list[str]:
    """What the project asks for on all hosts and requirements do not bring, or not in its versions."""
    project, root = asked.project, asked.source.root
    if read.elsewhere or any(local.path == root for local in read.locals):
        return []
    # What is said elsewhere, in tables of a tool, may be of another version or place.
    by_name_alone = bool(project.untold)
    lines = [line for line in project.lines(asked.wanted) if not (by_name_alone and "@" in line)]
    own = read_requirements(lines, root, top(root), asked.at(project.file))
    there = {_normal(requirement.name): _pin(requirement) for requirement in read.named}
    for local in read.locals:
        beside = read_project(scan_shipped(local.path, asked.settings.exclude, asked.known)[0])
        there[_normal(beside.name if beside else "")] = ""
    return [
        without_credentials(str(requirement))
        for requirement in own.named
        if requirement.marker is None and not _brings(there, requirement, by_name_alone)
    ]


def _brings(there: dict[str, str], requirement: Requirement, by_name_alone: bool) -> bool:
    pin = there.get(_normal(requirement.name))
    if pin is None:
        return False
    return not pin or by_name_alone or requirement.specifier.contains(pin, prereleases=True)


def _pin(requirement: Requirement) -> str:
    """The version that a requirement allows alone; empty where it allows others."""
    found = [one for one in requirement.specifier if one.operator == "=="]
    return found[0].version if found and not found[0].version.endswith("*") else ""


def _normal(name: str) -> str:
    return str(canonicalize_name(name))


def names_of(requirements: Iterable[Requirement]) -> set[str]:
    """Normal names of requirements."""
    return {_normal(requirement.name) for requirement in requirements}
