# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What the role's actions have in common: their input, their errors, their calls to the host."""

from __future__ import annotations

import getpass
import os
import socket
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleValueOmittedError
from ansible.plugins.action import ActionBase

from ..errors import ServiceError, reason_of
from ..foreign import hide, message, shortened
from .manual import PREFIX, defaults, specification
from .problems import problem
from .run_cache import RunCache
from .secrets import texts_of
from .validation import validate

#: Arguments that are paths on the controller.
_PATHS = ("src", "requirements", "wheelhouse")
#: Bytes of the name of who asks.
_LONGEST_NAME = 256


class ServiceAction(ActionBase):  # type: ignore[misc]
    """An action of the role: `perform` is what it does, and here is what becomes of its errors."""

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        try:
            if self.under_mitogen and "." not in self._task.resolved_action:
                raise ServiceError(
                    "Mitogen cannot find the modules of a role; use the collection "
                    "pyservice.python_service, or another strategy for this play"
                )
            return {**result, **self.perform(task_vars or {})}
        # The messages are whole: Ansible would append to them what they were raised from.
        except ServiceError as error:
            raise AnsibleActionFail(message(str(error)), result=error.facts) from None
        except AnsibleError:
            raise  # Ansible's own, such as of a host that cannot be reached
        except OSError as error:
            words = f"a step failed on the controller: {error}"
            raise AnsibleActionFail(message(words)) from None
        except Exception as error:  # noqa: BLE001 - this is the door to all that may have happened
            raise AnsibleActionFail(message(reason_of(error))) from None

    @abstractmethod
    def perform(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Do the action's work with all variables of the host; its result.

        Raises `ServiceError`.
        """

    @property
    def under_mitogen(self) -> bool:
        """Whether Mitogen took over the connection to the host."""
        kinds = type(self._connection).__mro__
        return any(kind.__module__.startswith("ansible_mitogen.") for kind in kinds)

    @property
    def cache(self) -> RunCache:
        """What all hosts of this run share."""
        return RunCache(constants.DEFAULT_LOCAL_TMP)

    def arguments(self, entry: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The role's variables for an entry point, checked, by names without the prefix.

        Paths on the controller are absolute, and ``directory`` is where those
        in a list of requirements begin. A variable that is omitted counts as not given.
        """
        if PREFIX + "secrets" in self._recorded:
            raise ServiceError(
                problem(
                    "secrets",
                    "stands beside 'role:', and what stands there is given to Ansible's callbacks, "
                    "which may record it; write it below 'vars:', or into the inventory",
                )
            )
        arguments = validate(entry, self._given(entry, variables), variables)
        for name in _PATHS:
            path = arguments.get(name)
            if isinstance(path, str) and path:
                arguments[name] = self._loader.path_dwim(path)
        hide(texts_of(arguments.get("secrets", {})).values())
        return {**arguments, "directory": self._loader.get_basedir()}

    @property
    def _recorded(self) -> Mapping[str, Any]:
        """Variables that are arguments of a task as well, the one in which Ansible checks their types."""
        role = self._task._role  # noqa: SLF001 - Ansible has no other way to it
        return role.get_role_params() if role else {}

    def _given(self, entry: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        given, instead = {}, defaults(entry)
        for name in specification(entry):
            if PREFIX + name not in variables:
                continue
            try:
                given[name] = self._templar.template(variables[PREFIX + name])
            except AnsibleValueOmittedError:
                # Whoever omits a variable has hidden the role's own default of it.
                if name in instead:
                    given[name] = self._templar.template(instead[name])
        return given

    def on_host(
        self, module: str, arguments: dict[str, Any], variables: dict[str, Any], **options: Any
    ) -> dict[str, Any]:
        """Run a module on the host; its result. Raises `ServiceError` where it failed."""
        # By its full name: Mitogen looks for a short one in no collection.
        collection = self._task.resolved_action.split(".")[:-1]
        result: dict[str, Any] = self._execute_module(
            module_name=".".join([*collection, module]),
            module_args=arguments,
            task_vars=variables,
            **options,
        )
        if result.get("failed") or result.get("unreachable"):
            # What a module that broke down has left on its outputs is among them.
            facts = {
                key: message(value) if isinstance(value, str) else value
                for key, value in result.items()
                if key != "msg"
            }
            raise ServiceError(result.get("msg", f"{module} failed on the host"), **facts)
        return result


def requester() -> str:
    """Who runs this on the controller, as histories and locks name them: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an account that the system has no name for
        user = str(os.getuid())
    # What the environment calls a user may be any text, and it is to be one word of a line.
    return "".join(shortened(f"{user}@{socket.gethostname()}", _LONGEST_NAME).split())
