"""The role's actions, run as Ansible runs them; only what the host would answer is made up."""

from __future__ import annotations

import functools
import gzip
import importlib
import json
import os
import shutil
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
import yaml
from ansible import constants
from ansible._internal._errors._error_utils import result_dict_from_exception
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import action_loader, connection_loader, init_plugin_loader
from ansible.template import Templar, trust_as_template
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from python_service.action_plugins import (
    python_service_deploy,
    python_service_plan,
    python_service_remove,
    python_service_rollback,
)
from python_service.module_utils.python_service import controller
from python_service.module_utils.python_service.controller import action as action_module
from python_service.module_utils.python_service.controller import contents, installer, plan, wheels
from python_service.module_utils.python_service.controller.manual import ROLE, defaults
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host.secrets import secrets_from

ACTIONS = {
    "python_service_deploy": python_service_deploy.ActionModule,
    "python_service_plan": python_service_plan.ActionModule,
    "python_service_remove": python_service_remove.ActionModule,
    "python_service_rollback": python_service_rollback.ActionModule,
}
#: A gzip-compressed tar of nothing.
EMPTY_ARCHIVE = gzip.compress(bytes(10240))
#: What `python_service_look` says of a host that never saw the service.
NEW_HOST: dict[str, Any] = {
    "problems": [],
    "complaints": [],
    "python": {
        "version": [3, 11, 2],
        "extension": ".cpython-311-x86_64-linux-gnu.so",
        "glibc": [2, 36],
    },
    "lacks_venv": True,
    "outcome": {
        "changed": True,
        "previous": None,
        "steps": ["stage 0123456789ab", "write demo.service"],
        "diff": [{"prepared": "steps\n"}],
        "warnings": [],
        "not_honoured": [],
        "prepared": [],
    },
}


class Host:
    """Answers for modules, by their names, and a record of the calls."""

    def __init__(self) -> None:
        self.answers: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.asynchronous: list[int] = []
        self.sent: set[str] = set()
        self.pip: dict[str, Any] = {}

    def execute(
        self,
        module_name: str,
        module_args: dict[str, Any],
        task_vars: dict[str, Any],
        wrap_async: int = 0,
    ) -> dict[str, Any]:
        self.calls.append((module_name, json.loads(json.dumps(module_args))))
        self.asynchronous.append(wrap_async)
        if module_args.get("archive"):
            with tarfile.open(module_args["archive"]) as tar:
                self.sent = set(tar.getnames())
                if "requirements/pip.json" in self.sent:
                    file = tar.extractfile("requirements/pip.json")
                    self.pip = json.load(file) if file else {}
        return dict(self.answers[module_name])


class Playbook:
    """A host's variables in a play of the directory ``folder``, and a way to run one action in it."""

    def __init__(self, folder: Path, host: Host) -> None:
        self.host = host
        self.loader = DataLoader()
        self.loader.set_basedir(str(folder))
        self.variables = {
            f"python_service_{name}": value for name, value in defaults("main").items()
        }
        self.set(name="demo", src="src", command="python main.py")

    def set(self, **variables: Any) -> None:
        """Set variables of the role; texts may be templates, as in a playbook."""
        for name, value in variables.items():
            template = trust_as_template(value) if isinstance(value, str) else value
            self.variables[f"python_service_{name}"] = template

    def action(self, name: str, args: dict[str, Any] | None = None, **options: Any) -> ActionBase:
        task = Task()
        task.action = name
        task._resolved_action = options.pop("resolved", name)
        task.args = args or {}
        for option, value in options.items():
            setattr(task, option, value)
        context = PlayContext()
        made = ACTIONS[name](
            task=task,
            connection=connection_loader.get("local", context),
            play_context=context,
            loader=self.loader,
            templar=Templar(loader=self.loader, variables=self.variables),
        )
        made._execute_module = self.host.execute
        return made

    def run(self, name: str, args: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """The result of an action's task, as a later task reads it from a registered variable."""
        made = self.action(name, args, **options)
        try:
            result: dict[str, Any] = made.run(task_vars=self.variables)
        finally:
            made.cleanup()
        return dict(json.loads(json.dumps(result)))

    def fails(
        self, name: str, args: dict[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        """The result of a task that fails."""
        with pytest.raises(AnsibleActionFail) as raised:
            self.run(name, args, **options)
        return dict(raised.value.result_contribution)

    def plan(self, **options: Any) -> dict[str, Any]:
        return dict(self.run("python_service_plan", **options)["plan"])

    def arguments(self) -> dict[str, Any]:
        """What an action reads of the role's variables."""
        made = self.action("python_service_plan")
        return dict(made.arguments("main", self.variables))

    def refused(self) -> str:
        return str(self.fails("python_service_plan")["msg"])


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> None:
    init_plugin_loader([])


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def playbook(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> Playbook:
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "run"))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("print()\n")
    host.answers["python_service_look"] = NEW_HOST
    return Playbook(tmp_path, host)


@pytest.fixture
def own_handler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the role's package that a test may change."""
    files = tmp_path / "files"
    shutil.copytree(ROLE / "files", files, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(plan, "gather", functools.partial(contents.gather, files=files))
    return files


@pytest.fixture
def asked_for_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked when a pip was looked for; one of a single file is found."""
    asked: list[Any] = []
    package = tmp_path / "tiny" / "pip"
    package.mkdir(parents=True)
    (package / "__main__.py").touch()

    def find(*question: Any) -> installer.Installer:
        asked.append(question)
        return installer.Installer(str(package), Version("1"), SpecifierSet())

    monkeypatch.setattr(python_service_deploy, "find_installer", find)
    return asked


@pytest.mark.parametrize("name", ACTIONS)
def test_ansible_finds_an_action_in_the_role(name: str) -> None:
    action_loader.add_directory(str(ROLE / "action_plugins"))
    task = Task()
    found = action_loader.get(
        name, task=task, connection=None, play_context=None, loader=None, templar=None
    )
    assert found._original_path == str(ROLE / "action_plugins" / f"{name}.py")


def test_the_roles_variables_are_read_and_templated(playbook: Playbook) -> None:
    playbook.variables["where"] = "src"
    playbook.variables["port"] = 8000
    playbook.set(
        description=trust_as_template("{{ python_service_name }} on {{ port }}"),
        src="{{ where }}",
        environment={"PORT": trust_as_template("{{ port }}")},
    )
    planned = playbook.arguments()
    assert planned["description"] == "demo on 8000"
    assert planned["src"].endswith("/src")
    assert planned["environment"] == {"PORT": 8000}
    assert (planned["user"], planned["group"]) == ("demo", "demo")


def test_what_looks_like_a_template_in_a_value_is_not_rendered(playbook: Playbook) -> None:
    playbook.variables["told"] = "{{ port }}"  # by a host, a file or a person
    playbook.set(description="{{ told }}")
    assert playbook.arguments()["description"] == "{{ port }}"


def test_paths_of_the_controller_begin_at_the_playbook(
    playbook: Playbook, tmp_path: Path, asked_for_pip: list[Any]
) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "a-1-py3-none-any.whl").touch()
    (tmp_path / "needs.txt").write_text("a\n")
    playbook.set(requirements="needs.txt", wheelhouse="wheels")
    planned = playbook.arguments()
    assert planned["src"] == str(tmp_path / "src")
    assert planned["requirements"] == str(tmp_path / "needs.txt")
    assert planned["wheelhouse"] == str(tmp_path / "wheels")
    assert planned["directory"] == str(tmp_path)


def test_a_path_that_is_empty_is_not_the_playbooks_directory(playbook: Playbook) -> None:
    playbook.set(src="", wheelhouse="", requirements=["demo"], command="demo")
    planned = playbook.arguments()
    assert (planned["src"], planned["wheelhouse"]) == ("", "")


def test_what_is_omitted_counts_as_not_given(playbook: Playbook) -> None:
    playbook.set(
        src="{{ omit }}",
        wheelhouse="{{ omit }}",
        python="{{ nothing | default(omit) }}",
        user="{{ omit }}",
        requirements=["demo"],
        command="demo",
        environment={"A": trust_as_template("{{ omit }}"), "B": "b"},
    )
    planned = playbook.arguments()
    assert (planned["src"], planned["wheelhouse"]) == (None, None)
    assert (planned["python"], planned["user"]) == ("/usr/bin/python3", "demo")
    assert planned["environment"] == {"B": "b"}


def test_a_refusal_is_told_once_in_ansibles_own_words(playbook: Playbook) -> None:
    playbook.set(requirements=["flask = 3"])
    with pytest.raises(AnsibleActionFail) as raised:
        playbook.plan()
    told = result_dict_from_exception(raised.value)
    assert told["msg"] == (
        "python_service_requirements: line 1: 'flask = 3' is no requirement; write 'flask == 3'"
    )


def test_bad_variables_are_refused_before_the_host_is_asked(playbook: Playbook) -> None:
    playbook.set(name="Demo", comand="x")
    assert playbook.refused() == (
        "python_service_comand: the role has no such variable; write python_service_command"
    )
    del playbook.variables["python_service_comand"]
    assert playbook.refused().startswith("python_service_name: 'Demo' cannot name")
    playbook.set(name="demo", src="nowhere")
    assert "/nowhere does not exist" in playbook.refused()
    assert playbook.host.calls == []


def test_the_plan_says_what_the_host_lacks(playbook: Playbook) -> None:
    planned = playbook.plan()
    assert planned["python"] == NEW_HOST["python"]
    assert not planned["absent"]
    assert planned["outcome"] == NEW_HOST["outcome"]


def test_the_plan_hands_on_what_was_found_of_the_host(playbook: Playbook) -> None:
    facts = {"discovered_interpreter_python": "/usr/bin/python3.13"}
    complaint = "demo.service:9: Unknown key name 'Nise', ignoring."
    found = {**NEW_HOST, "complaints": [complaint], "ansible_facts": facts}
    playbook.host.answers["python_service_look"] = found
    result = playbook.run("python_service_plan")
    assert (result["warnings"], result["ansible_facts"]) == ([complaint], facts)


def test_what_is_left_out_of_the_source_is_said(playbook: Playbook) -> None:
    Path(playbook.loader.get_basedir(), "src", ".env").touch()
    (warning,) = playbook.run("python_service_plan")["warnings"]
    assert warning.startswith("python_service_src: not shipped: .env, ")


def test_the_plan_says_where_requirements_come_from(playbook: Playbook, tmp_path: Path) -> None:
    assert playbook.plan()["requirements"] == ""
    (tmp_path / "src" / "requirements.txt").write_text("flask\n")
    assert playbook.plan()["requirements"] == "requirements.txt: 1 package"


def test_a_python_of_the_host_that_will_not_do_is_refused(
    playbook: Playbook, tmp_path: Path
) -> None:
    text = "[project]\nname = 'x'\nrequires-python = '>=3.12'\n"
    (tmp_path / "src" / "pyproject.toml").write_text(text)
    assert playbook.refused().startswith(
        "python_service_python: /usr/bin/python3 of the host is 3.11.2"
    )


def test_hosts_with_other_passwords_get_archives_of_their_own(
    playbook: Playbook, asked_for_pip: list[Any]
) -> None:
    playbook.host.answers["python_service_deploy"] = {"release": "x"}
    playbook.set(requirements=["a"], command="a")
    plans = []
    for password in ("one", "two"):
        playbook.set(pip_options=[f"--index-url https://me:{password}@index.invalid/"])
        plans.append(playbook.plan())
        playbook.run("python_service_deploy", {"plan": plans[-1]})
        assert playbook.host.pip["netrc"] == f"machine index.invalid login me password {password}\n"
    assert plans[0] == plans[1]
    assert not any(word in json.dumps(playbook.host.calls) for word in ("me:one", "me:two"))


def test_no_password_of_an_index_is_in_a_result(
    playbook: Playbook, asked_for_pip: list[Any]
) -> None:
    index = "https://me:s3cret@index.invalid/"
    found = {**NEW_HOST, "complaints": [f"cannot read {index}"]}
    playbook.host.answers["python_service_look"] = found
    playbook.set(requirements=[f"--index-url {index}", "a"], command="a")
    result = playbook.run("python_service_plan", diff=False)
    answer = {"failed": True, "msg": f"from {index}", "module_stderr": f"from {index}"}
    playbook.host.answers["python_service_deploy"] = answer
    failed = playbook.fails("python_service_deploy", {"plan": result["plan"]})
    assert "s3cret" not in json.dumps([result, playbook.host.calls, failed])
    assert failed["msg"] == "from https://****@index.invalid/"
    playbook.set(requirements=[f"--index-url {index} a b"])
    assert "https://****@index.invalid/" in playbook.refused()


def test_secrets_are_in_no_result_and_take_no_call_of_their_own(
    playbook: Playbook, host: Host
) -> None:
    playbook.plan()
    (without,) = host.calls
    values = {f"key{number}": f"the value of {number}" for number in range(10)}
    playbook.set(secrets=values)
    planned = playbook.plan()
    assert len(host.calls) == 2
    assert secrets_from(host.calls[1][1]["secrets"]) == values
    assert without[1]["secrets"] == ""
    assert "the value of" not in json.dumps(planned)
    host.answers["python_service_deploy"] = {}
    assert "the value of" not in json.dumps(
        playbook.run("python_service_deploy", {"plan": planned})
    )
    assert secrets_from(host.calls[2][1]["secrets"]) == values


def test_secrets_that_ansible_would_hand_to_callbacks_are_refused(playbook: Playbook) -> None:
    class Params:
        def get_role_params(self) -> dict[str, Any]:
            return {"python_service_secrets": {"key": "its value"}}

    said = playbook.fails("python_service_plan", _role=Params())["msg"]
    assert said.startswith("python_service_secrets: stands beside 'role:'")
    assert "its value" not in said


def test_a_variable_that_changed_since_the_plan_is_refused(playbook: Playbook) -> None:
    planned = playbook.plan()
    playbook.set(command="python main.py --more")
    failed = playbook.fails("python_service_deploy", {"plan": planned})
    assert "variables that demo is deployed from changed" in failed["msg"]


def test_what_stands_in_the_way_on_the_host_is_the_tasks_error(playbook: Playbook) -> None:
    found = {"problems": ["python_service_user: one", "python_service_root: other"]}
    playbook.host.answers["python_service_look"] = found
    assert playbook.refused() == "python_service_user: one\npython_service_root: other"


def test_only_what_pip_has_to_do_on_this_host_is_slow(playbook: Playbook) -> None:
    assert not playbook.plan()["slow"]
    playbook.set(requirements=["demo"])
    assert playbook.plan()["slow"]
    there = {**NEW_HOST, "outcome": {**NEW_HOST["outcome"], "steps": ["start demo.service"]}}
    playbook.host.answers["python_service_look"] = there
    assert not playbook.plan()["slow"]


def test_under_mitogen_nothing_is_slow_since_its_background_never_ends(
    playbook: Playbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    playbook.set(requirements=["demo"])
    local = type(playbook.action("python_service_plan")._connection)
    monkeypatch.setattr(local, "__module__", "ansible_mitogen.connection")
    playbook.host.answers["pyservice.python_service.python_service_look"] = NEW_HOST
    assert not playbook.plan(resolved="pyservice.python_service.python_service_plan")["slow"]


def test_the_diff_of_the_source_is_made_where_it_is_asked_for(playbook: Playbook) -> None:
    changes = {"added": ["main.py"], "changed": [], "removed": [], "texts": {}}
    both = {"app": changes, "etc": {**changes, "added": []}}
    playbook.host.answers["python_service_look"] = {**NEW_HOST, "changes": both}
    assert playbook.plan(diff=False)["files_diff"] == []
    (listed,) = playbook.plan(diff=True)["files_diff"]
    assert listed["prepared"].endswith("+ main.py\n")
    assert [call["files"] is None for _, call in playbook.host.calls] == [True, False]


def test_to_remove_a_service_the_plan_needs_no_host(playbook: Playbook) -> None:
    playbook.set(state="absent", remove_data="{{ true }}", src="{{ omit }}", command="{{ omit }}")
    planned = playbook.plan()
    assert planned["absent"]
    assert planned["remove_data"] is True
    assert playbook.host.calls == []


def test_a_new_release_is_sent_and_deployed(playbook: Playbook) -> None:
    playbook.set(state="stopped", keep_releases=2)
    planned = playbook.plan()
    answer = {"changed": True, "diff": [{"prepared": "a"}, {"prepared": "b"}]}
    playbook.host.answers["python_service_deploy"] = answer
    planned["files_diff"] = [{"prepared": "a"}]
    assert playbook.run("python_service_deploy", {"plan": planned}) == {**answer, "prepared": []}
    module, options = playbook.host.calls[-1]
    assert module == "python_service_deploy"
    assert options["release"]["id"] == planned["release"]
    assert (options["state"], options["keep_releases"]) == ("stopped", 2)
    assert options["by"] == planned["by"]
    assert {"app/main.py", "handler/systemd_handler/__init__.py"} <= playbook.host.sent
    assert not Path(options["archive"]).exists()  # it is taken away with the task
    # The host gives it back: of a task in the background nothing else comes back.
    assert options["files_diff"] == [{"prepared": "a"}]
    assert playbook.host.asynchronous[-1] == 0


def test_what_pip_installs_is_sent_with_a_pip_for_the_hosts_python(
    playbook: Playbook, tmp_path: Path, asked_for_pip: list[Any]
) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "a-1-py3-none-any.whl").touch()
    playbook.set(requirements=["a"], wheelhouse="wheels")
    playbook.host.answers["python_service_deploy"] = {"started": 1, "ansible_job_id": "j1"}
    args = {"plan": playbook.plan()}
    result = playbook.run("python_service_deploy", args, async_val=7200)
    assert asked_for_pip == [([3, 11, 2], str(tmp_path / "wheels"))]
    assert {
        *("requirements/0.txt", "wheelhouse/a-1-py3-none-any.whl"),
        "installer/pip/__main__.py",
    } <= playbook.host.sent
    assert playbook.host.asynchronous[-1] == 7200
    assert result["ansible_job_id"] == "j1"
    shutil.rmtree(Path(playbook.host.calls[-1][1]["archive"]).parent)  # in the host's name


@pytest.fixture
def gathering(monkeypatch: pytest.MonkeyPatch) -> list[wheels.Gathering]:
    """How wheels were gathered; any Python is found on the controller."""
    asked: list[wheels.Gathering] = []

    def pack(_: contents.Contents, how: wheels.Gathering, pip: str, archive: IO[bytes]) -> None:
        assert Path(pip).parts[-2:] == ("tiny", "pip")
        asked.append(how)
        archive.write(EMPTY_ARCHIVE)

    monkeypatch.setattr(python_service_plan, "find_interpreter", lambda *_: "/own/python")
    monkeypatch.setattr(python_service_deploy, "pack_gathered", pack)
    return asked


class TestGathering:
    """Wheels are gathered where a venv, or a project, is to be made."""

    @pytest.fixture(autouse=True)
    def _deployed(self, playbook: Playbook, asked_for_pip: list[Any]) -> None:
        playbook.host.answers["python_service_deploy"] = {"changed": True}
        playbook.set(requirements=["a"], gather_wheels=True, require_hashes=True)

    def deploy(self, playbook: Playbook, **found: Any) -> None:
        playbook.host.answers["python_service_look"] = {**NEW_HOST, **found}
        playbook.run("python_service_deploy", {"plan": playbook.plan()})

    def test_it_is_done_once_for_all_hosts_that_take_the_same_wheels(
        self, playbook: Playbook, gathering: list[wheels.Gathering]
    ) -> None:
        for _ in range(2):
            self.deploy(playbook)
        (how,) = gathering
        assert how.python == "/own/python"
        assert how.host.extension == ".cpython-311-x86_64-linux-gnu.so"
        assert (how.venv, how.require_hashes) == (True, True)
        self.deploy(playbook, python={**NEW_HOST["python"], "glibc": [2, 31]})
        assert [one.host.glibc for one in gathering] == [(2, 36), (2, 31)]

    def test_no_interpreter_is_needed_where_the_host_has_the_venv(
        self, playbook: Playbook, gathering: list[wheels.Gathering], tmp_path: Path
    ) -> None:
        self.deploy(playbook, lacks_venv=False)
        text = "[build-system]\nrequires = []\n[project]\nname = 'x'\nversion = '1'\n"
        (tmp_path / "src" / "pyproject.toml").write_text(text)
        self.deploy(playbook, lacks_venv=False)
        assert [(how.python, how.venv) for how in gathering] == [
            ("", False),
            ("/own/python", False),
        ]

    def test_the_release_is_the_same_without_it(
        self, playbook: Playbook, gathering: list[wheels.Gathering]
    ) -> None:
        before = playbook.plan()
        playbook.set(gather_wheels=False)
        after = playbook.plan()
        assert before["release"] == after["release"]
        assert (before["gatherer"], after["gatherer"]) == ("/own/python", "")
        assert gathering == []  # the plan fetches nothing

    def test_a_controller_that_lacks_the_hosts_python_is_refused_in_the_plan(
        self, playbook: Playbook
    ) -> None:
        python = {**NEW_HOST["python"], "extension": ".cpython-311-mips-linux-gnu.so"}
        playbook.host.answers["python_service_look"] = {**NEW_HOST, "python": python}
        assert playbook.refused().startswith("python_service_gather_wheels: the host's Python is")
        assert [name for name, _ in playbook.host.calls] == ["python_service_look"]


def test_an_archive_is_packed_once_for_all_hosts_of_a_run(
    playbook: Playbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    playbook.host.answers["python_service_deploy"] = {"changed": True}
    args = {"plan": playbook.plan()}
    packed: list[str] = []

    def pack(made_of: contents.Contents, pip: str | None, archive: IO[bytes]) -> None:
        packed.append(archive.name)
        contents.pack_contents(made_of, pip, archive)

    monkeypatch.setattr(python_service_deploy, "pack_contents", pack)
    for _ in range(2):
        playbook.host.sent.clear()
        playbook.run("python_service_deploy", args)
        assert "app/main.py" in playbook.host.sent
    assert len(packed) == 1


def test_a_release_that_is_there_is_not_sent_again(playbook: Playbook) -> None:
    there = {**NEW_HOST, "outcome": {**NEW_HOST["outcome"], "steps": ["start demo.service"]}}
    playbook.host.answers["python_service_look"] = there
    planned = playbook.plan()
    playbook.host.answers["python_service_deploy"] = {"changed": True}
    playbook.run("python_service_deploy", {"plan": planned})
    assert "archive" not in playbook.host.calls[-1][1]


def test_where_nothing_is_to_be_done_the_plan_is_the_outcome(playbook: Playbook) -> None:
    found = {"changed": False, "steps": [], "diff": [], "release": "b", "previous": "a"}
    told: dict[str, Any] = {
        "not_honoured": ["PrivateUsers"],
        "processes": {"main": {"state": "active"}},
        "handover": "not needed",
    }
    outcome = {**NEW_HOST["outcome"], **found, **told}
    playbook.host.answers["python_service_look"] = {**NEW_HOST, "outcome": outcome}
    result = playbook.run("python_service_plan")
    assert not result["plan"]["pending"]
    assert (result["release"], result["previous"]) == ("b", "a")
    assert {name: result[name] for name in told} == told
    assert result["warnings"] == []
    playbook.host.answers["python_service_look"] = NEW_HOST
    result = playbook.run("python_service_plan")
    assert result["plan"]["pending"]
    assert "release" not in result


def test_a_deploy_says_what_is_open_in_the_sandbox(playbook: Playbook) -> None:
    playbook.set(unit_options={"Service": {"PrivateTmp": False, "Nice": 5}})
    outcome = {**NEW_HOST["outcome"], "not_honoured": ["PrivateIPC", "PrivateUsers"]}
    playbook.host.answers["python_service_look"] = {**NEW_HOST, "outcome": outcome}
    opened, lacking = playbook.run("python_service_plan")["warnings"]
    assert opened == "python_service_unit_options: opens what strict denies: PrivateTmp"
    assert lacking.startswith("this host cannot honour PrivateIPC, PrivateUsers; ")


def test_check_mode_says_what_a_deploy_would_return_and_makes_no_call(playbook: Playbook) -> None:
    planned = playbook.plan(check_mode=True)
    planned["files_diff"] = [{"prepared": "a"}]
    result = playbook.run("python_service_deploy", {"plan": planned}, check_mode=True)
    assert result["changed"]
    assert result["steps"] == NEW_HOST["outcome"]["steps"]
    assert result["diff"] == [{"prepared": "a"}, {"prepared": "steps\n"}]
    assert [name for name, _ in playbook.host.calls] == ["python_service_look"]


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "src" / "main.py").write_text("print(1)\n"),
        lambda folder: (folder / "src" / "new.py").touch(),
        lambda folder: (folder / "needs.txt").write_text("a==2\n"),
        lambda folder: (folder / "more.txt").write_text("b==2\n"),
        lambda folder: (folder / "wheels" / "a-2-py3-none-any.whl").touch(),
        lambda folder: (folder / "files" / "systemd_handler" / "_gil.py").write_text("x = 1\n"),
    ],
    ids=["source", "new-file", "requirements", "included", "wheelhouse", "handler"],
)
def test_a_release_that_changed_since_the_plan_is_refused(
    playbook: Playbook,
    tmp_path: Path,
    own_handler: Path,
    asked_for_pip: list[Any],
    change: Callable[[Path], object],
) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "a-1-py3-none-any.whl").touch()
    (tmp_path / "needs.txt").write_text("a==1\n-r more.txt\n")
    (tmp_path / "more.txt").write_text("b==1\n")
    playbook.set(requirements="needs.txt", wheelhouse="wheels")
    planned = playbook.plan()
    change(tmp_path)
    failed = playbook.fails("python_service_deploy", {"plan": planned})
    assert failed["msg"] == (
        "the files or variables that demo is deployed from changed during the deploy; deploy again"
    )
    assert [name for name, _ in playbook.host.calls] == ["python_service_look"]


def test_an_error_of_the_host_is_the_tasks_error_with_its_facts(playbook: Playbook) -> None:
    args = {"plan": playbook.plan()}
    answer = {
        "failed": True,
        "msg": "Release 1 was not accepted.\nRelease 0 runs again.",
        "changed": True,
        "rolled_back": True,
        "release": "0",
    }
    playbook.host.answers["python_service_deploy"] = answer
    assert playbook.fails("python_service_deploy", args) == {**answer, "prepared": []}


def test_a_module_that_fails_without_a_word_is_named(playbook: Playbook) -> None:
    playbook.host.answers["python_service_look"] = {"failed": True, "rc": 137}
    failed = playbook.fails("python_service_plan")
    assert failed["msg"] == "python_service_look failed on the host"
    assert failed["rc"] == 137


def test_a_host_that_cannot_be_reached_stays_unreachable(playbook: Playbook) -> None:
    answer = {"unreachable": True, "msg": "no route to host"}
    playbook.host.answers["python_service_look"] = answer
    failed = playbook.fails("python_service_plan")
    assert (failed["unreachable"], failed["msg"]) == (True, "no route to host")


def test_what_ansible_raises_stays_what_it_is(
    playbook: Playbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(**_: object) -> None:
        raise AnsibleConnectionFailure("no route to host")

    monkeypatch.setattr(playbook.host, "execute", lost)
    with pytest.raises(AnsibleConnectionFailure):  # by which Ansible tells the unreachable
        playbook.plan()


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (PermissionError(13, "denied", "/x"), "a step failed on the controller: [Errno 13] denied"),
        (UnicodeError("odd"), "a fault of the role itself, please report it: UnicodeError('odd')"),
        (KeyError("plan"), "a fault of the role itself, please report it: KeyError('plan')"),
        (ServiceError("a \x1b[2J \udcff"), "a \\x1b[2J \\udcff"),
    ],
    ids=repr,
)
def test_whatever_goes_wrong_is_one_sentence_that_any_terminal_can_show(
    playbook: Playbook, monkeypatch: pytest.MonkeyPatch, trouble: Exception, told: str
) -> None:
    def fail(**_: object) -> None:
        raise trouble

    monkeypatch.setattr(playbook.host, "execute", fail)
    with pytest.raises(AnsibleActionFail) as raised:
        playbook.plan()
    assert str(result_dict_from_exception(raised.value)["msg"]).startswith(told)


def test_a_file_is_named_in_a_message_whatever_it_is_called(
    playbook: Playbook, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "src" / "a\udcff\x1b")
    assert "/a\\udcff\\x1b is a pipe; remove it or exclude it" in playbook.refused()


def test_a_message_has_an_end(playbook: Playbook) -> None:
    playbook.host.answers["python_service_look"] = {"failed": True, "msg": "x" * 100_000}
    assert len(playbook.refused()) < 21_000


def test_a_service_is_removed_in_the_name_of_who_asks(playbook: Playbook) -> None:
    playbook.host.answers["python_service_remove"] = {"changed": True, "removed": []}
    playbook.set(state="absent", remove_data=True)
    planned = playbook.plan()
    playbook.run("python_service_remove", {"plan": planned})
    assert playbook.host.calls == [
        ("python_service_remove", {"name": "demo", "data": True, "by": planned["by"]})
    ]


def test_a_rollback_reads_its_own_variables(playbook: Playbook) -> None:
    playbook.host.answers["python_service_rollback"] = {"changed": True, "release": "b"}
    playbook.set(keep_releases=3, src="nowhere")
    playbook.run("python_service_rollback")
    playbook.set(rollback_to="0123456789ab")
    playbook.run("python_service_rollback")
    asked = [options for _, options in playbook.host.calls]
    assert [options["rollback_to"] for options in asked] == [None, "0123456789ab"]
    assert (asked[0]["name"], asked[0]["keep_releases"]) == ("demo", 3)
    assert "@" in asked[0]["by"]


def test_a_bad_rollback_is_refused(playbook: Playbook) -> None:
    playbook.set(keep_releases=0)
    failed = playbook.fails("python_service_rollback")
    assert failed["msg"].startswith("python_service_keep_releases: 0 is below 1")


def test_in_a_collection_the_modules_go_by_their_full_names(playbook: Playbook) -> None:
    full = "pyservice.python_service.python_service_look"
    playbook.host.answers[full] = NEW_HOST
    playbook.plan(resolved="pyservice.python_service.python_service_plan")
    assert [name for name, _ in playbook.host.calls] == [full]


@pytest.mark.parametrize("name", ACTIONS)
def test_mitogen_is_refused_in_a_role_with_what_to_use_instead(
    playbook: Playbook, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = playbook.action(name, {"plan": {}})
    monkeypatch.setattr(type(made._connection), "__module__", "ansible_mitogen.connection")
    with pytest.raises(AnsibleActionFail) as raised:
        made.run(task_vars=playbook.variables)
    collection = yaml.safe_load((ROLE.parents[1] / "galaxy.yml").read_text())
    name = f"{collection['namespace']}.{collection['name']}"
    assert f"use the collection {name}" in str(raised.value)
    assert playbook.host.calls == []


def test_mitogen_is_welcome_in_a_collection(
    playbook: Playbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = type(playbook.action("python_service_plan")._connection)
    monkeypatch.setattr(local, "__module__", "ansible_mitogen.connection")
    playbook.host.answers["pyservice.python_service.python_service_look"] = NEW_HOST
    playbook.plan(resolved="pyservice.python_service.python_service_plan")


def test_who_asks_is_told_as_user_at_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "alice")
    assert action_module.requester() == f"alice@{socket.gethostname()}"


def test_who_asks_is_one_word_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "a b\nc\x1b\udcff" + "x" * 1000)
    monkeypatch.setattr("socket.gethostname", lambda: "h\u202e")
    who = action_module.requester()
    assert who.startswith("abc\\x1b\\udcffxxx")
    assert who.endswith("x@h\\u202e")
    assert len(who) < 300


def test_an_ansible_that_is_too_old_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ansible.release.__version__", "2.18.12rc1")
    with pytest.raises(AnsibleError, match=r"needs ansible-core 2\.19 or newer, and this is 2\.18"):
        importlib.reload(controller)
    monkeypatch.undo()
    importlib.reload(controller)


def test_the_oldest_ansible_is_the_same_everywhere() -> None:
    project = ROLE.parents[1]
    oldest = ".".join(map(str, controller.OLDEST_ANSIBLE))
    meta = yaml.safe_load((ROLE / "meta" / "main.yml").read_text())
    runtime = yaml.safe_load((project / "meta" / "runtime.yml").read_text())
    assert meta["galaxy_info"]["min_ansible_version"] == oldest
    assert runtime["requires_ansible"] == f">={oldest}.0"
    for readme in (project / "README.md", ROLE / "README.md"):
        assert f"ansible-core {oldest}" in readme.read_text().replace("\n", " ")


@pytest.mark.parametrize("trouble", [KeyError("uid"), OSError("no entry")], ids=repr)
def test_an_account_without_a_name_is_told_by_its_number(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def nameless() -> str:
        raise trouble

    monkeypatch.setattr("getpass.getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 4711)
    assert action_module.requester() == f"4711@{socket.gethostname()}"


class TestPrepare:
    """Commands that run before a release is activated."""

    @pytest.fixture
    def planned(self, playbook: Playbook) -> dict[str, Any]:
        playbook.variables["ansible_play_hosts_all"] = ["web1", "web2"]
        playbook.variables["inventory_hostname"] = "web1"
        playbook.set(prepare=["python main.py migrate"])
        return self.plan(playbook, "python main.py migrate")

    def plan(self, playbook: Playbook, *pending: str, **options: Any) -> dict[str, Any]:
        """The plan, where these commands are to be run on the host."""
        outcome = {**NEW_HOST["outcome"], "prepared": pending}
        playbook.host.answers["python_service_look"] = {**NEW_HOST, "outcome": outcome}
        return playbook.plan(**options)

    def prepare(
        self, playbook: Playbook, planned: dict[str, Any], **options: Any
    ) -> dict[str, Any]:
        answer = {"changed": True, "prepared": ["python main.py migrate"]}
        playbook.host.answers["python_service_deploy"] = answer
        args = {"plan": planned, "parts": ["prepare"]}
        return playbook.run("python_service_deploy", args, **options)

    def told(self, playbook: Playbook) -> list[Any]:
        """What the hosts were told of others, in each call."""
        calls = [args for module, args in playbook.host.calls if module == "python_service_deploy"]
        return [args.get("elsewhere") for args in calls]

    def test_the_first_host_runs_them_and_the_next_takes_its_word(
        self, playbook: Playbook, planned: dict[str, Any]
    ) -> None:
        assert planned["prepares"]
        for host in ("web1", "web2"):
            playbook.variables["inventory_hostname"] = host
            self.prepare(playbook, planned)
        assert self.told(playbook) == [None, ""]
        _, options = playbook.host.calls[-1]
        assert options["parts"] == ["prepare"]
        assert "archive" not in options

    def test_the_next_task_knows_what_was_run(
        self, playbook: Playbook, planned: dict[str, Any]
    ) -> None:
        result = self.prepare(playbook, planned)
        assert result["plan"] == {**planned, "prepared": ["python main.py migrate"]}
        playbook.host.answers["python_service_deploy"] = {"changed": True, "prepared": []}
        args = {"plan": result["plan"], "parts": ["activate"]}
        assert playbook.run("python_service_deploy", args) == {
            "changed": True,
            "prepared": ["python main.py migrate"],
        }
        playbook.host.answers["python_service_deploy"] = {"failed": True, "msg": "not accepted"}
        failed = playbook.fails("python_service_deploy", args)
        assert failed["prepared"] == ["python main.py migrate"]

    def test_the_host_is_told_what_the_release_is_to_take_the_place_of(
        self, playbook: Playbook, planned: dict[str, Any]
    ) -> None:
        planned["outcome"]["previous"] = "0"
        playbook.host.answers["python_service_deploy"] = {"changed": True}
        for parts in (["stage"], ["activate"]):
            args = {"plan": planned, "parts": parts}
            playbook.run("python_service_deploy", args)
        _, options = playbook.host.calls[-1]
        assert options["instead_of"] == "0"
        assert "instead_of" not in playbook.host.calls[-2][1]

    def test_a_host_that_was_prepared_earlier_tells_those_that_are_new(
        self, playbook: Playbook, planned: dict[str, Any]
    ) -> None:
        assert self.plan(playbook)["once"] == ""
        self.prepare(playbook, planned)
        assert self.told(playbook) == [""]

    def test_what_each_host_runs_is_nobodys_turn(self, playbook: Playbook) -> None:
        command = "python main.py collect"
        playbook.set(prepare=[{"command": command, "once": False}])
        planned = self.plan(playbook, command)
        for _ in range(2):
            self.prepare(playbook, planned)
        assert self.told(playbook) == [None, None]

    def test_check_mode_takes_nobodys_turn(
        self, playbook: Playbook, planned: dict[str, Any]
    ) -> None:
        for _ in range(2):
            self.prepare(playbook, planned, check_mode=True)
        assert self.told(playbook) == [None, None]

    @pytest.mark.parametrize(
        ("entry", "parts"), [("stage", ["stage", "prepare"]), ("activate", ["activate"])]
    )
    def test_a_half_of_a_deploy_is_looked_at_by_itself(
        self, playbook: Playbook, planned: dict[str, Any], entry: str, parts: list[str]
    ) -> None:
        half = playbook.run("python_service_plan", {"entry": entry})["plan"]
        assert half["parts"] == parts
        assert playbook.host.calls[-1][1]["parts"] == parts
        # Whoever activates says nothing of what others have run.
        assert bool(half["once"]) == (entry == "stage")

    def test_what_goes_on_in_the_background_brings_the_plan_back(
        self, playbook: Playbook, planned: dict[str, Any]
    ) -> None:
        playbook.host.answers["python_service_deploy"] = {"started": 1}
        args = {"plan": planned, "parts": ["stage"]}
        result = playbook.run("python_service_deploy", args, async_val=60)
        assert result == {"started": 1}
        assert playbook.host.calls[-1][1]["plan"] == planned
