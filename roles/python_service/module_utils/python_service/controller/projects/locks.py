# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Locks: all that a program needs, each in one version, and mostly with hashes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence

from packaging.utils import canonicalize_name

from ...errors import ServiceError
from ...source import combined_digest
from ..pip_format import named, path_of, without_credentials
from ..problems import problem
from ..requirements import read_requirements
from .asked import Asked, Found, top
from .complete import check_complete
from .exports import TOOLS, Tool, export, packages
from .pylock import PYPI, read_pylock

UV = TOOLS[0]
_HASH = re.compile(r" --hash=\S+")


def of_pylock(asked: Asked, path: str) -> Found:
    """What ``pylock.toml`` has."""
    lock = read_pylock(path, asked.wanted)
    found = _found(asked, lock.lines, path, lock.indexes)
    return found._replace(python=lock.python)


def of_lock(asked: Asked, tool: Tool, root: str) -> Found:
    """What the lock of a tool has, which lies in ``root``."""
    asked.check_wanted()
    path = os.path.join(root, tool.lock)
    lines = _exported(asked, tool, path)
    found = _found(asked, lines, path, _indexes(path, lines) if tool == UV else ())
    check_complete(asked, found.requirements, path, f"run '{tool.name} lock' there")
    return found._replace(python=asked.project.python)


def of_script_lock(asked: Asked, path: str) -> Found:
    """What the lock of uv beside a script has."""
    lines = _exported(asked, UV, path, path.removesuffix(".lock"))
    return _found(asked, lines, path, _indexes(path, lines))


def _exported(asked: Asked, tool: Tool, lock: str, script: str = "") -> list[str]:
    """What a tool exports, which it is asked once in a run."""
    # A member of a workspace is asked for where it lies.
    directory = asked.source.root if tool.in_place else os.path.dirname(lock)

    def make() -> str:
        return "\n".join(export(tool, directory, asked.project, asked.wanted, script))

    if asked.cache is None:
        return make().splitlines()
    parts = [tool.name, directory, script, *asked.wanted]
    for path in (lock, script or os.path.join(directory, "pyproject.toml")):
        with open(path, encoding="utf-8", errors="replace") as file:
            parts.append(file.read().replace("\0", ""))
    return asked.cache.text(combined_digest(parts), make).splitlines()


def _found(asked: Asked, lines: Sequence[str], path: str, indexes: Iterable[str]) -> Found:
    """What is found in the lines of a lock at ``path``."""
    bare = [line for line in lines if _wants_hash(line) and not _HASH.search(line)]
    hashed = not bare and any(_HASH.search(line) for line in lines)
    note = "" if hashed or not lines else "without hashes"
    if bare and any(_HASH.search(line) for line in lines):
        # Where pip asks for hashes it asks for all, and a checkout of git has none.
        names = sorted(requirement.name for requirement in map(named, bare) if requirement)
        note += f", since {', '.join(names) or 'one of them'} has none"
        lines = [_HASH.sub("", line) for line in lines]
    if asked.settings.require_hashes and bare:
        words = f"{path} has no hash for {without_credentials(bare[0])!r}; do without it"
        raise ServiceError(problem("require_hashes", words))
    base, name = os.path.split(path)
    lines = [*_index_lines(asked, path, indexes, hashed=hashed), *lines]
    return Found(read_requirements(lines, base, top(base), name), complete=True, note=note)


def _wants_hash(line: str) -> bool:
    return not line.startswith("-") and not path_of(_HASH.sub("", line))[0]


def _indexes(path: str, lines: Sequence[str]) -> tuple[str, ...]:
    """Indexes besides PyPI that a lock of uv takes packages of these lines from."""
    requirements = filter(None, (named(_HASH.sub("", line)) for line in lines))
    names = {canonicalize_name(requirement.name) for requirement in requirements}
    found = []
    for package in packages(path):
        source = package.get("source")
        registry = source.get("registry") if isinstance(source, dict) else None
        if isinstance(registry, str) and canonicalize_name(str(package.get("name"))) in names:
            found.append(registry.rstrip("/"))
    return tuple(dict.fromkeys(index for index in found if index != PYPI))


def _index_lines(asked: Asked, path: str, indexes: Iterable[str], *, hashed: bool) -> Iterator[str]:
    """Lines that name the indexes of a lock, unless the variables say where packages come from."""
    if asked.settings.wheelhouse or asked.settings.pip.names_an_index:
        return
    for index in indexes:
        shown = without_credentials(index)
        if not re.match("https?://", index):
            said = f"{path} takes packages from {shown}, which hosts do not have"
            raise ServiceError(problem("wheelhouse", f"is not given, and {said}; write that path"))
        if not hashed:
            # Without hashes, a package of the same name on PyPI would do as well.
            said = f"names no index, and {path} takes packages from {shown}"
            raise ServiceError(problem("pip_options", f"{said}; write ['--index-url {shown}']"))
        yield f"--extra-index-url {index}"
