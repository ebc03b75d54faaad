# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The host that steps work on."""

from __future__ import annotations

from typing import NamedTuple

from .accounts import Accounts
from .systemd import Systemd


class Machine(NamedTuple):
    """A host. Tests make another, whose file system begins at ``root``."""

    systemd: Systemd = Systemd()
    accounts: Accounts = Accounts()
    root: str = "/"
