"""What a release is: its program, what its unit is started with, and commands that it would not hold."""

from __future__ import annotations

import json

import pytest

from builders import ORIGIN, contents, release, settings, source
from python_service.module_utils.python_service.controller.projects.project import Project
from python_service.module_utils.python_service.controller.release import (
    describe,
    prepare_problems,
    process_problems,
)
from python_service.module_utils.python_service.model import (
    Health,
    Release,
    release_from_json,
    release_to_json,
)
from python_service.module_utils.python_service.source import DIRECTORY, Entry, Source

SERVE = Project((), frozenset({"serve"}))


def directives(made: Release, name: str) -> list[str]:
    lines = made.units["demo.service"].splitlines()
    return [line.split("=", 1)[1] for line in lines if line.startswith(f"{name}=")]


def test_a_release_says_what_it_is_made_of() -> None:
    made = release(python="/usr/bin/python3.13", require_hashes=True, code="other")
    assert made.source == source("main.py", "run", content="other").digest
    assert (made.venv.python, made.venv.require_hashes) == ("/usr/bin/python3.13", True)
    assert (made.project, made.origin) == (False, ORIGIN)
    assert release(project=SERVE).project


def test_a_program_of_the_requirements_needs_no_source() -> None:
    made_of = contents(requirements=("demo\n",))._replace(source=None)
    made = describe(settings(command="demo"), made_of, ORIGIN)
    assert made.source == Source("", ()).digest


def test_the_unit_names_the_release_itself() -> None:
    made = release()
    assert directives(made, "WorkingDirectory") == [f"/opt/demo/releases/{made.id}/app"]
    assert f"PYTHON_SERVICE_RELEASE={made.id}" in directives(made, "Environment")
    assert directives(made, "LogExtraFields") == [f"PYTHON_SERVICE_RELEASE={made.id}"]


@pytest.mark.parametrize(
    ("command", "program", "rest"),
    [
        ("python -m demo 'a b'", "/opt/demo/environments/{venv}/bin/python", " -m demo 'a b'"),
        ("python\t-m  demo ", "/opt/demo/environments/{venv}/bin/python", " -m  demo"),
        ("python\t-m\tdemo\t--x", "/opt/demo/environments/{venv}/bin/python", " -m\tdemo\t--x"),
        # Python takes these for spaces, and systemd does not.
        (
            "python \u2003 -m\u00a0x",
            "/opt/demo/environments/{venv}/bin/python",
            " \u2003 -m\u00a0x",
        ),
        ("'python' -m demo", "/opt/demo/environments/{venv}/bin/python", " -m demo"),
        ("gunicorn", "/opt/demo/environments/{venv}/bin/gunicorn", ""),
        ("serve --port 1", "/opt/demo/releases/{id}/lib/bin/serve", " --port 1"),
        ("./run", "/opt/demo/releases/{id}/app/run", ""),
        ("/usr/bin/env python", "/usr/bin/env", " python"),
    ],
)
def test_the_first_word_is_looked_up(command: str, program: str, rest: str) -> None:
    made = release(command=command, project=SERVE)
    (process,) = made.processes
    assert process.program == program.format(id=made.id, venv=made.venv.id)
    assert directives(made, "ExecStart") == [process.program + rest]


def test_what_the_release_brings_comes_first() -> None:
    made = release()
    venv = f"/opt/demo/environments/{made.venv.id}/bin"
    (path,) = [line for line in directives(made, "Environment") if line.startswith("PATH=")]
    assert path.startswith(f"PATH={venv}:/usr/local/sbin:")
    assert "PYTHONPATH" not in made.units["demo.service"]


def test_a_project_has_its_own_programs_and_packages() -> None:
    made = release(project=SERVE)
    lib = f"/opt/demo/releases/{made.id}/lib"
    venv = f"/opt/demo/environments/{made.venv.id}/bin"
    (path,) = [line for line in directives(made, "Environment") if line.startswith("PATH=")]
    assert path.startswith(f"PATH={lib}/bin:{venv}:")
    assert f"PYTHONPATH={lib}" in directives(made, "Environment")


def test_a_health_check_arrives_at_the_host_as_it_is() -> None:
    health = {
        "url": "http://localhost/",
        "status": [200, 204],
        "headers": {"Host": "shop.example", "X-Number": 5},
        "socket": "/run/demo/http.sock",
    }
    made = release(health=health)
    assert release_from_json(json.loads(json.dumps(release_to_json(made)))) == made
    (process,) = made.processes
    assert process.health == Health(
        timeout=30,
        url="http://localhost/",
        status=(200, 204),
        headers={"Host": "shop.example", "X-Number": "5"},
        socket="/run/demo/http.sock",
    )
    assert made.id != release(health={**health, "status": 204}).id


def test_a_health_check_of_an_older_release_is_read() -> None:
    data = release_to_json(release(health={"url": "http://x/", "status": 204}))
    old = {"timeout": 30.0, "url": "http://x/", "status": 204, "command": None}
    data["processes"][0]["health"] = old
    assert release_from_json(data).processes[0].health == Health(
        timeout=30, url="http://x/", status=(204,)
    )


def test_a_release_says_how_it_is_proven() -> None:
    (process,) = release(settle=1.5).processes
    assert (process.unit, process.settle, process.health) == ("demo.service", 1.5, None)
    (process,) = release(health={"url": "http://127.0.0.1/"}).processes
    assert process.health == Health(timeout=30, url="http://127.0.0.1/", status=(200,))
    (process,) = release(health={"command": "check it", "timeout": 5}).processes
    assert process.health == Health(timeout=5, command="check it")
    (process,) = release(health={"command": "./check it"}).processes
    assert process.health == Health(timeout=30, command="/usr/bin/env ./check it")


@pytest.mark.parametrize(
    "command",
    [
        *("python main.py", "python3 ./main.py x", "python3.13 main.py", "python -u main.py"),
        *("python -m anything", "python", "python /usr/bin/x", "./run", "/bin/x"),
    ],
)
def test_a_command_that_the_release_holds(command: str) -> None:
    assert process_problems(settings(command=command).main, contents()) == []


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("gunicorn app:app", "'gunicorn' is not in the service's virtual environment"),
        ("python other.py", "other.py is not in the source; name a file of python_service_src"),
        ("./other", "./other is not in the source"),
        ("./main.py", "./main.py is not executable; chmod +x"),
    ],
)
def test_a_command_that_the_release_does_not_hold(command: str, problem: str) -> None:
    (found,) = process_problems(settings(command=command).main, contents())
    assert found.startswith("python_service_command: ")
    assert problem in found


@pytest.mark.parametrize("brings", [{"requirements": ("gunicorn\n",)}, {"project": SERVE}])
def test_what_pip_brings_is_looked_for_on_the_host(brings: dict[str, object]) -> None:
    assert process_problems(settings(command="gunicorn x").main, contents(**brings)) == []  # type: ignore[arg-type]


def test_a_package_directory_is_a_program_of_python() -> None:
    directory = Source("/srv", (Entry("run", DIRECTORY, False, ""),))
    assert (
        process_problems(settings(command="python run").main, contents()._replace(source=directory))
        == []
    )


def test_without_a_source_no_file_of_it_can_run() -> None:
    made_of = contents(requirements=("demo\n",))._replace(source=None)
    assert process_problems(settings(command="python main.py").main, made_of) != []
    assert process_problems(settings(command="demo").main, made_of) == []


def test_a_command_before_it_is_found_as_that_of_the_process_and_the_rest_is_systemds() -> None:
    (one,) = release(prepare=["./run  'a b' ${A} $$"]).prepare
    made = release(prepare=["./run  'a b' ${A} $$"])
    assert one.command == "./run  'a b' ${A} $$"
    assert one.line == f"/opt/demo/releases/{made.id}/app/run 'a b' ${{A}} $$"
    (one,) = release(prepare=["python main.py"]).prepare
    assert one.line.endswith("/bin/python main.py")


def test_a_command_before_it_that_the_release_does_not_hold_is_named() -> None:
    asked = settings(prepare=["python main.py", "python other.py"])
    (found,) = prepare_problems(asked, contents())
    assert found.startswith("python_service_prepare: item 2: other.py is not in the source")
