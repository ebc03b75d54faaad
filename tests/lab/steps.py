"""Steps of a script as its user sees them: a line each, with the time it took."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

COLOURED = (
    sys.stdout.isatty()
    and not os.environ.get("NO_COLOR")
    and os.environ.get("TERM", "dumb") != "dumb"
)


def painted(text: str, colour: str) -> str:
    """A text in a colour, where the terminal may have it; "" is none."""
    return f"\x1b[{colour}m{text}\x1b[0m" if COLOURED and colour else text


def bold(text: str) -> str:
    return painted(text, "1")


def faint(text: str) -> str:
    return painted(text, "2")


def heading(text: str) -> None:
    """Open a part of the output."""
    print(bold(text), flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is done, then how long it took, or after what time it failed."""
    started = time.monotonic()
    print(f"  {title} ", end="", flush=True)
    try:
        yield
    except BaseException:
        print(f"{painted('failed', '31')} after {time.monotonic() - started:.1f} s", flush=True)
        raise
    print(faint(f"{time.monotonic() - started:.1f} s"), flush=True)
