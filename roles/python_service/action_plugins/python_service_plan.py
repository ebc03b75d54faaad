# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Check what the role was given, look at the host, and say what the release is."""

from __future__ import annotations

import datetime
import os
import subprocess
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

#: Lines of a diff's list of files.
MOST_LISTED = 50
_UTILITIES = str(Path(__file__).resolve().parent.parent / "module_utils")
if _UTILITIES not in ansible.module_utils.__path__:
    # Ansible sends a role's module_utils to hosts, but does not import them here.
    ansible.module_utils.__path__.append(_UTILITIES)

from ansible.module_utils.python_service_changes import short_text
from ansible.module_utils.python_service_history import requester
from ansible.module_utils.python_service_input import problems, words_of
from ansible.module_utils.python_service_manual import ROLE, misuse, specification
from ansible.module_utils.python_service_parts import PartsError, gather
from ansible.module_utils.python_service_release import Parts, command_problems, describe
from ansible.module_utils.python_service_source import FILE


class ActionModule(ActionBase):  # type: ignore[misc]
    """Takes the role's variables without their prefix; returns the plan for the later steps.

    The plan has ``name``, ``root``, ``by`` (who) and ``absent`` (the state); unless
    that is true, also ``inputs`` (paths here), ``release`` (see
    `python_service_release`), ``changes`` (for a diff), and what the host lacks:
    ``unclaimed`` and ``unpublished`` (booleans), ``new_users`` and ``new_groups``.
    ``slow`` says that pip has to run.
    """

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        _refuse(misuse("main", self._task.args, task_vars))
        _, arguments = self.validate_argument_spec(argument_spec=specification("main"))
        _refuse(problems(arguments))

        plan = {"name": arguments["name"], "root": arguments["root"], "by": requester()}
        if arguments["state"] == "absent":
            return {**result, **plan, "absent": True, "unclaimed": False}

        inputs = self._inputs(arguments)
        try:
            parts = gather(inputs, ROLE / "files")
        except PartsError as error:
            raise AnsibleActionFail(str(error)) from error
        _refuse(command_problems(arguments["command"], parts))
        template = (ROLE / "templates" / "service.j2").read_text(encoding="utf-8")
        now = datetime.datetime.now(datetime.timezone.utc)
        release = {
            **describe(arguments, parts, template),
            "created": now.isoformat(timespec="seconds"),
            "by": plan["by"],
            "revision": _revision(parts.source.root) if parts.source else None,
        }
        found = self._look(arguments, parts, release, task_vars)
        result["warnings"] = found["complaints"]
        # The interpreter that was found for Ansible: else each step looks for it anew.
        result["ansible_facts"] = found.get("ansible_facts", {})
        builds = bool(parts.requirements) and not found["environment_exists"]
        installs = parts.project is not None and not found["release_exists"]
        new_users = [] if found["user_exists"] else [arguments["user"]]
        new_groups = [] if found["group_exists"] else [arguments["group"]]
        return {
            **result,
            **plan,
            "absent": False,
            "inputs": inputs,
            "release": release,
            "unclaimed": bool(new_users or new_groups) or not found["claimed"],
            "new_users": new_users,
            "new_groups": new_groups,
            "unpublished": not (found["release_exists"] and found["environment_exists"]),
            "slow": builds or installs,
            "changes": _diff(parts, found["changes"]) if "changes" in found else [],
        }

    def _inputs(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Where the parts are on the controller, by absolute paths."""
        inputs = {
            key: arguments.get(key) for key in ("src", "exclude", "requirements", "wheelhouse")
        }
        for key, value in inputs.items():
            if isinstance(value, str):
                inputs[key] = self._loader.path_dwim(value)
        return {**inputs, "directory": self._loader.get_basedir()}

    def _look(
        self,
        arguments: dict[str, Any],
        parts: Parts,
        release: dict[str, Any],
        task_vars: dict[str, Any],
    ) -> dict[str, Any]:
        program = words_of(arguments["command"])[0]
        files = None
        if self._task.diff:
            entries = parts.source.entries if parts.source else ()
            files = {entry.path: entry.content for entry in entries if entry.kind == FILE}
        found: dict[str, Any] = self._execute_module(
            module_name="python_service_look",
            module_args={
                **{key: arguments[key] for key in ("name", "root", "python", "user", "group")},
                "program": program if program.startswith("/") else None,
                "release": release["id"],
                "environment": release["environment"],
                "units": release["units"],
                "files": files,
            },
            task_vars=task_vars,
        )
        if found.get("failed") or found.get("unreachable"):
            raise AnsibleActionFail(
                found.get("msg", "the host could not be looked at"), result=found
            )
        _refuse(found["problems"])
        return found


def _diff(parts: Parts, changes: dict[str, Any]) -> list[dict[str, str]]:
    """What Ansible shows of the source's changes: a list of files, then the texts of some."""
    listed = [
        f"{sign} {path}"
        for sign, kind in (("+", "added"), ("~", "changed"), ("-", "removed"))
        for path in changes[kind]
    ]
    if not listed:
        return []
    more = len(listed) - MOST_LISTED
    if more > 0:
        listed[MOST_LISTED:] = [f"… and {more} more"]
    shown = [{"prepared": "\n".join(["files (+ added, ~ changed, - removed)", *listed]) + "\n"}]
    for path, before in changes["texts"].items():
        after: str | None = ""
        if path in changes["changed"] and parts.source:
            after = short_text(os.path.join(parts.source.root, path))
        if before is None or after is None:
            shown.append({"prepared": f"{path}: not shown, since it is long or no text\n"})
        else:
            shown.append(
                {"before_header": path, "after_header": path, "before": before, "after": after}
            )
    return shown


def _revision(directory: str) -> str | None:
    """Commit of a source that stands in a git work tree, with ``-dirty`` where it was changed."""
    command = [
        "git",
        "-C",
        directory,
        "describe",
        "--always",
        "--abbrev=40",
        "--dirty",
        "--exclude=*",
    ]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return result.stdout.strip() or None


def _refuse(problems: list[str]) -> None:
    if problems:
        raise AnsibleActionFail("\n".join(problems))
