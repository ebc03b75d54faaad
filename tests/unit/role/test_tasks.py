"""The role's task files, run by ansible-playbook on this machine, where they change nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from python_service.module_utils.python_service.controller.manual import ROLE

#: What is left of a service that was deployed earlier in the same play.
BEFORE = {"release": "b" * 12, "previous": "a" * 12, "changed": True, "restarted": True}
NOTHING: dict[str, Any] = {
    "release": None,
    "previous": None,
    "changed": False,
    "restarted": False,
    "rolled_back": False,
    "handover": None,
    "not_honoured": [],
    "prepared": [],
    "processes": {},
}
#: Stands for each of the role's actions, and answers as a test says: by its name and the parts of
#: a deploy that it is told to do, if it is told any.
STUB = """
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        asked = " ".join([self._task.action, *self._task.args.get("parts", [])])
        return {**super().run(tmp, task_vars), **task_vars["answers"][asked]}
"""
PLAN = {
    "name": "demo",
    "absent": False,
    "pending": True,
    "release": "c" * 12,
    "slow": False,
    "prepares": False,
    "parts": ["stage", "prepare", "activate"],
}


def results(folder: Path, roles: Path, *runs: dict[str, Any]) -> list[Any]:
    """The facts that runs of the role leave, in a play that has deployed another service before.

    A run is given as variables, and as ``tasks_from``.
    """
    steps: list[dict[str, Any]] = []
    for run in runs:
        variables = {"python_service_name": "demo", **run}
        role = {"name": "python_service", "tasks_from": variables.pop("tasks_from", "main")}
        left = {"python_service_result": BEFORE, "__python_service_outcome": BEFORE}
        now = {"found": "{{ found + [python_service_result] }}"}
        steps += [
            {"ansible.builtin.set_fact": left},
            {
                "block": [{"ansible.builtin.include_role": role, "vars": variables}],
                "rescue": [{"ansible.builtin.set_fact": {"refused": True}}],
            },
            {"ansible.builtin.set_fact": now},
        ]
    told = {"content": "{{ found | to_json }}", "dest": str(folder / "told")}
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "connection": "local",
        "vars": {"ansible_python_interpreter": sys.executable, "found": []},
        "tasks": [*steps, {"ansible.builtin.copy": told}],
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    (folder / "ansible.cfg").write_text("")
    own = {"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "ANSIBLE_ROLES_PATH": str(roles)}
    program = os.path.join(os.path.dirname(sys.executable), "ansible-playbook")
    command = [program, "--inventory", "localhost,", str(folder / "play.yml")]
    ended = subprocess.run(
        command, env={**os.environ, **own}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return list(json.loads((folder / "told").read_text()))


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """A folder with the role, in which each action answers what the variable ``answers`` says."""
    role = tmp_path / "roles" / "python_service"
    for part in ("defaults", "meta", "tasks"):
        shutil.copytree(ROLE / part, role / part)
    (role / "action_plugins").mkdir()
    for action in (ROLE / "action_plugins").glob("*.py"):
        (role / "action_plugins" / action.name).write_text(STUB)
    return role.parent


def test_a_refusal_leaves_no_result_of_the_service_before(tmp_path: Path) -> None:
    bad = {"python_service_keep_releases": 0}
    left = results(tmp_path, ROLE.parent, bad, {**bad, "tasks_from": "rollback"})
    assert left == [NOTHING, NOTHING]


def test_the_result_is_of_the_step_that_was_the_last(tmp_path: Path, stubs: Path) -> None:
    deployed = {"changed": True, "release": "c" * 12, "rolled_back": False}
    not_accepted = {"failed": True, "changed": True, "release": "b" * 12, "rolled_back": True}
    answers: list[dict[str, Any]] = [
        {"plan": {"plan": PLAN}, "deploy": deployed},
        {"plan": {"plan": PLAN}, "deploy": not_accepted},
        {"plan": {"plan": PLAN}, "deploy": {"failed": True}},
        {"plan": {"plan": {**PLAN, "pending": False}, "release": "d" * 12, "previous": "c" * 12}},
        {"plan": {"plan": {**PLAN, "absent": True}}, "remove": {"changed": True}},
        {"plan": {"failed": True}},
    ]
    runs = [
        {"answers": {f"python_service_{name}": answer for name, answer in one.items()}}
        for one in answers
    ]
    assert results(tmp_path, stubs, *runs) == [
        {**NOTHING, "changed": True, "release": "c" * 12},
        {**NOTHING, "changed": True, "release": "b" * 12, "rolled_back": True},
        NOTHING,
        {**NOTHING, "release": "d" * 12, "previous": "c" * 12},
        {**NOTHING, "changed": True},
        NOTHING,
    ]


def test_commands_before_a_release_are_run_between_its_halves(tmp_path: Path, stubs: Path) -> None:
    plan = {**PLAN, "prepares": True}
    answers: dict[str, dict[str, Any]] = {
        "python_service_plan": {"plan": plan},
        "python_service_deploy stage": {"changed": True, "release": "b" * 12, "plan": plan},
        "python_service_deploy prepare": {
            "changed": True,
            "release": "b" * 12,
            "prepared": ["migrate"],
            "plan": plan,
        },
        "python_service_deploy activate": {
            "changed": True,
            "release": "c" * 12,
            "prepared": ["migrate"],
        },
    }
    bad = {"failed": True, "release": "b" * 12, "prepared": ["migrate"]}
    only_staged = {**plan, "prepares": False}
    runs: list[dict[str, Any]] = [
        {"answers": answers},
        {"answers": {**answers, "python_service_deploy prepare": bad}},
        {"answers": answers, "tasks_from": "stage"},
        {
            "answers": {
                "python_service_plan": {"plan": only_staged},
                "python_service_deploy stage": answers["python_service_deploy stage"]
                | {"plan": only_staged},
            },
            "tasks_from": "stage",
        },
        {
            "answers": {
                "python_service_plan": {"plan": {**only_staged, "parts": ["activate"]}},
                "python_service_deploy": {"changed": True, "release": "c" * 12},
            },
            "tasks_from": "activate",
        },
    ]
    staged = {**NOTHING, "changed": True, "release": "b" * 12}
    activated = {**NOTHING, "changed": True, "release": "c" * 12}
    assert results(tmp_path, stubs, *runs) == [
        {**activated, "prepared": ["migrate"]},
        {**staged, "changed": False, "prepared": ["migrate"]},
        {**staged, "prepared": ["migrate"]},
        staged,
        activated,
    ]
