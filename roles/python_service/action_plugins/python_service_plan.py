# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Check what the role was given, look at the host, and say what the release is."""

from __future__ import annotations

import datetime
import getpass
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import ansible.module_utils
import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

_ROLE = Path(__file__).resolve().parent.parent
if str(_ROLE / "module_utils") not in ansible.module_utils.__path__:
    # Ansible sends a role's module_utils to hosts, but does not import them here.
    ansible.module_utils.__path__.append(str(_ROLE / "module_utils"))

from ansible.module_utils.python_service_host import Layout
from ansible.module_utils.python_service_input import PREFIX, problems, unknown_variables, words_of
from ansible.module_utils.python_service_release import command_problems, describe
from ansible.module_utils.python_service_source import Source, SourceError, scan


class ActionModule(ActionBase):  # type: ignore[misc]
    """Takes the role's variables without their prefix; returns the plan that the later steps follow."""

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        specification = _specification()
        _, arguments = self.validate_argument_spec(argument_spec=specification)
        known = [PREFIX + name for name in specification]
        _refuse(unknown_variables(task_vars, known) + problems(arguments))

        if arguments["state"] == "absent":
            return {**result, "name": arguments["name"], "root": arguments["root"], "absent": True}

        source = self._source(arguments)
        release = _release(arguments, source)
        found = self._look(arguments, release, task_vars)
        missing = [kind for kind in ("user", "group") if not found[f"{kind}_exists"]]
        return {
            **result,
            "name": arguments["name"],
            "root": arguments["root"],
            "base": Layout(arguments["root"], arguments["name"]).base,
            "src": arguments["src"],
            "absent": False,
            "release": release,
            "release_missing": not (found["release_exists"] and found["environment_exists"]),
            "account_missing": bool(missing),
            "account_made": {
                f"{kind}s": sorted(
                    {*found["made"][f"{kind}s"], *([arguments[kind]] if kind in missing else [])}
                )
                for kind in ("user", "group")
            },
            **{f"{kind}_missing": kind in missing for kind in ("user", "group")},
        }

    def _source(self, arguments: dict[str, Any]) -> Source:
        arguments["src"] = self._loader.path_dwim(arguments["src"])
        try:
            source = scan(arguments["src"], arguments["exclude"])
        except SourceError as error:
            raise AnsibleActionFail(f"python_service_src: {error}") from error
        if os.path.isfile(arguments["src"]) and not arguments["src"].endswith(".py"):
            _refuse(
                [f"python_service_src: {arguments['src']} is no .py file; name one, or a directory"]
            )
        _refuse(command_problems(arguments["command"], source))
        return source

    def _look(
        self, arguments: dict[str, Any], release: dict[str, Any], task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        program = words_of(arguments["command"])[0]
        found: dict[str, Any] = self._execute_module(
            module_name="python_service_look",
            module_args={
                **{key: arguments[key] for key in ("name", "root", "python", "user", "group")},
                "program": program if program.startswith("/") else None,
                "release": release["id"],
                "environment": release["environment"],
            },
            task_vars=task_vars,
        )
        if found.get("failed") or found.get("unreachable"):
            raise AnsibleActionFail(
                found.get("msg", "the host could not be looked at"), result=found
            )
        _refuse(found["problems"])
        return found


def _specification() -> dict[str, Any]:
    """The role's argument specification, as this action's own: names without the prefix."""
    text = (_ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    options = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    known = ("type", "choices", "elements", "required")
    return {
        name.removeprefix(PREFIX): {key: option[key] for key in known if key in option}
        for name, option in options.items()
    }


def _release(arguments: dict[str, Any], source: Source) -> dict[str, Any]:
    handler = scan(str(_ROLE / "files" / "systemd_handler"), ["__pycache__"])
    template = (_ROLE / "templates" / "service.j2").read_text(encoding="utf-8")
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        **describe(arguments, source, handler, template),
        "created": now.isoformat(timespec="seconds"),
        "by": f"{getpass.getuser()}@{socket.gethostname()}",
        "revision": _revision(source.root),
    }


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
