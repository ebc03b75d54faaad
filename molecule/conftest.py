"""What the tests of all scenarios share: the journal as a person reads it, and runs of playbooks."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import subprocess
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import testinfra
import yaml
from testinfra.host import Host

_NUMBERS = itertools.count()
PROJECT = Path(__file__).resolve().parent.parent


class Run(NamedTuple):
    """A run of ansible-playbook: its output, and its results task by task."""

    status: int
    output: str
    tasks: list[tuple[str, dict[str, Any]]]

    @property
    def changed(self) -> list[str]:
        """Names of the tasks that changed something, without the role's name."""
        return [name for name, result in self.tasks if result.get("changed")]

    @property
    def message(self) -> str:
        """Message of the task that failed."""
        return "\n".join(
            str(result["msg"])
            for _, result in self.tasks
            if result.get("failed") and "msg" in result
        )

    def succeeded(self) -> Run:
        """The run itself, or a failed test with what the run said."""
        if self.status != 0:
            pytest.fail(self.message or self.output)
        return self


class Player:
    """Runs playbooks against one host of the scenario, as its users do."""

    def __init__(self, host: str, directory: Path, more: tuple[str, ...] = ()) -> None:
        self.host = host
        self._directory = directory
        self._more = more

    def play(self, tasks: list[dict[str, Any]], *options: str, **variables: Any) -> Run:
        """Run ``tasks`` in one play with ``variables`` as the host's."""
        return self.playbook(self.written(tasks, **variables), *options)

    def written(self, tasks: list[dict[str, Any]], **variables: Any) -> Path:
        """A playbook of one play."""
        play = {
            "hosts": "all",
            "gather_facts": False,
            "vars": variables,
            "tasks": tasks,
        }
        playbook = self._directory / f"playbook-{next(_NUMBERS)}.yml"
        playbook.write_text(yaml.safe_dump([play], sort_keys=False))
        return playbook

    def role(self, *options: str, **variables: Any) -> Run:
        """Run the role once; variables are given without their prefix."""
        return self.playbook(self.role_playbook(**variables), *options)

    def role_playbook(self, **variables: Any) -> Path:
        """A playbook that runs the role once; variables are given without their prefix."""
        named = {f"python_service_{name}": value for name, value in variables.items()}
        return self.written([{"ansible.builtin.include_role": {"name": "python_service"}}], **named)

    def in_group(self, group: str) -> Player:
        """The same, with the host in a group of that name, for playbooks that name one."""
        inventory = self._directory / "group.yml"
        inventory.write_text(yaml.safe_dump({group: {"hosts": {self.host: {}}}}))
        return Player(self.host, self._directory, ("--inventory", str(inventory)))

    def playbook(self, playbook: Path, *options: str) -> Run:
        """Run a playbook to its end."""
        process = self.start(playbook, *options)
        output, errors = process.communicate()
        begin = output.find("{")
        report = json.loads(output[begin:]) if begin >= 0 else {"plays": []}
        tasks = [
            (task["task"]["name"].rpartition(" : ")[2], hosts)
            for play in report["plays"]
            for task in play["tasks"]
            for hosts in task["hosts"].values()
        ]
        return Run(process.returncode, output + errors, tasks)

    def start(self, playbook: Path, *options: str) -> subprocess.Popen[str]:
        """Start a playbook, in a process group of its own."""
        command = ["ansible-playbook", "--inventory", os.environ["MOLECULE_INVENTORY_FILE"]]
        command += [*self._more, "--limit", self.host, *options, str(playbook)]
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(PROJECT / "roles"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        }
        return subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


#: What a console script of a made wheel starts: the program in the working directory.
MAIN = "def main():\n    import os, sys\n    sys.path.insert(0, os.getcwd())\n    import main\n"


def make_wheel(directory: Path, version: str, name: str = "greeting", size: int = 0) -> Path:
    """A wheel by hand, so that nothing has to be fetched.

    It has a module, a console script, and ``size`` bytes of data that take no
    room until they are installed.
    """
    path = directory / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f'VERSION = "{version}"\n{MAIN}',
        f"{name}.dat": "\0" * size,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-serve = {name}:main\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(file, text)
    return path


class Versioned:
    """A service of two files, whose version tests change, deployed to one host."""

    def __init__(self, host: Host, player: Player, source: Path, name: str, port: int) -> None:
        self.host = host
        self.source = source
        self.service = Service(host, name)
        self.player = player
        self._port = port

    def deploy(self, version: str, *options: str, **changes: Any) -> Run:
        """Deploy a version; ``changes`` are variables of the role without their prefix."""
        self.write(version)
        return self.player.role(*options, **self.variables(**changes))

    def write(self, version: str) -> None:
        for name in ("main.py", "part.py"):
            text = (PROJECT / "molecule" / "shared" / "versioned" / name).read_text()
            (self.source / name).write_text(
                text.replace('VERSION = "one"', f'VERSION = "{version}"')
            )

    def variables(self, **changes: Any) -> dict[str, Any]:
        """The variables of a good deploy, with changes."""
        environment = {"PORT": self._port, **changes.pop("environment", {})}
        return {
            "name": self.service.name,
            "src": str(self.source),
            "command": "python main.py",
            "type": "notify",
            "environment": environment,
            "unit_options": {"Service": {"TimeoutStartSec": 10}},
            **changes,
        }

    def serves(self) -> str:
        """The version that is served, or a failed test where the files of two are mixed.

        Raises `ConnectionError` when nothing answers.
        """
        program = (
            "import urllib.request as u, urllib.error as e\n"
            f"try: print(u.urlopen('http://127.0.0.1:{self._port}/', timeout=5).read().decode())\n"
            "except e.HTTPError as error: print(error.read().decode())\n"
        )
        result = self.host.run(f"python3 -c {shlex.quote(program)}")
        if result.rc != 0:
            raise ConnectionError(result.stderr.splitlines()[-1])
        main, part = result.stdout.split()
        assert main == part
        return str(main)

    def current(self) -> str:
        """Id of the release that is active."""
        path = f"/opt/{self.service.name}/current"
        return str(self.host.check_output(f"basename $(readlink {path})"))


class Service:
    """A service on a host: its journal, its state and its main process."""

    def __init__(self, host: Host, name: str) -> None:
        self.host = host
        self.name = name

    def show(self, *properties: str) -> dict[str, str]:
        output = self.host.check_output(
            f"systemctl show --property {','.join(properties)} {self.name}.service"
        )
        return dict(line.split("=", 1) for line in output.splitlines())

    @property
    def pid(self) -> int:
        return int(self.show("MainPID")["MainPID"])

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """All entries that the service's own processes wrote, oldest first."""
        words = [f"_SYSTEMD_UNIT={self.name}.service", *matches]
        self.host.check_output("journalctl --sync")
        output = self.host.check_output(
            "journalctl --output json --all --no-pager --quiet " + shlex.join(words)
        )
        return [json.loads(line) for line in output.splitlines()]

    def entries(self, text: str) -> list[dict[str, Any]]:
        """Entries whose message holds ``text``."""
        return [entry for entry in self.journal() if text in str(entry["MESSAGE"])]

    def eventually(self, holds: Callable[[], Any], seconds: float = 30) -> Any:
        """Wait until ``holds()`` is true; its value, or a failed test with the journal's end."""
        deadline = time.monotonic() + seconds
        while True:
            value = holds()
            if value:
                return value
            if time.monotonic() > deadline:
                tail = self.host.check_output(f"journalctl -u {self.name} -n 30 --no-pager")
                pytest.fail(f"did not come true within {seconds} s; the journal ends with:\n{tail}")
            time.sleep(0.25)


@pytest.fixture(scope="module")
def host(_testinfra_host: Host) -> Host:
    """The host without Ansible between: a command takes a tenth of the time."""
    return testinfra.get_host(f"docker://{_name(_testinfra_host)}")


@pytest.fixture
def player(_testinfra_host: Host, tmp_path: Path) -> Player:
    return Player(_name(_testinfra_host), tmp_path)


@pytest.fixture
def versioned(
    host: Host, _testinfra_host: Host, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Versioned]:
    """A service of the test's own, removed after it."""
    digest = zlib.crc32(request.node.name.encode())
    found = make_versioned(
        host, _testinfra_host, tmp_path, f"t{digest:08x}", 20000 + digest % 10000
    )
    yield found
    found.player.role(name=found.service.name, state="absent", remove_data=True).succeeded()


def make_versioned(
    host: Host, inventory_host: Host, directory: Path, name: str, port: int
) -> Versioned:
    """A versioned service with its source below ``directory``."""
    source = directory / "versioned"
    source.mkdir()
    return Versioned(host, Player(_name(inventory_host), directory), source, name, port)


def _name(host: Host) -> str:
    return str(host.backend.get_pytest_id()).rpartition("://")[2]


@pytest.fixture(scope="module")
def service(host: Host) -> Callable[[str], Service]:
    def named(name: str) -> Service:
        return Service(host, name)

    return named
