"""The id of a release and its unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from module_utils.python_service_release import Parts, command_problems, describe
from module_utils.python_service_requirements import Project
from module_utils.python_service_source import DIRECTORY, FILE, Entry, Source

ROLE = Path(__file__).resolve().parents[3] / "roles" / "python_service"
TEMPLATE = (ROLE / "templates" / "service.j2").read_text()


def source(*names: str, content: str = "digest") -> Source:
    return Source("/srv/demo", tuple(Entry(name, FILE, name == "run", content) for name in names))


def parts(
    *names: str,
    code: str = "digest",
    handler: str = "digest",
    requirements: tuple[str, ...] = (),
    wheelhouse: str | None = None,
    project: Project | None = None,
) -> Parts:
    return Parts(
        source=source(*(names or ("main.py", "run")), content=code),
        project=project,
        requirements=requirements,
        wheelhouse=source("a.whl", content=wheelhouse) if wheelhouse else None,
        handler=source("h.py", content=handler),
    )


PARTS = ("code", "handler", "requirements", "wheelhouse", "project")


def release(**changes: Any) -> dict[str, Any]:
    made_of = parts(**{key: changes.pop(key) for key in PARTS if key in changes})
    arguments = {
        "name": "demo",
        "description": "Demo",
        "command": "python -m demo --name 'a b'",
        "require_hashes": False,
        "python": "/usr/bin/python3",
        "user": "demo",
        "group": "demo",
        "environment": {},
        "type": "exec",
        "logging": "auto",
        "unit_options": {},
        "health": {},
        "settle": 3.0,
        "root": "/opt",
        **changes,
    }
    return describe(arguments, made_of, TEMPLATE)


def directives(described: dict[str, Any], name: str) -> list[str]:
    lines = described["units"]["demo.service"].splitlines()
    return [line.split("=", 1)[1] for line in lines if line.startswith(f"{name}=")]


def test_the_same_inputs_are_the_same_release() -> None:
    assert release() == release()


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "other"},
        {"handler": "other"},
        {"python": "/usr/bin/python3.13"},
        {"command": "python main.py"},
        {"environment": {"A": "1"}},
        {"user": "other"},
        {"unit_options": {"Service": {"Nice": 1}}},
        {"logging": "off"},
        {"requirements": ("flask==3.1\n",)},
        {"wheelhouse": "digest"},
        {"require_hashes": True},
    ],
    ids=str,
)
def test_what_determines_what_runs_determines_the_id(changes: dict[str, Any]) -> None:
    assert release(**changes)["id"] != release()["id"]


def test_changed_code_keeps_the_environment() -> None:
    assert release(code="other")["environment"] == release()["environment"]
    assert release(handler="other")["environment"] != release()["environment"]
    for changes in (
        {"python": "/usr/bin/python3.13"},
        {"requirements": ("a\n",)},
        {"requirements": ("a\n", "b\n")},
        {"wheelhouse": "one"},
        {"wheelhouse": "two"},
    ):
        assert release(**changes)["environment"] != release()["environment"]


def test_how_it_is_accepted_is_no_part_of_the_release() -> None:
    assert release(settle=9.0, health={"url": "http://x/"})["id"] == release()["id"]


def test_a_project_has_its_own_programs_and_packages() -> None:
    project = Project((), frozenset({"serve"}))
    described = release(project=project, command="serve --port 1")
    lib = f"/opt/demo/releases/{described['id']}/lib"
    assert directives(described, "ExecStart") == [f"{lib}/bin/serve --port 1"]
    assert f"PYTHONPATH={lib}" in directives(described, "Environment")
    other = release(project=project, command="gunicorn app:app")
    environment = f"/opt/demo/environments/{other['environment']}"
    assert directives(other, "ExecStart") == [f"{environment}/bin/gunicorn app:app"]


def test_the_health_check_is_completed() -> None:
    health = release(health={"url": "http://x/"})["acceptance"]["health"]
    assert health == {"url": "http://x/", "status": 200, "timeout": 30}
    described = release(health={"command": "check", "timeout": 5}, environment={"A": 1})
    health = described["acceptance"]["health"]
    assert (health["user"], health["group"], health["timeout"]) == ("demo", "demo", 5)
    assert health["environment"]["A"] == "1"
    assert health["environment"]["PATH"].startswith("/opt/demo/environments/")


def test_the_unit_names_the_release_itself() -> None:
    described = release()
    app = f"/opt/demo/releases/{described['id']}/app"
    assert directives(described, "WorkingDirectory") == [app]
    assert f"PYTHON_SERVICE_RELEASE={described['id']}" in directives(described, "Environment")


@pytest.mark.parametrize(
    ("command", "start"),
    [
        ("python -m demo 'a b'", "/opt/demo/environments/{environment}/bin/python -m demo 'a b'"),
        ("./run", "/opt/demo/releases/{id}/app/run"),
        ("/usr/bin/env python", "/usr/bin/env python"),
    ],
)
def test_the_first_word_is_looked_up(command: str, start: str) -> None:
    described = release(command=command)
    assert directives(described, "ExecStart") == [start.format(**described)]


def test_unit_options_come_last_in_their_section() -> None:
    described = release(
        unit_options={
            "Unit": {"Documentation": ["a:1", "b:2"]},
            "Service": {"Restart": "always", "PrivateTmp": False, "Nice": 5},
            "Install": {"Alias": "x.service"},
        }
    )
    assert directives(described, "Documentation") == ["a:1", "b:2"]
    assert directives(described, "Restart") == ["on-failure", "always"]
    assert directives(described, "PrivateTmp") == ["yes", "no"]
    assert directives(described, "Nice") == ["5"]
    text = described["units"]["demo.service"]
    order = ["[Unit]", "Documentation=b:2", "[Service]", "Restart=always", "[Install]", "Alias="]
    assert sorted(order, key=text.index) == order


def test_text_of_users_is_never_a_template() -> None:
    described = release(description="{{ 7 * 7 }}", environment={"A": "{% raw %}"})
    assert directives(described, "Description") == ["{{ 7 * 7 }}"]
    assert '"A={%% raw %%}"' in directives(described, "Environment")


@pytest.mark.parametrize(
    "command",
    ["python main.py", "python3 ./main.py x", "python -m anything", "./run", "/bin/x", "python"],
)
def test_a_command_that_the_release_holds(command: str) -> None:
    assert command_problems(command, parts("main.py", "run")) == []


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("gunicorn app:app", "'gunicorn' is not in the service's environment"),
        ("python other.py", "other.py is not in the source; name a file of python_service_src"),
        ("./other", "./other is not in the source"),
        ("./main.py", "./main.py is not executable; chmod +x"),
    ],
)
def test_a_command_that_the_release_does_not_hold(command: str, problem: str) -> None:
    (found,) = command_problems(command, parts("main.py", "run"))
    assert found.startswith("python_service_command: ")
    assert problem in found


def test_what_requirements_bring_is_looked_for_on_the_host() -> None:
    assert command_problems("gunicorn x", parts(requirements=("gunicorn\n",))) == []


def test_a_directory_is_no_program() -> None:
    directory = Source("/srv", (Entry("run", DIRECTORY, False, ""),))
    assert (
        command_problems("python run", parts()._replace(source=directory)) == []
    )  # a package directory: python(1)
