# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Pack the parts of a release, send them as one archive, and have the host deploy it."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict
from typing import Any

try:
    from ..module_utils.python_service.controller.action import ServiceAction
    from ..module_utils.python_service.controller.contents import pack_contents
    from ..module_utils.python_service.controller.installer import find_installer
    from ..module_utils.python_service.controller.once import first_come
    from ..module_utils.python_service.controller.plan import Plan, deploy_options, plan, stages
    from ..module_utils.python_service.controller.release import ID_LENGTH
    from ..module_utils.python_service.controller.wheels import Gathering, pack_gathered
    from ..module_utils.python_service.errors import ServiceError
    from ..module_utils.python_service.interpreter import interpreter_from_json
    from ..module_utils.python_service.source import combined_digest
except ImportError:
    # The plugins of a role are in no package, and Ansible imports no module_utils of a role here.
    from pathlib import Path

    import ansible.module_utils

    _UTILITIES = str(Path(__file__).resolve().parents[1] / "module_utils")
    if _UTILITIES not in ansible.module_utils.__path__:
        ansible.module_utils.__path__.append(_UTILITIES)
    from ansible.module_utils.python_service.controller.action import ServiceAction
    from ansible.module_utils.python_service.controller.contents import pack_contents
    from ansible.module_utils.python_service.controller.installer import find_installer
    from ansible.module_utils.python_service.controller.once import first_come
    from ansible.module_utils.python_service.controller.plan import (
        Plan,
        deploy_options,
        plan,
        stages,
    )
    from ansible.module_utils.python_service.controller.release import ID_LENGTH
    from ansible.module_utils.python_service.controller.wheels import Gathering, pack_gathered
    from ansible.module_utils.python_service.errors import ServiceError
    from ansible.module_utils.python_service.interpreter import interpreter_from_json
    from ansible.module_utils.python_service.source import combined_digest


class ActionModule(ServiceAction):
    """The controller's half of `library/python_service_deploy.py`; ``plan`` is what the plan gave.

    ``parts`` are those of a deploy that are done now, all that were planned unless told
    otherwise. Where others follow, the result has the plan for the next task.
    With ``async``, the host works in the background and Ansible says that it goes on.
    """

    _supports_async = True

    def perform(self, variables: dict[str, Any]) -> dict[str, Any]:
        given = self._task.args["plan"]
        parts = self._task.args.get("parts", given["parts"])
        if self._task.check_mode and parts == given["parts"]:
            outcome = given["outcome"]
            return {**outcome, "diff": [*given["files_diff"], *outcome["diff"]]}
        try:
            result = self._deploy(given, parts, variables)
        except ServiceError as error:
            error.facts["prepared"] = [*given["prepared"], *error.facts.get("prepared", [])]
            raise
        if self._task.async_val:
            return result  # of its beginning alone
        prepared = [*given["prepared"], *result.get("prepared", [])]
        next_plan = {"plan": {**given, "slow": False, "prepared": prepared}}
        return {**result, **({} if "activate" in parts else next_plan), "prepared": prepared}

    def _deploy(
        self, given: dict[str, Any], parts: list[str], variables: dict[str, Any]
    ) -> dict[str, Any]:
        arguments = self.arguments("main", variables)
        planned = plan(arguments, given["by"], self.cache)
        if planned.release.id != given["release"]:
            # Also what the release is installed from may have changed, beside the source; or a
            # variable, which is read anew here.
            raise ServiceError(
                f"the files or variables that {given['name']} is deployed from changed during the "
                "deploy; deploy again"
            )
        options = {
            **deploy_options(planned, arguments, parts),
            "by": given["by"],
            "files_diff": given["files_diff"] if parts[0] == given["parts"][0] else [],
            # What comes back of a module in the background is its own result.
            "plan": given if self._task.async_val and "activate" not in parts else None,
        }
        if parts[0] != given["parts"][0] and "activate" in parts:
            # Others could deploy since the plan was made, between the tasks.
            options["instead_of"] = given["outcome"]["previous"] or ""
        if "stage" in parts and stages(given["outcome"]) and not self._task.check_mode:
            options["archive"] = self._send(planned, given)

        def deploy(**more: str) -> dict[str, Any]:
            return self.on_host(
                "python_service_deploy",
                {**options, **more},
                variables,
                wrap_async=self._task.async_val,
            )

        if "prepare" not in parts or not given["once"] or self._task.check_mode:
            return deploy()
        host = variables["inventory_hostname"]
        return first_come(self.cache, given["once"], host, deploy)

    def _send(self, planned: Plan, given: dict[str, Any]) -> str:
        """Put the archive into a temporary directory on the host; returns its path there."""
        contents, installer, name = planned.contents, None, planned.release.id
        pack = functools.partial(pack_contents, contents)
        if contents.installs:
            found = find_installer(given["python"]["version"], planned.settings.wheelhouse)
            # Hosts may differ in the passwords that they are given for the same release, and in
            # the wheels that they can load.
            differs: list[Any] = [asdict(contents.pip)]
            if planned.settings.gather_wheels:
                how = Gathering(
                    python=given["gatherer"],
                    host=interpreter_from_json(given["python"]),
                    venv=given["lacks_venv"],
                    require_hashes=planned.settings.require_hashes,
                )
                differs.append(how)
                pack = functools.partial(pack_gathered, contents, how)
            told = combined_digest([json.dumps(differs, sort_keys=True)])
            installer, name = found.path, f"{name}-pip-{found.version}-{told[:ID_LENGTH]}"
        archive = self.cache.archive(name, functools.partial(pack, installer))
        self._make_tmp_path()
        shell = self._connection._shell
        remote: str = shell.join_path(shell.tmpdir, "release.tar.gz")
        self._transfer_file(archive, remote)
        return remote
