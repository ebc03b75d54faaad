"""Have requests sent to a server on a host while something is done to it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).with_name("load.py").read_text(encoding="utf-8")
#: What `load.py` is told for a client that makes a connection for each request, one that keeps them, and one
#: that is not near.
ANEW: tuple[str, ...] = ()
KEPT = ("--keep",)
FAR = ("--far",)


@contextmanager
def under_load(
    host: str, port: int, rate: float, *clients: tuple[str, ...]
) -> Iterator[list[dict[str, Any]]]:
    """Have each client send so many requests a second meanwhile; afterwards the list has what `load.py` tells."""
    words = ["docker", "exec", "--interactive", host, "python3", "-c", _PROGRAM]
    running = [
        subprocess.Popen(
            [*words, str(port), str(rate), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for options in clients
    ]
    told: list[dict[str, Any]] = []
    try:
        yield told
    finally:
        told += [json.loads(client.communicate()[0]) for client in running]
