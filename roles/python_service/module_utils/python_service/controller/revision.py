# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The commit of a source, without running anything that its repository names.

A repository's own configuration can name programs: a monitor of the file
system, filters, hooks, and what fetches missing objects; and so can those of
its submodules. A source may be anybody's, and is looked at in the name of
whoever deploys. So git answers from that configuration only what needs no
program; and compares the work tree with the commit by way of a git directory
of our own, which has that repository's objects and index and no configuration.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_SECONDS = 60


class Described(NamedTuple):
    """A commit: the nearest tag with a number in it, the commits since, and whether files were changed.

    Without such a tag, ``tag`` is empty and all commits count.
    """

    commit: str
    tag: str
    distance: int
    dirty: bool


class _WorkTree(NamedTuple):
    top: str
    commit: str
    parts: Mapping[str, str]

    @property
    def dirty(self) -> bool:
        # Those of submodules would be run with configurations of their own.
        only = ["--untracked-files=no", "--ignore-submodules=dirty"]
        words = ("-c", "core.fsmonitor=false", "status", "--porcelain", *only)
        return _git(self.top, self.parts, *words) != ""


def revision(directory: str) -> str | None:
    """Commit of a source that stands in a git work tree, or None.

    With ``-dirty`` where a file of the commit was changed, or where that cannot
    be told. What is not added, or is changed inside of a submodule, is not looked at.
    """
    with _work_tree(directory) as found:
        return None if found is None else found.commit + ("-dirty" if found.dirty else "")


def described(directory: str) -> Described | None:
    """The commit of a source by its tags; None where it has no commit, or history cannot be told."""
    with _work_tree(directory) as found:
        if found is None:
            return None
        told = _git(found.top, found.parts, "describe", "--tags", "--long", "--match", "*[0-9]*")
        tag, distance, _ = (told or "--").strip().rsplit("-", 2)
        if not tag:
            distance = (_git(found.top, found.parts, "rev-list", "--count", "HEAD") or "").strip()
        if not distance.isdecimal():
            return None
        return Described(found.commit, tag, int(distance), found.dirty)


@contextlib.contextmanager
def _work_tree(directory: str) -> Iterator[_WorkTree | None]:
    """A git directory of our own for the work tree that a source stands in, or None."""
    paths = ["--git-path", "objects", "--git-path", "index"]
    paths += ["--git-path", "packed-refs", "--git-path", "refs/tags", "--git-path", "shallow"]
    # HEAD as it stands: to look at its object could mean to fetch it.
    told = _git(
        directory,
        {},
        *("rev-parse", "--path-format=absolute", "--show-object-format", "--show-toplevel"),
        *(*paths, "HEAD"),
    )
    try:
        form, top, objects, index, packed, tags, shallow, commit = (told or "").splitlines()
    except ValueError:  # no work tree of git's, or none that it trusts us with
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="python_service-") as own:
        os.mkdir(os.path.join(own, "refs"))
        if os.path.isdir(tags):
            shutil.copytree(tags, os.path.join(own, "refs", "tags"))
        for path in (packed, shallow):
            if os.path.isfile(path):
                shutil.copyfile(path, os.path.join(own, os.path.basename(path)))
        _write(os.path.join(own, "HEAD"), f"{commit}\n")
        version = "[core]\nrepositoryFormatVersion = 1\n"
        _write(os.path.join(own, "config"), f"{version}[extensions]\nobjectFormat = {form}\n")
        parts = {
            "GIT_DIR": own,
            "GIT_INDEX_FILE": index,
            "GIT_OBJECT_DIRECTORY": objects,
            "GIT_OPTIONAL_LOCKS": "0",  # the index is only read
            "GIT_WORK_TREE": top,
        }
        yield _WorkTree(top, commit, parts)


def _git(directory: str, parts: Mapping[str, str], *words: str) -> str | None:
    """What git says of a directory; None where it fails, or is not there."""
    # What names another repository is left behind, as in a hook of git's; what configures it stays.
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG")
    }
    try:
        result = subprocess.run(
            ["git", "-C", directory, *words],
            env={**inherited, **parts},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(result.stdout) if result.returncode == 0 else None


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
