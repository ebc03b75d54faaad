"""Runs code as the main module of this process, as Python itself would."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any


def run(code: CodeType, names: dict[str, Any]) -> None:
    """Run *code*; *names* are all that the main module knows at its start.

    What it raises goes to `sys.excepthook` from the program's own first frame on, and the
    process exits with status 1. To be called from a module that is not the main one, since
    that one's names are replaced: the program's are found there by pickle and by
    multiprocessing.
    """
    main_names = sys.modules["__main__"].__dict__
    main_names.clear()
    main_names.update(names)
    try:
        exec(code, main_names)  # noqa: S102 - to run a program is what this is for
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        trace = error.__traceback__
        own = trace.tb_next if trace else None  # all but the frame of this function
        sys.excepthook(type(error), error.with_traceback(own), own)
        sys.exit(1)
