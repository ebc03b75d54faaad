# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The one rule of what root executes and believes: what nobody else could have put there."""

from __future__ import annotations

import os
import stat


def weakness(path: str, host: str = "/") -> str | None:
    """Why what lies at ``path`` cannot be trusted, or None where only root could have put it there.

    The path itself, what it is a link to, and every directory on the way have to
    be root's, and writable by nobody else. What is not there yet is as good as
    what is above it. ``host`` is where the file system begins.
    """
    for start in dict.fromkeys((path, os.path.realpath(path))):
        found = _weakness(start, host)
        if found:
            return found
    return None


def _weakness(path: str, host: str) -> str | None:
    while True:
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            pass  # the one above it is looked at next
        else:
            link = stat.S_ISLNK(status.st_mode)  # the mode of a link means nothing
            shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            # Tests are run by others than root as well, on hosts that are their own directories.
            if status.st_uid not in (0, os.geteuid()) or (shared and not link):
                return f"{path} can be written by others than root"
        if path in (host, "/"):
            return None
        path = os.path.dirname(path)
