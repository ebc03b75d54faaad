"""Runs a program that knows nothing of the journal, with right priorities.

``python -m systemd_handler [-m MODULE | SCRIPT] ARGS…`` is ``python [-m MODULE | SCRIPT]
ARGS…`` with all of `systemd_handler._auto`: under journald each record, print, warning and
crash is one entry with its priority. Elsewhere the program runs as it is. What it starts
with the same Python gets the same, by ``$SYSTEMD_HANDLER``.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import io
import os
import sys

from systemd_handler import _auto, _program

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import CodeType

_USAGE = "usage: python -m systemd_handler [-m MODULE | SCRIPT] ARGS…"


def main() -> None:
    """Run the program that the command line names, as the main module of this process."""
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(_USAGE)
        return
    by_module = arguments[:1] == ["-m"]
    arguments = arguments[by_module:]
    if not arguments or arguments[0].startswith("-"):
        sys.exit(_USAGE)
    # Before anything of the program's is imported.
    os.environ["SYSTEMD_HANDLER"] = "auto"
    _auto.start()
    code, spec = _module(arguments[0]) if by_module else _script(arguments[0])
    path = code.co_filename
    sys.argv = [path if by_module else arguments[0], *arguments[1:]]
    # The program is the main module, also for pickle and for multiprocessing.
    names = {
        "__name__": "__main__",
        "__file__": path,
        "__spec__": spec,
        "__loader__": spec.loader if spec else None,
        "__package__": spec.parent if spec else None,
        "__builtins__": builtins,
        "__doc__": None,
    }
    _program.run(code, names)


def _module(name: str) -> tuple[CodeType, ModuleSpec]:
    # The directory that `python -m` was started in is the first of the path already.
    try:
        spec = importlib.util.find_spec(name)
        if spec and spec.submodule_search_locations is not None:
            name = f"{name}.__main__"
            spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        sys.exit(f"systemd_handler: there is no module {name} to run: {error}")
    code = spec.loader.get_code(name) if spec and spec.loader else None  # type: ignore[attr-defined]
    if spec is None or code is None:
        sys.exit(f"systemd_handler: there is no module {name} to run")
    return code, spec


def _script(path: str) -> tuple[CodeType, ModuleSpec | None]:
    full = os.path.abspath(path)  # as Python names its main module and the place it comes from
    # A directory or a zip file is run by the `__main__` that it has.
    spec = importlib.machinery.PathFinder.find_spec("__main__", [full])
    # The first place of the path is the directory of `python -m`, unless Python was told otherwise.
    ours_is_first = not (sys.flags.isolated or getattr(sys.flags, "safe_path", False))
    if ours_is_first:
        del sys.path[0]
    if spec or ours_is_first:
        sys.path.insert(0, full if spec else os.path.dirname(os.path.realpath(path)))
    if spec and spec.loader:
        return spec.loader.get_code("__main__"), spec  # type: ignore[attr-defined]
    try:
        with io.open_code(full) as file:
            return compile(file.read(), full, "exec", dont_inherit=True), None
    except OSError as error:
        sys.exit(f"systemd_handler: cannot read {path}: {error.strerror}")
    except SyntaxError as error:
        sys.excepthook(type(error), error.with_traceback(None), None)
        sys.exit(1)


if __name__ == "__main__":
    main()
