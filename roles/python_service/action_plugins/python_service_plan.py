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

from ansible.module_utils import python_service_input as rules  # noqa: E402
from ansible.module_utils import python_service_unit as unit  # noqa: E402
from ansible.module_utils.python_service_host import Layout  # noqa: E402
from ansible.module_utils.python_service_source import (  # noqa: E402
    Source,
    SourceError,
    combined_digest,
    scan,
)

#: Characters of a SHA-256 that name a release or an environment: 48 bits, enough to tell
#: a service's releases apart, and short enough to read out.
_ID = 12


class ActionModule(ActionBase):  # type: ignore[misc]
    """Takes the role's variables without their prefix; returns the plan that the later steps follow."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        specification = _specification()
        _, arguments = self.validate_argument_spec(argument_spec=specification)
        known = [rules.PREFIX + name for name in specification]
        problems = rules.unknown_variables(task_vars, known) + rules.problems(arguments)
        _refuse(problems)

        if arguments["state"] == "absent":
            return {**result, "name": arguments["name"], "root": arguments["root"], "absent": True}

        source = self._source(arguments)
        release = _release(arguments, source)
        found = self._look(arguments, release, task_vars)
        missing = {
            kind: arguments[kind] for kind in ("user", "group") if not found[f"{kind}_exists"]
        }
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
                f"{kind}s": sorted({*found["made"][f"{kind}s"], *missing.get(kind, "").split()})
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
            _refuse([f"python_service_src: {arguments['src']} is no .py file; name one, or a directory"])
        _refuse(_command_problems(arguments["command"], source))
        return source

    def _look(
        self, arguments: dict[str, Any], release: dict[str, Any], task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        program = rules.program(arguments["command"])[0]
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
            raise AnsibleActionFail(found.get("msg", "the host could not be looked at"), result=found)
        _refuse(found["problems"])
        return found


def _specification() -> dict[str, Any]:
    """The role's argument specification, as this action's own: names without the prefix."""
    text = (_ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    options = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    known = ("type", "choices", "elements", "required")
    return {
        name.removeprefix(rules.PREFIX): {key: option[key] for key in known if key in option}
        for name, option in options.items()
    }


def _release(arguments: dict[str, Any], source: Source) -> dict[str, Any]:
    """Everything that determines what runs, and the id that is its digest."""
    handler = scan(str(_ROLE / "files" / "systemd_handler"), ["__pycache__"])
    environment = combined_digest([arguments["python"], handler.digest])[:_ID]
    # The id is part of the unit: it is the digest of the unit that has no id yet.
    nameless = _units(arguments, "", environment)
    release = combined_digest([source.digest, environment, *nameless, *nameless.values()])[:_ID]
    return {
        "id": release,
        "source": source.digest,
        "environment": environment,
        "python": arguments["python"],
        "units": _units(arguments, release, environment),
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "by": f"{getpass.getuser()}@{socket.gethostname()}",
        "revision": _revision(source.root),
    }


def _units(arguments: dict[str, Any], release: str, environment: str) -> dict[str, str]:
    layout = Layout(arguments["root"], arguments["name"])
    bin_directory = f"{layout.environment(environment)}/bin"
    app = f"{layout.release(release)}/app"
    program, _, rest = arguments["command"].strip().partition(" ")
    if program.startswith("./"):
        program = f"{app}/{program[2:]}"
    elif not program.startswith("/"):
        program = f"{bin_directory}/{program}"
    options = arguments["unit_options"]
    text = unit.render(
        (_ROLE / "templates" / "service.j2").read_text(encoding="utf-8"),
        name=layout.name,
        description=unit.text(arguments["description"]),
        type=arguments["type"],
        command=f"{program} {rest}".strip(),
        app=app,
        user=arguments["user"],
        group=arguments["group"],
        environment=layout.environment(environment),
        release=release,
        assignments=[
            unit.assignment(name, str(value)) for name, value in arguments["environment"].items()
        ],
        options={
            section: unit.option_lines(options.get(section, {})) for section in rules.SECTIONS
        },
    )
    return {layout.unit: text}


def _command_problems(command: str, source: Source) -> list[str]:
    """What the command names and the release would not hold."""
    words = rules.program(command)
    program = words[0]
    files = {entry.path: entry for entry in source.entries}
    problem = "python_service_command: "
    if program.startswith("./"):
        entry = files.get(program[2:])
        if entry is None:
            return [f"{problem}{program} is not in the source; name a file of python_service_src"]
        if entry.kind == "file" and not entry.executable:
            return [f"{problem}{program} is not executable; chmod +x it in python_service_src"]
    elif "/" not in program:
        if program not in ("python", "python3"):
            return [
                f"{problem}{program!r} is not in the service's environment; "
                "write 'python …', an absolute path on the host, or ./ and a file of the source"
            ]
        script = words[1] if len(words) > 1 else "-"
        if not script.startswith(("-", "/")) and os.path.normpath(script) not in files:
            return [f"{problem}{script} is not in the source; name a file of python_service_src"]
    return []


def _revision(directory: str) -> str | None:
    """Commit of a source that stands in a git work tree, with ``-dirty`` where it was changed."""
    command = ["git", "-C", directory, "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return result.stdout.strip() or None


def _refuse(problems: list[str]) -> None:
    if problems:
        raise AnsibleActionFail("\n".join(problems))
