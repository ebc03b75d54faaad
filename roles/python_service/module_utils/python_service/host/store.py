# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The store of wheels: unpacked and compiled once for a host and an interpreter, for all services.

What is in an entry follows from the bytes of its wheel, whose digest is its name:
whoever had it fetched, it can be used by others. A venv is made of hard links to
its files. Who may read those is for the venv to say: nobody but root enters the store.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping

from ..errors import ServiceError
from ..layout import Layout
from .files import make_directory, names, remove
from .python import Python
from .trust import weakness
from .unpacking import Unpacked, unpack_wheel

#: Written into an entry when it is whole, as the last of its files.
_ENTRY = "entry.json"
_FILES = "files"
#: Where Python has what it has compiled, beside the sources.
_CACHE = "__pycache__"


class Store:
    """The entries for one interpreter, whose packages are in ``packages`` of an environment."""

    def __init__(self, layout: Layout, python: Python, packages: str) -> None:
        self._directory = os.path.join(layout.wheels, python.abi)
        self._making = os.path.join(self._directory, f".new-{layout.name}")
        self._python = python
        self._packages = packages
        self._known: dict[str, Unpacked | None] = {}
        for directory in (layout.wheels, self._directory):
            make_directory(directory, 0o700)
        found = weakness(self._directory, layout.host)
        if found:
            raise ServiceError(
                f"{found}, and what services are made from is in it; remove {layout.wheels}, and "
                "run this again"
            )

    def find(self, digest: str) -> Unpacked | None:
        """The wheel of a digest; None where it is not there, or not as it was made."""
        if digest not in self._known:
            self._known[digest] = _read(os.path.join(self._directory, digest))
        return self._known[digest]

    def add(self, wheels: Mapping[str, str]) -> list[Unpacked]:
        """All wheels, paths by digest, which are made where they are not there.

        Raises `ServiceError` for one that cannot be unpacked. What was made until then stays.
        """
        missing = [digest for digest in wheels if not self.find(digest)]
        if missing:
            remove(self._making)  # what a run that was cut off has left
            os.mkdir(self._making)
            made = {digest: self._unpack(wheels[digest], digest) for digest in missing}
            self._python.compile(self._making, self._making)
            for digest, wheel in made.items():
                made[digest] = _write(os.path.join(self._making, digest), wheel)
            # A power failure must not leave an entry of empty files under its final name.
            os.sync()
            for digest, wheel in made.items():
                self._settle(digest, wheel)
            remove(self._making)
        return [self._found(digest) for digest in sorted(wheels, key=lambda one: wheels[one])]

    def _unpack(self, wheel: str, digest: str) -> Unpacked:
        directory = os.path.join(self._making, digest)
        os.mkdir(directory)
        return unpack_wheel(wheel, os.path.join(directory, _FILES), self._packages)

    def _settle(self, digest: str, wheel: Unpacked) -> None:
        """Put a new entry in its place, unless another deploy was quicker."""
        final = os.path.join(self._directory, digest)
        found = _read(final)
        if found is None:
            if os.path.lexists(final):
                os.rename(final, os.path.join(self._making, f"{digest}.damaged"))
            os.rename(os.path.join(self._making, digest), final)
            found = wheel._replace(directory=os.path.join(final, _FILES))
        self._known[digest] = found

    def _found(self, digest: str) -> Unpacked:
        found = self.find(digest)
        if found is None:
            raise ServiceError(f"the store entry {digest} changed as it was made; run this again")
        return found


@contextlib.contextmanager
def in_use(layout: Layout) -> Iterator[None]:
    """Keep others from pruning the store meanwhile."""
    with _lock(layout, fcntl.LOCK_SH):
        yield


def prune(layout: Layout) -> None:
    """Remove the entries that no venv has files of, and what is empty then.

    Where a deploy makes a venv meanwhile, that is for a later one to do.
    """
    if not os.path.isdir(layout.wheels):
        return
    with contextlib.suppress(BlockingIOError), _lock(layout, fcntl.LOCK_EX | fcntl.LOCK_NB):
        for abi in names(layout.wheels):
            directory = os.path.join(layout.wheels, abi)
            for name in names(directory):
                entry = os.path.join(directory, name)
                if name.startswith(".") or not _is_linked(entry):
                    remove(entry)
            _remove_empty(directory)
        _remove_empty(layout.wheels)
        _remove_empty(os.path.dirname(layout.wheels))


@contextlib.contextmanager
def _lock(layout: Layout, how: int) -> Iterator[None]:
    make_directory(layout.runtime, 0o700)
    # No service has this name, since names hold no dot.
    with open(os.path.join(layout.runtime, "wheels.store.lock"), "a", encoding="ascii") as file:
        fcntl.flock(file, how)
        yield


def _remove_empty(directory: str) -> None:
    if not names(directory):
        os.rmdir(directory)


def _is_linked(entry: str) -> bool:
    """Whether some venv has a file of it."""
    return any(os.lstat(path).st_nlink > 1 for path in _files(entry))


def _files(directory: str) -> Iterator[str]:
    for above, _, found in os.walk(directory):
        yield from (os.path.join(above, name) for name in found)


def _write(entry: str, wheel: Unpacked) -> Unpacked:
    """Note what was unpacked into a new entry, and give it with what it was compiled to."""
    made = wheel._replace(files={**wheel.files, **dict(_compiled(wheel))})
    prints = {name: _print(os.path.join(wheel.directory, name)) for name in made.files.values()}
    with open(os.path.join(entry, _ENTRY), "w", encoding="utf-8") as file:
        json.dump({**made._asdict(), "prints": prints}, file)
    return made


def _compiled(wheel: Unpacked) -> Iterator[tuple[str, str]]:
    """Paths in an environment, and names, of what the files of a wheel were compiled to."""
    sources = {
        name[: -len(".py")]: path for path, name in wheel.files.items() if name.endswith(".py")
    }
    for name in names(os.path.join(wheel.directory, _CACHE)):
        number, _, rest = name.partition(".")
        directory, source = os.path.split(sources[number])
        compiled = f"{source[: -len('.py')]}.{rest}"
        yield os.path.join(directory, _CACHE, compiled), os.path.join(_CACHE, name)


def _read(entry: str) -> Unpacked | None:
    """What is in an entry; None where it is not as it was made."""
    directory = os.path.join(entry, _FILES)
    try:
        with open(os.path.join(entry, _ENTRY), encoding="utf-8") as file:
            facts = json.load(file)
        prints: Mapping[str, list[int]] = facts.pop("prints")
        for name, made in prints.items():
            if _print(os.path.join(directory, name)) != made:
                return None
        facts["requires"] = tuple(facts["requires"])
        return Unpacked(**{**facts, "directory": directory})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _print(path: str) -> list[int]:
    """What shows of a file that somebody wrote to it."""
    status = os.lstat(path)
    return [status.st_mode, status.st_size, status.st_mtime_ns]
