# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Have the host go back to a release, in the name of who asks here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.plugins.action import ActionBase

_ROLE = Path(__file__).resolve().parent.parent
if str(_ROLE / "module_utils") not in ansible.module_utils.__path__:
    # Ansible sends a role's module_utils to hosts, but does not import them here.
    ansible.module_utils.__path__.append(str(_ROLE / "module_utils"))

from ansible.module_utils.python_service_history import requester


class ActionModule(ActionBase):  # type: ignore[misc]
    """The controller's half of `library/python_service_rollback.py`."""

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        module_args = {**self._task.args, "by": requester()}
        return {**result, **self._execute_module(module_args=module_args, task_vars=task_vars)}
