# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What this host's systemd has to say of units, before they are installed."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping

from .python_service_host import run, write


def verify(units: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Have systemd check units, texts by name; returns what it refuses and what it warns of.

    The program itself is replaced by one that every host has: on a host that
    never saw the release it is not there yet, and publishing looks for it.
    systemd checks the units that these depend on as well; what is wrong with
    those was so before, and does not count.
    """
    with tempfile.TemporaryDirectory(prefix="python_service-", dir="/run") as directory:
        paths = []
        for name, text in units.items():
            paths.append(os.path.join(directory, name))
            write(paths[-1], re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text, count=1))
        result = run(["systemd-analyze", "verify", *paths])
    complaints = [
        line.replace(directory + "/", "")
        for line in result.stderr.splitlines()
        if any(name in line for name in units)
    ]
    return (complaints, []) if result.returncode != 0 else ([], complaints)
