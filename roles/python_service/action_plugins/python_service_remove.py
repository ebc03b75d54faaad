# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Have the host remove a service; the plan has checked the variables."""

from __future__ import annotations

from typing import Any

try:
    from ..module_utils.python_service.controller.action import ServiceAction
except ImportError:
    # The plugins of a role are in no package, and Ansible imports no module_utils of a role here.
    from pathlib import Path

    import ansible.module_utils

    _UTILITIES = str(Path(__file__).resolve().parents[1] / "module_utils")
    if _UTILITIES not in ansible.module_utils.__path__:
        ansible.module_utils.__path__.append(_UTILITIES)
    from ansible.module_utils.python_service.controller.action import ServiceAction


class ActionModule(ServiceAction):
    """The controller's half of `library/python_service_remove.py`; ``plan`` is what the plan gave."""

    def perform(self, variables: dict[str, Any]) -> dict[str, Any]:
        plan = self._task.args["plan"]
        options = {"name": plan["name"], "data": plan["remove_data"], "by": plan["by"]}
        return self.on_host("python_service_remove", options, variables)
