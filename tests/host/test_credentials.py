"""Secrets of a service: how they arrive, and where nothing of them is found."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from lab.deploys import Player, Service, role_task
from lab.playbooks import Run
from lab.wheels import SERVICES
from testinfra.host import Host

from python_service.module_utils.python_service.controller.secrets import BLOCK, MOST_BYTES, packed

#: One that delivers none, and two systemds that keep them in different ways.
HOSTS = ("debian-11-full", "debian-12", "debian-testing-full")
CALLBACKS = Path(__file__).parent / "callbacks"
ODD = 'it\'s "odd": 100 % of $HOME, ${HOME} and $$, C:\\new\\table\\, ünïcode\t.'
SECRETS = {
    "KEY": "kept-from-everybody\nin two lines",
    "plain": "kept-from-everybody-as-a-file\n",
    "empty": "",
}
CHANGED = {**SECRETS, "KEY": "kept-from-everybody, another"}
#: What is looked for: parts of values, and what modules are given.
TRACES = ("kept-from-everybody", packed(SECRETS), packed(CHANGED))
#: Looks into all files, processes and units of a host but where secrets are to be.
SEARCH = """
import base64, json, os, subprocess, sys
traces = [base64.b64decode(trace) for trace in sys.stdin.read().split()]
allowed = ("/proc", "/sys", "/dev", "/run/credentials", "/opt/keeps/secrets")
found = []
def look(where, data):
    if any(trace in data for trace in traces):
        found.append(where)
for directory, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(directory, name) not in allowed]
    for name in files:
        path = os.path.join(directory, name)
        if os.path.isfile(path) and not os.path.islink(path):
            with open(path, "rb") as file:
                look(path, file.read())
for process in filter(str.isdecimal, os.listdir("/proc")):
    for name in ("environ", "cmdline"):
        try:
            with open(f"/proc/{process}/{name}", "rb") as file:
                look(f"/proc/{process}/{name}", file.read())
        except OSError:
            pass
for command in (["systemctl", "show", "--all", "*"], ["systemctl", "cat", "keeps.service"],
                ["journalctl", "--output", "export", "--all"]):
    look(" ".join(command), subprocess.run(command, stdout=subprocess.PIPE).stdout)
print(json.dumps(found))
"""

Deploy = Callable[..., Run]


def digests(values: Mapping[str, str]) -> dict[str, str]:
    return {name: hashlib.sha256(value.encode()).hexdigest() for name, value in values.items()}


@pytest.fixture
def keeps(host: Host) -> Service:
    return Service(host, "keeps")


@pytest.fixture
def record(tmp_path: Path, player: Player) -> Path:
    """What a callback is told of each task; where Ansible's own files are is beside it."""
    path = tmp_path / "record"
    for name, value in {
        "ANSIBLE_CALLBACK_PLUGINS": CALLBACKS,
        "ANSIBLE_CALLBACKS_ENABLED": "recorder",
        "ANSIBLE_LOCAL_TEMP": tmp_path / "local",
        "RECORD": path,
    }.items():
        player.environment[name] = str(value)
    return path


@pytest.fixture
def deploy(host: Host, player: Player, record: Path) -> Deploy:
    def deploy(secrets: Mapping[str, str] = SECRETS, **changes: Any) -> Run:
        variables = {
            "name": "keeps",
            "src": str(SERVICES / "keeps.py"),
            "command": "python keeps.py",
            "type": "notify",
            "secrets": dict(secrets),
            "secret_environment": ["KEY"],
            "health": {"command": "python keeps.py check"},
            "settle": 0,
            **changes,
        }
        run = player.role("-vvv", "--diff", **variables)
        # Here and there: what was said and recorded, and what is left on the controller.
        said = [run.output, record.read_text(), *map(str, record.parent.glob("local/**/*"))]
        assert [text for text in said if any(trace in text for trace in TRACES)] == []
        return run

    return deploy


def told(host: Host) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(host.file("/var/lib/keeps/told.json").content_string)
    return found


def traces(host: Host) -> list[str]:
    """Where on the host something is found that is a secret's."""
    # In another form, or the search would find itself.
    given = " ".join(base64.b64encode(trace.encode()).decode() for trace in TRACES)
    found = host.check_output(f"echo {given} | python3 -c {shlex.quote(SEARCH)}")
    places: list[str] = json.loads(found)
    return places


def test_a_service_has_its_secrets_and_nobody_else(
    host: Host, host_name: str, player: Player, deploy: Deploy, keeps: Service
) -> None:
    first = deploy().succeeded()
    said = told(host)
    assert said["found"]["variables"] == {**digests({"KEY": SECRETS["KEY"]}), "plain": None}
    assert said["found"]["credentials"] == digests(SECRETS)
    rest = {key: value for key, value in said.items() if key != "found"}
    nothing = {"exposed": False, "inherited": False, "writable": False}
    assert rest == {"forked": True, "spawned": True, **nothing}
    delivered = "full" in host_name
    assert ("delivers credentials empty" in first.output) is not delivered
    modes = host.check_output("stat -c '%a %U %G' /opt/keeps/secrets /opt/keeps/secrets/KEY")
    for_root, for_group = ["700 root root", "600 root root"], ["750 root keeps", "440 root keeps"]
    assert modes.splitlines() == (for_root if delivered else for_group)

    # Another value: a restart, and a word in the diff; then all is as it should be.
    before = keeps.pid
    changed = deploy(secrets=CHANGED).succeeded()
    assert '"after": "(changed)\\n"' in changed.output
    assert told(host)["found"]["credentials"] == digests(CHANGED)
    assert keeps.pid != before
    before = keeps.pid
    assert deploy(secrets=CHANGED).succeeded().changed == []
    assert keeps.pid == before

    # What does not come up is taken back, with what it was given.
    failed = deploy(command="python keeps.py fails")
    assert "runs again" in failed.message
    assert told(host)["found"]["credentials"] == digests(CHANGED)

    # As much as systemd takes. A way back has the secrets of today.
    largest = {**CHANGED, "plain": "", "large": ""}
    largest["large"] = "x" * (MOST_BYTES - 3 * BLOCK - len("large"))
    deploy(secrets=largest).succeeded()
    assert told(host)["found"]["credentials"] == digests(largest)
    player.play([role_task("rollback")], python_service_name="keeps").succeeded()
    found = told(host)["found"]["credentials"]
    assert found | digests({**CHANGED, "plain": ""}) == found

    assert traces(host) == []
    player.role(name="keeps", state="absent", remove_data=True).succeeded()
    assert not host.file("/opt/keeps").exists
    assert traces(host) == []
