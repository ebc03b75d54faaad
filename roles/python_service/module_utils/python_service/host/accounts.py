# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Accounts of the host, by name; ``kind`` is ``user`` or ``group``."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Sequence

from ..errors import ServiceError
from ..foreign import shortened
from .programs import LONG, Account, end_processes, run

#: Number of the group that owns nothing: nogroup or nobody. systemd's documentation "Users, Groups,
#: UIDs and GIDs on systemd Systems".
_NO_GROUP = 65534
#: Seconds in which data may be given to another owner: there may be millions of files.
_PATIENCE = 7200.0


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

    def groups_of(self, user: str) -> list[int]:
        """Numbers of all groups that a user is in."""
        return os.getgrouplist(user, pwd.getpwnam(user).pw_gid)

    def is_root(self, user: str) -> bool:
        """Whether a user has root's number."""
        return self.exists("user", user) and pwd.getpwnam(user).pw_uid == 0

    def users_of(self, kind: str, name: str) -> list[str]:
        """Other users to whom an account's number means something: as their own, or their first group's."""
        number = self.number(kind, name)
        return [
            user.pw_name
            for user in pwd.getpwall()
            if (kind, name) != ("user", user.pw_name)
            and number == (user.pw_uid if kind == "user" else user.pw_gid)
        ]

    def end_processes(self, user: str) -> None:
        """End what runs as a user: it could change its files, and userdel(8) refuses to remove it."""
        entry = pwd.getpwnam(user)
        end_processes(Account(entry.pw_uid, entry.pw_gid), f"the user {user}")

    def make_group(self, name: str) -> None:
        """Make a system group."""
        _do("groupadd", "--system", name)

    def make_user(self, name: str, group: str, comment: str) -> None:
        """Make a system user of a group, who has neither a home nor a shell."""
        options = ["--gid", group, "--comment", comment]
        options += ["--home-dir", "/nonexistent", "--no-create-home"]
        _do("useradd", "--system", *options, "--shell", "/usr/sbin/nologin", name)

    def remove(self, kind: str, name: str) -> None:
        """Remove an account, and no other."""
        if kind == "user":
            # A group of the same name would go with it: login.defs(5), USERGROUPS_ENAB.
            _do("usermod", "--gid", str(_NO_GROUP), name)
        _do(f"{kind}del", name)

    def give_to_root(self, kind: str, name: str, directories: Sequence[str]) -> None:
        """Give root what is an account's in ``directories``, links themselves and not their targets.

        Else the next account that gets the same number would own it.
        """
        old, new = (name, "root") if kind == "user" else (f":{name}", ":root")
        for directory in directories:
            _do("chown", "-R", "-h", f"--from={old}", new, directory, limit=_PATIENCE)


def _do(*command: str, limit: float = LONG) -> None:
    result = run(command, limit=limit)
    if result.returncode != 0:
        raise ServiceError(f"{' '.join(command)} failed: {shortened(result.stderr.strip())}")
