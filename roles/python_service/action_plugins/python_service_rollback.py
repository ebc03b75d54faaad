# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Check what a rollback was given, and have the host do it in the name of who asks here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

_UTILITIES = str(Path(__file__).resolve().parent.parent / "module_utils")
if _UTILITIES not in ansible.module_utils.__path__:
    # Ansible sends a role's module_utils to hosts, but does not import them here.
    ansible.module_utils.__path__.append(_UTILITIES)

from ansible.module_utils.python_service_history import requester
from ansible.module_utils.python_service_input import rollback_problems
from ansible.module_utils.python_service_manual import misuse, specification


class ActionModule(ActionBase):  # type: ignore[misc]
    """The controller's half of `library/python_service_rollback.py`."""

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        found = misuse("rollback", self._task.args, task_vars or {})
        if not found:
            _, arguments = self.validate_argument_spec(argument_spec=specification("rollback"))
            found = rollback_problems(arguments)
        if found:
            raise AnsibleActionFail("\n".join(found))
        module_args = {**arguments, "by": requester()}
        return {**result, **self._execute_module(module_args=module_args, task_vars=task_vars)}
