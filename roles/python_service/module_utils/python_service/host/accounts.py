# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Accounts of the host, by name; ``kind`` is ``user`` or ``group``."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Sequence

from ..errors import ServiceError
from ..foreign import printable
from .programs import run


class Accounts:
    """The account databases of the host. Tests put others in their place."""

    def exists(self, kind: str, name: str) -> bool:
        """Whether the host has an account."""
        try:
            if kind == "user":
                pwd.getpwnam(name)
            else:
                grp.getgrnam(name)
        except KeyError:
            return False
        return True

    def number(self, kind: str, name: str) -> int:
        """The number of an account."""
        try:
            return pwd.getpwnam(name).pw_uid if kind == "user" else grp.getgrnam(name).gr_gid
        except KeyError:
            raise ServiceError(
                f"the host has no {kind} {name}; deploy again to have it made"
            ) from None

    def is_root(self, user: str) -> bool:
        """Whether a user has root's number."""
        return self.exists("user", user) and pwd.getpwnam(user).pw_uid == 0

    def remove(self, kind: str, name: str) -> None:
        """Remove an account."""
        # A group may have gone with its user: login.defs(5), USERGROUPS_ENAB.
        if self.exists(kind, name):
            _do(f"{kind}del", name)

    def give_to_root(self, kind: str, name: str, directories: Sequence[str]) -> None:
        """Give root what is an account's in ``directories``, links themselves and not their targets.

        Else the next account that gets the same number would own it.
        """
        old, new = (name, "root") if kind == "user" else (f":{name}", ":root")
        for directory in directories:
            _do("chown", "-R", "-h", f"--from={old}", new, directory)


def _do(*command: str) -> None:
    result = run(command)
    if result.returncode != 0:
        raise ServiceError(f"{' '.join(command)} failed: {printable(result.stderr.strip())}")
