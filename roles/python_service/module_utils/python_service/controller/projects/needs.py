# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a program needs: by the first of these that is there.

1. ``python_service_requirements``.
2. The comment of the script that runs (PEP 723), or the lock beside it.
3. ``pylock.toml``, ``uv.lock``, ``poetry.lock``, ``pdm.lock``.
4. ``requirements.txt``.
5. The dependencies of ``pyproject.toml``, ``setup.cfg``, ``setup.py``.

What is there and does not count is named, and what cannot be read is refused.
So is a lock or a ``requirements.txt`` that lacks what the project asks for: it
is of something else, or has become old.
"""

from __future__ import annotations

import functools
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from packaging.utils import canonicalize_name

from ...errors import ServiceError
from ...source import Known, Source
from ..commands import words_of
from ..manual import PREFIX
from ..pip_format import is_private, without_credentials
from ..private import scan_shipped
from ..problems import problem
from ..requirements import Local, Requirements, read_requirements
from ..run_cache import RunCache
from ..settings import Settings
from .asked import Asked, Found, top, workspace
from .complete import check_complete, missing, names_of
from .exports import TOOLS
from .locks import UV, of_lock, of_pylock, of_script_lock
from .project import Project, read_project
from .script import Script, read_script

_PYLOCK = re.compile(r"pylock(\.[^.]+)?\.toml")
_CONDA = "write what it needs from PyPI into requirements.txt; conda's packages are not installed"
#: What no pip can read, and what to do about it.
_FOREIGN = {
    "Pipfile.lock": "run 'pipenv requirements > requirements.txt' there",
    "Pipfile": "run 'pipenv lock' and 'pipenv requirements > requirements.txt' there",
    "environment.yml": _CONDA,
    "environment.yaml": _CONDA,
    "conda-lock.yml": _CONDA,
    "requirements.in": "run 'uv pip compile requirements.in --output-file requirements.txt' there",
}
_OTHER_FILE = re.compile(r"requirements[/_.-][\w/.-]+\.txt")
_FOR_DEVELOPERS = re.compile(r"dev|test|lint|doc|ci\b|local|tool")


class Library(NamedTuple):
    """A project beside the source that is built and installed with it, on hosts that ``marker`` names."""

    source: Source
    project: Project
    marker: str


class Needs(NamedTuple):
    """What is installed for a program: texts of requirements files, and projects beside it.

    ``said`` tells a person where it comes from, ``python`` which Pythons it
    is for, as a specifier that may be empty.
    """

    texts: tuple[str, ...] = ()
    libraries: tuple[Library, ...] = ()
    said: str = ""
    python: str = ""


def find_needs(
    settings: Settings,
    source: Source | None,
    project: Project | None,
    known: Known | None = None,
    cache: RunCache | None = None,
) -> Needs:
    """What to install for a source, or for none; raises `ServiceError`."""
    asked = Asked(
        settings=settings,
        source=source or Source("", ()),
        project=project or Project(built=False),
        wanted=tuple(map(canonicalize_name, settings.extras)),
        known=known,
        cache=cache,
    )
    ways = list(_ways(asked))
    if not ways:
        asked.refuse_wanted("is given, and the source says of none; leave it out")
        return Needs(python=asked.project.python)
    (name, read), *others = ways
    needs = _made(asked, name, read())
    unused = [other for other, _ in others if other not in (name, asked.project.file)]
    more = f"; not used: {', '.join(unused)}" if unused else ""
    return needs._replace(said=needs.said + more)


def _ways(asked: Asked) -> Iterator[tuple[str, Callable[[], Found]]]:
    """What is there to be read, the first first, by the names that people know it by."""
    names, project = asked.names, asked.project
    if asked.settings.requirements:
        yield f"{PREFIX}requirements", lambda: _given(asked)
    script = _script(asked)
    if script:
        lock = f"{script[0]}.lock"
        yield lock if lock in names else script[0], lambda: _of_script(asked, *script)
    if "pylock.toml" in names:
        yield "pylock.toml", lambda: of_pylock(asked, asked.at("pylock.toml"))
    for tool in TOOLS:
        root = asked.source.root if tool.lock in names else ""
        if tool == UV and not root and "pyproject.toml" in names:
            root = workspace(asked.source.root)
        if root:
            yield tool.lock, functools.partial(of_lock, asked, tool, root)
    if "requirements.txt" in names:
        yield "requirements.txt", lambda: _of_file(asked)
    if project.dependencies or project.untold or asked.wanted:
        yield project.file, lambda: _of_project(asked)
    for name in _unreadable(names):
        yield name, functools.partial(_refuse, asked, name)


def _given(asked: Asked) -> Found:
    settings = asked.settings
    path = settings.requirements
    if isinstance(path, str) and _PYLOCK.fullmatch(os.path.basename(path)):
        return of_pylock(asked, path)
    asked.refuse_wanted(f"goes with what the source says; leave it or {PREFIX}requirements out")
    found = read_requirements(path, settings.directory)
    lacking = [] if asked.project.untold else missing(asked, found)
    note = f"without {', '.join(lacking)} of {asked.project.file}" if lacking else ""
    return Found(found, note=note)


def _of_script(asked: Asked, name: str, script: Script) -> Found:
    asked.refuse_wanted(f"is given, and {name} has none; leave it out")
    if f"{name}.lock" in asked.names:
        return of_script_lock(asked, f"{asked.at(name)}.lock")._replace(python=script.python)
    if script.untold:
        raise ServiceError(problem("src", f"{asked.at(name)} {script.untold}"))
    base = os.path.dirname(asked.at(name))
    found = read_requirements(script.dependencies, base, asked.source.root, asked.at(name))
    return Found(found, python=script.python)


def _of_file(asked: Asked) -> Found:
    path = asked.at("requirements.txt")
    asked.refuse_wanted(
        f"is given, and {path} counts, which has none; "
        f"leave it out, or write requirements.txt into {PREFIX}exclude"
    )
    found = read_requirements(path, asked.source.root, top(asked.source.root))
    check_complete(asked, found, path, "add it there")
    return Found(found, python=asked.project.python)


def _of_project(asked: Asked) -> Found:
    if asked.project.untold:
        raise ServiceError(problem("src", asked.project.untold))
    asked.check_wanted()
    root, path = asked.source.root, asked.at(asked.project.file)
    lines = asked.project.lines(asked.wanted)
    return Found(read_requirements(lines, root, top(root), path), python=asked.project.python)


def _refuse(asked: Asked, name: str) -> Found:
    advice = _FOREIGN.get(name, f"write {PREFIX}requirements: {asked.at(name)}")
    instead = f"or write what it needs in {PREFIX}requirements"
    raise ServiceError(problem("src", f"{asked.at(name)} is not read; {advice}, {instead}"))


def _unreadable(names: Iterable[str]) -> Iterator[str]:
    """Files of a source that say what it needs, and are not read."""
    yield from (name for name in _FOREIGN if name in names)
    for name in sorted(names):
        if _OTHER_FILE.fullmatch(name) and not _FOR_DEVELOPERS.search(name):
            yield name


def _script(asked: Asked) -> tuple[str, Script] | None:
    """The script that the command runs, by its path in the source, if it says what it needs."""
    for word in words_of(asked.settings.main.command):
        name = posixpath.normpath(word)
        if name in asked.names and os.path.isfile(asked.at(name)):
            said = read_script(asked.at(name))
            return (name, said) if said else None
    return None


def _made(asked: Asked, name: str, found: Found) -> Needs:
    """Needs of what was found, with the projects that it names and, unless it is complete, what they need."""
    read, libraries = found.requirements, dict[str, Library]()
    queue, seen = list(read.locals), set[str]()
    while queue:
        local = queue.pop(0)
        if local.path in seen:
            continue
        seen.add(local.path)
        source, project = asked.source, asked.project
        if local.path != source.root:
            source, _ = scan_shipped(local.path, asked.settings.exclude, asked.known)
            project = read_project(source) or Project()
            libraries[local.path] = Library(source, project, local.marker)
        if not (found.complete or read.hashed):
            more = _needed_by(local, project, read)
            read = read.joined(more)
            queue += more.locals
    _check_private(asked, name, read)
    count = len(read.lines)
    words = [
        f"{count} package{'' if count == 1 else 's'}",
        "hashed" if read.hashed else "",
        found.note,
    ]
    if libraries:
        words.append(f"with {', '.join(map(os.path.basename, libraries))}")
    said = ", ".join(filter(None, words))
    python = found.python or asked.project.python
    return Needs(read.texts, tuple(libraries.values()), f"{name}: {said}", python)


def _check_private(asked: Asked, name: str, read: Requirements) -> None:
    """Raise `ServiceError` for what the host could not fetch, unless the controller does."""
    for line in read.lines:
        if is_private(line) and not asked.settings.gather_wheels:
            said = without_credentials(f"{name} has {line!r}")
            words = "which the host cannot fetch, since the keys are here"
            instead = "write true, and the controller fetches it, or put its wheel on an index"
            raise ServiceError(problem("gather_wheels", f"{said}, {words}; {instead}"))


def _needed_by(local: Local, project: Project, read: Requirements) -> Requirements:
    """What a project needs that requirements do not have already."""
    if project.untold:
        raise ServiceError(problem("requirements", f"names {local.path}; {project.untold}"))
    lines = project.lines(map(canonicalize_name, local.extras))
    where = os.path.join(local.path, project.file)
    needed = read_requirements(lines, local.path, top(local.path), where)
    there = names_of(read.named)
    lacking = [one for one in needed.named if not names_of([one]) <= there]
    return needed if lacking or needed.locals else Requirements()
