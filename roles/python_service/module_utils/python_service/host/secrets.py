# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The secrets of a service on its host: files of root's, which systemd gives to processes as credentials.

Some hosts deliver credentials empty, without a word (`isolation`). There the processes
read the files themselves, which the service's group may read then, and nobody may write.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..foreign import hide
from ..layout import Layout
from ..model import DELIVERY, Release
from .accounts import Accounts
from .files import make_directory, names, read, remove, share, write
from .releases import group_of

_FOR_ROOT = (0o700, 0o600)
_FOR_GROUP = (0o750, 0o440)


class Secret(NamedTuple):
    """A secret on the host; ``closed`` says that whoever is to read it can, and nobody else.

    ``before`` is the value of before, as long as it is not proven that the service
    works with the new one.
    """

    value: str
    closed: bool = True
    before: str | None = None

    @property
    def proven(self) -> str:
        """The value that the service is known to work with."""
        return self.value if self.before is None else self.before


def secrets_from(encoded: str) -> dict[str, str]:
    """The values by their names, as the controller packs them into one parameter of a module."""
    values: dict[str, str] = json.loads(base64.b64decode(encoded)) if encoded else {}
    hide(values.values())
    return values


def readers(release: Release | None, not_honoured: Sequence[str], accounts: Accounts) -> int | None:
    """Number of the group that reads the files, where the host delivers none; else None, for root alone."""
    group = group_of(release) if release and DELIVERY in not_honoured else None
    return accounts.number("group", group) if group and accounts.exists("group", group) else None


def present(layout: Layout, group: int | None) -> dict[str, Secret]:
    """The secrets on the host by their names; ``group`` as `readers` gives it."""
    of_directory, of_file = _FOR_ROOT if group is None else _FOR_GROUP
    closed = _is_closed(layout.secrets, of_directory, group)
    found = {}
    for name in names(layout.secrets):
        value = read(layout.secret(name))
        if value is not None and not name.startswith("."):
            mode = _is_closed(layout.secret(name), of_file, group)
            found[name] = Secret(value, closed and mode, read(_before(layout, name)))
    hide(value for secret in found.values() for value in (secret.value, secret.proven))
    return found


def put(layout: Layout, name: str, value: str, group: int | None) -> None:
    """Write the value of a secret, and keep the one of before; ``group`` as `readers` gives it."""
    of_directory, of_file = _FOR_ROOT if group is None else _FOR_GROUP
    if group is None or not os.path.isdir(layout.secrets):
        make_directory(layout.secrets, 0o700)
    if group is not None:
        # Not closed in between: the service may be reading.
        share(layout.secrets, group, of_directory)
    # Of a run that was cut off, the value that it has left there was never proven.
    differs = read(layout.secret(name)) not in (None, value)
    if differs and not os.path.exists(_before(layout, name)):
        make_directory(layout.old_secrets, 0o700)
        os.link(layout.secret(name), _before(layout, name))
    write(layout.secret(name), value, of_file, group=group)


@contextlib.contextmanager
def ahead(layout: Layout, values: Mapping[str, str], group: int | None) -> Iterator[None]:
    """Have values in a directory of their own for a while; ``group`` as `readers` gives it."""
    of_directory, of_file = _FOR_ROOT if group is None else _FOR_GROUP
    try:
        if values:
            make_directory(layout.new_secrets, 0o700)
            for name, value in values.items():
                write(os.path.join(layout.new_secrets, name), value, of_file, group=group)
            if group is not None:
                share(layout.new_secrets, group, of_directory)
        yield
    finally:
        remove(layout.new_secrets)


def led_ahead(layout: Layout, text: str) -> str:
    """A unit's text in which all that leads to the secrets of what runs leads to those of `ahead`."""
    leading = rf"^({DELIVERY}=[^:\n]+:|Environment=CREDENTIALS_DIRECTORY=){re.escape(layout.secrets)}(?=/|$)"
    return re.sub(leading, lambda found: found[1] + layout.new_secrets, text, flags=re.MULTILINE)


def prune(layout: Layout, name: str) -> None:
    """Remove a secret, and the directory with the last one."""
    prune_before(layout, name)
    _remove(layout.secret(name))


def prune_before(layout: Layout, name: str) -> None:
    """Remove the value of before of a secret, and the directory with the last one."""
    _remove(_before(layout, name))


def clean(layout: Layout) -> None:
    """Remove what a run that was cut off left half written."""
    for name in names(layout.secrets):
        if name.startswith(".") and name.endswith(".new"):
            remove(layout.secret(name))
    remove(layout.new_secrets)


def _before(layout: Layout, name: str) -> str:
    return os.path.join(layout.old_secrets, name)


def _remove(path: str) -> None:
    remove(path)
    directory = os.path.dirname(path)
    if os.path.isdir(directory) and not os.listdir(directory):
        os.rmdir(directory)


def _is_closed(path: str, mode: int, group: int | None) -> bool:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_IMODE(status.st_mode) == mode and group in (None, status.st_gid)
