"""Does something to a module when the program imports it, and never before."""

from __future__ import annotations

import contextlib
import sys

TYPE_CHECKING = False  # `typing` costs more time to import than all of this package
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    Action = Callable[[ModuleType], None]


def when_imported(name: str, action: Action) -> None:
    """Call *action* with the module of that name once it is there; what it raises stops nobody."""
    module = sys.modules.get(name)
    if module is not None:
        _act(action, module)
        return
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    _actions.setdefault(name, []).append(action)


def _act(action: Action, module: ModuleType) -> None:
    with contextlib.suppress(Exception):
        action(module)


_actions: dict[str, list[Action]] = {}


class _Finder:
    """Finds what the others find, and acts once on what it is to act on."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        actions = _actions.pop(name, None)
        if actions is None:
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find else None
            if spec is not None:
                _act_after(spec, actions)
                return spec
        return None


def _act_after(spec: ModuleSpec, actions: Sequence[Action]) -> None:
    execute = getattr(spec.loader, "exec_module", None)
    if execute is None or isinstance(spec.loader, type):  # one for all built-in modules
        return

    def execute_and_act(module: ModuleType) -> None:
        execute(module)
        if module.__spec__ is spec:  # all that is in a zip file has one loader
            for action in actions:
                _act(action, module)

    with contextlib.suppress(Exception):
        spec.loader.exec_module = execute_and_act  # type: ignore[union-attr, method-assign]
