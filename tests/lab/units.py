"""Programs that run as units of a host."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence

from lab.commands import LabError
from lab.hosts import Host

#: No limit for those that write much; 0 would count as unset on systemd 252.
UNLIMITED = {"LogRateLimitIntervalSec": "1s", "LogRateLimitBurst": "100000000"}
_NUMBERS = itertools.count()


def start(host: Host, program: Sequence[str], *options: str, **properties: str) -> str:
    """Start a program with ``systemd-run`` and its options; the name of its unit.

    With ``--wait`` it has ended then, well or not. Raises `LabError` when it did not start.
    """
    unit = f"case-{os.getpid()}-{next(_NUMBERS)}"  # of its own also in another run on the host
    words = [f"--property={name}={value}" for name, value in properties.items()]
    result = host.run("systemd-run", "--quiet", f"--unit={unit}", *options, *words, *program)
    if result.status != 0 and "--wait" not in options:
        raise LabError(f"{host.name}: {unit} did not start: {result.stderr}")
    return unit
