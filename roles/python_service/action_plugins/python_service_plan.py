# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Check what the role was given, look at the host, and say what the release is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

try:
    from ..module_utils.python_service.controller.action import ServiceAction, requester
    from ..module_utils.python_service.controller.contents import python_problem
    from ..module_utils.python_service.controller.hardening import isolation_warnings
    from ..module_utils.python_service.controller.once import turn_of
    from ..module_utils.python_service.controller.plan import (
        Plan,
        files_diff,
        gathers,
        look_options,
        plan,
        stages,
    )
    from ..module_utils.python_service.controller.secrets import secret_warnings
    from ..module_utils.python_service.controller.wheels import find_interpreter
    from ..module_utils.python_service.errors import ServiceError
    from ..module_utils.python_service.foreign import message
    from ..module_utils.python_service.interpreter import interpreter_from_json
    from ..module_utils.python_service.model import PARTS
except ImportError:
    # The plugins of a role are in no package, and Ansible imports no module_utils of a role here.
    from pathlib import Path

    import ansible.module_utils

    _UTILITIES = str(Path(__file__).resolve().parents[1] / "module_utils")
    if _UTILITIES not in ansible.module_utils.__path__:
        ansible.module_utils.__path__.append(_UTILITIES)
    from ansible.module_utils.python_service.controller.action import ServiceAction, requester
    from ansible.module_utils.python_service.controller.contents import python_problem
    from ansible.module_utils.python_service.controller.hardening import isolation_warnings
    from ansible.module_utils.python_service.controller.once import turn_of
    from ansible.module_utils.python_service.controller.plan import (
        Plan,
        files_diff,
        gathers,
        look_options,
        plan,
        stages,
    )
    from ansible.module_utils.python_service.controller.secrets import secret_warnings
    from ansible.module_utils.python_service.controller.wheels import find_interpreter
    from ansible.module_utils.python_service.errors import ServiceError
    from ansible.module_utils.python_service.foreign import message
    from ansible.module_utils.python_service.interpreter import interpreter_from_json
    from ansible.module_utils.python_service.model import PARTS

#: The parts of a deploy that are asked for at an entry point of the role.
_PARTS = {"main": PARTS, "stage": PARTS[:2], "activate": PARTS[2:]}


class ActionModule(ServiceAction):
    """Reads the role's variables; returns ``plan``, for the later steps.

    ``entry`` is the entry point of the role, ``main`` unless told otherwise. The plan has
    ``name``, ``by`` (who asks), ``absent`` (the state) and ``pending``
    (whether there is something to do; if not, ``release`` and ``previous`` stand
    beside the plan, with ``not_honoured``, ``processes`` and ``handover``). Where the
    service is to be absent, ``remove_data``. Otherwise ``release`` (its id), ``requirements`` (where they come from),
    ``outcome`` (what the deploy would return), ``files_diff``, ``python`` (the
    service's interpreter), ``lacks_venv`` (whether the venv is to be built), ``slow``
    (whether pip has to run), ``gatherer`` (the interpreter that gathers wheels
    here, or nothing), ``parts`` (those of the deploy that are asked for), ``prepares``
    (whether commands are to be run before it is activated), ``once`` (where hosts tell
    each other of those that are to be run once, or nothing) and ``prepared`` (those that
    were run by now). Ansible shows all of it, so nothing secret is in it.
    """

    def perform(self, variables: dict[str, Any]) -> dict[str, Any]:
        entry = self._task.args.get("entry", "main")
        arguments, parts = self.arguments(entry, variables), _PARTS[entry]
        known = {"name": arguments["name"], "by": requester()}
        if arguments["state"] == "absent":
            remove_data = arguments["remove_data"]
            absent = {**known, "absent": True, "pending": True, "remove_data": remove_data}
            return {"plan": absent}
        planned = plan(arguments, known["by"], self.cache)
        options = look_options(planned, arguments, parts, diff=self._task.diff)
        found = self.on_host("python_service_look", options, variables)
        if found["problems"]:
            raise ServiceError("\n".join(found["problems"]))
        python = found["python"]
        unfit = python and python_problem(planned.contents, arguments["python"], python["version"])
        if unfit:
            raise ServiceError(unfit)
        gatherer = ""
        if gathers(planned, found):
            gatherer = find_interpreter(interpreter_from_json(python), self.cache)
        changed = files_diff(planned.contents, found["changes"]) if self._task.diff else []
        outcome = found["outcome"]
        made = {
            **known,
            "absent": False,
            "pending": outcome["changed"],
            "release": planned.release.id,
            "requirements": message(planned.contents.said),
            "outcome": outcome,
            "files_diff": changed,
            "python": python,
            "lacks_venv": found.get("lacks_venv", False),
            "gatherer": gatherer,
            "parts": [*parts],
            "prepares": bool(outcome["prepared"]),
            "once": self._turn(planned, outcome["prepared"], variables)
            if "prepare" in parts
            else "",
            "prepared": [],
            # Under Mitogen a task in the background never ends.
            "slow": stages(outcome) and planned.contents.installs and not self.under_mitogen,
        }
        beside = (
            ()
            if outcome["changed"]
            else (
                "release",
                "previous",
                "not_honoured",
                "processes",
                "handover",
            )
        )
        warnings = [*planned.contents.warnings, *found["complaints"]]
        if outcome["changed"]:
            warnings += secret_warnings(planned.settings, planned.contents)
            warnings += isolation_warnings(planned.settings, outcome["not_honoured"])
        return {
            **{key: outcome[key] for key in beside},
            "plan": made,
            "warnings": [message(text) for text in warnings],
            # The interpreter that was found for Ansible: else each step looks for it anew.
            "ansible_facts": found.get("ansible_facts", {}),
        }

    def _turn(self, planned: Plan, pending: Sequence[str], variables: dict[str, Any]) -> str:
        """Where hosts tell each other of commands that are to be run once; empty where there are none."""
        once = [one.command for one in planned.release.prepare if one.once]
        turn = turn_of(planned.release, variables) if once else ""
        if not turn or not set(once).isdisjoint(pending):
            return turn
        # An earlier run has had them run, and a host that is new to the play need not.
        self.cache.text(turn, str)
        return ""
