# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Check what the role was given, look at the host, and say what the release is."""

from __future__ import annotations

from typing import Any

try:
    from ..module_utils.python_service.controller.action import ServiceAction, requester
    from ..module_utils.python_service.controller.contents import python_problem
    from ..module_utils.python_service.controller.plan import (
        look_options,
        plan,
        source_diff,
        stages,
    )
    from ..module_utils.python_service.errors import ServiceError
    from ..module_utils.python_service.foreign import message
except ImportError:
    # The plugins of a role are in no package, and Ansible imports no module_utils of a role here.
    from pathlib import Path

    import ansible.module_utils

    _UTILITIES = str(Path(__file__).resolve().parents[1] / "module_utils")
    if _UTILITIES not in ansible.module_utils.__path__:
        ansible.module_utils.__path__.append(_UTILITIES)
    from ansible.module_utils.python_service.controller.action import ServiceAction, requester
    from ansible.module_utils.python_service.controller.contents import python_problem
    from ansible.module_utils.python_service.controller.plan import (
        look_options,
        plan,
        source_diff,
        stages,
    )
    from ansible.module_utils.python_service.errors import ServiceError
    from ansible.module_utils.python_service.foreign import message


class ActionModule(ServiceAction):
    """Reads the role's variables; returns ``plan``, for the later steps.

    The plan has ``name``, ``root``, ``by`` (who asks), ``absent`` (the state) and
    ``unclaimed`` (whether the host has to note something first). Where the
    service is to be absent, ``remove_data``. Otherwise ``user`` and ``group``,
    ``new_users`` and ``new_groups`` (what the host lacks of them), ``release``
    (its id), ``requirements`` (where they come from), ``outcome`` (what the deploy would return), ``source_diff``,
    ``python`` (the version of the service's interpreter) and ``slow`` (whether
    pip has to run). Ansible shows all of it, so nothing secret is in it.
    """

    def perform(self, variables: dict[str, Any]) -> dict[str, Any]:
        arguments = self.arguments("main", variables)
        known = {"name": arguments["name"], "root": arguments["root"], "by": requester()}
        if arguments["state"] == "absent":
            remove_data = arguments["remove_data"]
            absent = {**known, "absent": True, "unclaimed": False, "remove_data": remove_data}
            return {"plan": absent}
        planned = plan(arguments, known["by"], self.cache)
        options = look_options(planned, arguments, diff=self._task.diff)
        found = self.on_host("python_service_look", options, variables)
        if found["problems"]:
            raise ServiceError("\n".join(found["problems"]))
        unfit = python_problem(planned.contents, arguments["python"], found["python"])
        if unfit:
            raise ServiceError(unfit)
        changed = source_diff(planned.contents, found["changes"]) if self._task.diff else []
        new_users = [] if found["user_exists"] else [arguments["user"]]
        new_groups = [] if found["group_exists"] else [arguments["group"]]
        made = {
            **known,
            "absent": False,
            "user": arguments["user"],
            "group": arguments["group"],
            "release": planned.release.id,
            "requirements": message(planned.contents.said),
            "outcome": found["outcome"],
            "source_diff": changed,
            "unclaimed": bool(new_users or new_groups) or not found["claimed"],
            "new_users": new_users,
            "new_groups": new_groups,
            "python": found["python"],
            # Under Mitogen a task in the background never ends.
            "slow": stages(found["outcome"])
            and planned.contents.installs
            and not self.under_mitogen,
        }
        return {
            "plan": made,
            "warnings": [message(text) for text in found["complaints"]],
            # The interpreter that was found for Ansible: else each step looks for it anew.
            "ansible_facts": found.get("ansible_facts", {}),
        }
