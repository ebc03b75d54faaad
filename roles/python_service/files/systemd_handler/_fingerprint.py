"""A short text by which the same failure is known again, in another process and another release."""

from __future__ import annotations

import logging
import os

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_LENGTH = 12
#: Where code lies that is not the program's own.
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_STANDARD = os.path.dirname(logging.__path__[0]) + os.sep


def fingerprint(error: BaseException) -> str:
    """Return twelve hexadecimal digits for *error*, of its type and of the functions that it came through.

    Those of the program itself count, by module and name; where there are none, those of installed
    packages, and else Python's own. What it was raised from counts likewise. No text, path or line
    number counts.
    """
    import hashlib  # most processes that log never get here

    text = "\n".join(_parts(error))
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:_LENGTH]


def _parts(error: BaseException) -> Iterator[str]:
    seen: set[int] = set()
    present: BaseException | None = error
    while present is not None and id(present) not in seen:
        seen.add(id(present))
        kind = type(present)
        yield f"{kind.__module__}.{kind.__qualname__}"
        frames = list(_frames(present.__traceback__))
        nearest = min((distance for distance, _ in frames), default=0)
        yield from (name for distance, name in frames if distance == nearest)
        hidden = present.__suppress_context__
        present = present.__cause__ or (None if hidden else present.__context__)


def _frames(trace: TracebackType | None) -> Iterator[tuple[int, str]]:
    """How far from the program's own code each is, and its module and function."""
    while trace is not None:
        code = trace.tb_frame.f_code
        path = code.co_filename
        distance = 0
        if any(part in path for part in _INSTALLED):
            distance = 1
        elif path.startswith((_STANDARD, "<frozen")):
            distance = 2
        yield distance, f"{trace.tb_frame.f_globals.get('__name__')}:{code.co_name}"
        trace = trace.tb_next
