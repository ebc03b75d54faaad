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

import os
import subprocess
import tempfile
from collections.abc import Mapping

_SECONDS = 60


def revision(directory: str) -> str | None:
    """Commit of a source that stands in a git work tree, or None.

    With ``-dirty`` where a file of the commit was changed, or where that cannot
    be told. What is not added, or is changed inside of a submodule, is not looked at.
    """
    paths = ["--git-path", "objects", "--git-path", "index"]
    # HEAD as it stands: to look at its object could mean to fetch it.
    told = _git(
        directory,
        {},
        *("rev-parse", "--path-format=absolute", "--show-object-format", "--show-toplevel"),
        *(*paths, "HEAD"),
    )
    try:
        form, top, objects, index, commit = (told or "").splitlines()
    except ValueError:  # no work tree of git's, or none that it trusts us with
        return None
    with tempfile.TemporaryDirectory(prefix="python_service-") as own:
        os.mkdir(os.path.join(own, "refs"))
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
        # Those of submodules would be run with configurations of their own.
        only = ["--untracked-files=no", "--ignore-submodules=dirty"]
        changed = _git(top, parts, "-c", "core.fsmonitor=false", "status", "--porcelain", *only)
    return commit if changed == "" else f"{commit}-dirty"


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
