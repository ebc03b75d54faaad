# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Check what a rollback was given, and have the host do it in the name of who asks here."""

from __future__ import annotations

from typing import Any

try:
    from ..module_utils.python_service.controller.action import ServiceAction, requester
except ImportError:
    # The plugins of a role are in no package, and Ansible imports no module_utils of a role here.
    from pathlib import Path

    import ansible.module_utils

    _UTILITIES = str(Path(__file__).resolve().parents[1] / "module_utils")
    if _UTILITIES not in ansible.module_utils.__path__:
        ansible.module_utils.__path__.append(_UTILITIES)
    from ansible.module_utils.python_service.controller.action import ServiceAction, requester


class ActionModule(ServiceAction):
    """The controller's half of `library/python_service_rollback.py`; reads the role's variables."""

    def perform(self, variables: dict[str, Any]) -> dict[str, Any]:
        arguments = self.arguments("rollback", variables)
        options = {
            "name": arguments["name"],
            "rollback_to": arguments["rollback_to"],
            "keep_releases": arguments["keep_releases"],
            "by": requester(),
        }
        return self.on_host("python_service_rollback", options, variables)
