"""Deploys to hosts as users make them, and what a person sees of the services there."""

from __future__ import annotations

import itertools
import shlex
import subprocess
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml
from testinfra.host import Host

from lab import PROJECT, hosts, journal, playbooks

_NUMBERS = itertools.count()
#: Seconds. It guards against hanging alone: the busiest machine must not reach it.
_PATIENCE = 900
_ENVIRONMENT = {**playbooks.JSON, "ANSIBLE_ROLES_PATH": str(PROJECT / "roles")}
Run = playbooks.Run
_PLAINLY: Mapping[str, Any] = MappingProxyType({})
VERSIONED = Path(__file__).parent / "versioned"


def prefixed(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of the role with their prefix."""
    return {f"python_service_{name}": value for name, value in variables.items()}


def role_task(tasks_from: str = "main") -> dict[str, Any]:
    """The task that runs the role."""
    return {"ansible.builtin.include_role": {"name": "python_service", "tasks_from": tasks_from}}


class Player:
    """Runs playbooks against one host, a container by its name, as its users do; with ``others``, against more."""

    def __init__(
        self, host: str, directory: Path, group: str = "all", others: Sequence[str] = ()
    ) -> None:
        self.host = host
        #: Variables of the environment that Ansible runs in.
        self.environment = dict(_ENVIRONMENT)
        self._directory = directory
        self._inventory = directory / f"inventory-{group}.yml"
        variables = {"ansible_connection": "community.docker.docker", "ansible_user": "root"}
        self._inventory.write_text(
            yaml.safe_dump({group: {"hosts": dict.fromkeys([host, *others], variables)}})
        )

    def play(self, tasks: list[dict[str, Any]], *options: str, **variables: Any) -> Run:
        """Run ``tasks`` in one play with ``variables`` as the host's."""
        return self.playbook(self.written(tasks, **variables), *options)

    def written(
        self, tasks: list[dict[str, Any]], how: Mapping[str, Any] = _PLAINLY, **variables: Any
    ) -> Path:
        """A playbook of one play; ``how`` are further keywords of it."""
        play = {
            "hosts": "all",
            "gather_facts": False,
            "vars": variables,
            "tasks": tasks,
            **how,
        }
        playbook = self._directory / f"playbook-{next(_NUMBERS)}.yml"
        playbook.write_text(yaml.safe_dump([play], sort_keys=False))
        return playbook

    def role(self, *options: str, **variables: Any) -> Run:
        """Run the role once; variables are given without their prefix."""
        return self.playbook(self.role_playbook(**variables), *options)

    def role_playbook(self, **variables: Any) -> Path:
        """A playbook that runs the role once; variables are given without their prefix."""
        return self.written([role_task()], **prefixed(variables))

    def errors(
        self, cases: Mapping[str, Mapping[str, Any]], tasks_from: str = "main"
    ) -> dict[str, str]:
        """Run the role once for each of these variables, in one playbook; the errors, by case.

        A case that succeeds has none.
        """
        tasks: list[dict[str, Any]] = [
            {
                "block": [{**role_task(tasks_from), "vars": prefixed(variables)}],
                "rescue": [
                    {"name": case, "ansible.builtin.debug": {"var": "ansible_failed_result.msg"}}
                ],
            }
            for case, variables in cases.items()
        ]
        run = self.play(tasks).succeeded()
        found = [(name, result.get("ansible_failed_result.msg")) for name, result in run.tasks]
        return {name: str(message) for name, message in found if message is not None}

    def in_group(self, group: str) -> Player:
        """The same, with the host in a group of that name, for playbooks that name one."""
        return Player(self.host, self._directory, group)

    def playbook(self, playbook: Path, *options: str) -> Run:
        """Run a playbook to its end."""
        return playbooks.run(*self._arguments(playbook, *options), variables=self.environment)

    def start(self, playbook: Path, *options: str) -> subprocess.Popen[str]:
        """Start a playbook, in a process group of its own."""
        return playbooks.start(*self._arguments(playbook, *options), variables=self.environment)

    def _arguments(self, playbook: Path, *options: str) -> tuple[Any, ...]:
        return ("ansible-playbook", self._inventory, *options, str(playbook))


#: What a console script of a made wheel starts: the program in the working directory.
MAIN = "def main():\n    import os, sys\n    sys.path.insert(0, os.getcwd())\n    import main\n"


def make_wheel(
    directory: Path,
    version: str,
    name: str = "greeting",
    size: int = 0,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """A wheel by hand, so that nothing has to be fetched.

    It has a module, a console script, ``size`` bytes of data that take no room
    until they are installed, and ``more`` files, texts by name.
    """
    path = directory / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f'VERSION = "{version}"\n{MAIN}',
        f"{name}.dat": "\0" * size,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-serve = {name}:main\n",
        **more,
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
            text = (VERSIONED / name).read_text()
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
            **changes,
        }

    def serves(self) -> str:
        """The version that is served, or a failed test where the files of two are mixed.

        Raises `ConnectionError` when nothing answers.
        """
        program = (
            "import urllib.request as u, urllib.error as e\n"
            f"try: print(u.urlopen('http://127.0.0.1:{self._port}/').read().decode())\n"
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
        return [entry.fields for entry in journal.read(hosts.Host(self.host.backend.name), *words)]

    def entries(self, text: str) -> list[dict[str, Any]]:
        """Entries whose message holds ``text``."""
        return [entry for entry in self.journal() if text in str(entry["MESSAGE"])]

    def eventually(self, holds: Callable[[], Any]) -> Any:
        """Wait until ``holds()`` is true; its value, or a failed test with the journal's end."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            value = holds()
            if value:
                return value
            if time.monotonic() > deadline:
                tail = self.host.check_output(f"journalctl -u {self.name} -n 30 --no-pager")
                pytest.fail(
                    f"did not come true on {self.host} within {_PATIENCE} s; the journal ends with:\n{tail}"
                )
            time.sleep(0.25)


def imported(versioned: Versioned, module: str = "greeting") -> str:
    """What the service's own environment has of a module."""
    name = versioned.service.name
    program = f"import {module}; print({module}.VERSION)"
    python = f"$(tr '\\0' '\\n' < /proc/{versioned.service.pid}/cmdline | head -1)"
    output: str = versioned.host.check_output(f"cd /opt/{name} && {python} -c '{program}'")
    return output


def make_versioned(host: Host, host_name: str, directory: Path, name: str, port: int) -> Versioned:
    """A versioned service with its source below ``directory``."""
    source = directory / "versioned"
    source.mkdir()
    return Versioned(host, Player(host_name, directory), source, name, port)
