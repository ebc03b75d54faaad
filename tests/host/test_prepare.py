"""Commands that run in a release before it is activated: migrations, on one host and on several."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import testinfra
from lab.deploys import Player, Service
from lab.hosts import Host as LabHost
from lab.journal import read
from lab.playbooks import Run
from lab.wheels import SERVICES, requirements
from testinfra.host import Host

# All modules that run on the host are looked for, so no other test may run any there.
HOST = "debian-13-full"

MODULES = "pgrep -xf '/usr/bin/python3[.0-9]*'"
UNIT = "python_service.prepare.{}.service"
HANGS = "[p]ython prepares.py hang"


class TestDjango:
    """Two versions of a schema, in SQLite."""

    @pytest.fixture
    def deploy(self, tmp_path: Path, player: Player) -> Callable[..., Run]:
        def deploy(*sources: str, **changes: Any) -> Run:
            for source in sources:
                shutil.copytree(SERVICES / source, tmp_path / "shop", dirs_exist_ok=True)
            variables = {
                "name": "shop",
                "src": str(tmp_path / "shop"),
                "command": "python manage.py runserver --noreload 127.0.0.1:8009",
                "prepare": ["python manage.py migrate --no-input"],
                "secrets": {"SECRET_KEY": "of the shop alone"},
                "secret_environment": ["SECRET_KEY"],
                "health": {"url": "http://127.0.0.1:8009/"},
                "settle": 0,
                **requirements("django.txt"),
                **changes,
            }
            return player.role(**variables)

        return deploy

    def test_a_migration_runs_before_the_code_that_needs_it(
        self, host: Host, tmp_path: Path, player: Player, deploy: Callable[..., Run]
    ) -> None:
        shop = Service(host, "shop")
        deploy("django").succeeded()
        assert page(host) == [{"id": 1, "name": "tea"}]
        assert "Applying shop.0001_item" in migrations(host)
        deploy("django_next").succeeded()
        assert page(host) == [{"id": 1, "name": "tea", "price": None}]
        ran = migrations(host)
        assert deploy().succeeded().changed == []

        # One that fails activates nothing.
        bad = tmp_path / "shop/shop/migrations/0003_bad.py"
        second = (SERVICES / "django_next/shop/migrations/0002_price.py").read_text()
        bad.write_text(second.replace("0001_item", "0002_price"))
        pid = shop.pid
        failed = deploy()
        assert "could not be prepared" in failed.message
        assert "duplicate column name: price" in failed.message
        assert "What runs is untouched." in failed.message
        assert (shop.pid, page(host)) == (pid, [{"id": 1, "name": "tea", "price": None}])

        # A way back runs none, and what the first version knows of the schema is still there.
        after = migrations(host)
        assert after != ran
        back = {"name": "python_service", "tasks_from": "rollback"}
        player.play(
            [{"ansible.builtin.include_role": back}], python_service_name="shop"
        ).succeeded()
        assert page(host) == [{"id": 1, "name": "tea"}]
        assert migrations(host) == after


def page(host: Host) -> Any:
    program = (
        "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8009/').read().decode())"
    )
    return json.loads(host.check_output(f'python3 -c "{program}"'))["items"]


def migrations(host: Host) -> str:
    unit = UNIT.format("shop")
    return str(
        host.check_output(f"journalctl --sync; journalctl --output cat _SYSTEMD_UNIT={unit}")
    )


def variables(name: str, *prepare: Any, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "src": str(SERVICES / "prepares.py"),
        "command": "python prepares.py serve",
        "type": "notify",
        "prepare": list(prepare),
        "settle": 0,
        **changes,
    }


def test_output_has_its_priorities_and_secrets_are_the_new_ones(host: Host, player: Player) -> None:
    player.role(**variables("says", secrets={"key": "old"})).succeeded()
    pid = Service(host, "says").pid
    prepare = ["python prepares.py say", "python prepares.py fail"]
    failed = player.role(**variables("says", *prepare, secrets={"key": "new"}))
    assert "python prepares.py fail ends with status 1\n" in failed.message
    assert "no such table: item" in failed.message
    assert Service(host, "says").pid == pid
    assert host.file("/opt/says/secrets/key").content_string == "old"
    assert not host.file("/opt/says/new-secrets").exists

    entries = read(LabHost(host.backend.name), f"_SYSTEMD_UNIT={UNIT.format('says')}")
    told = {entry.fields["MESSAGE"]: entry.fields for entry in entries}
    said = {text: fields["PRIORITY"] for text, fields in told.items() if "prepared at" in text}
    levels = {"debug": "7", "info": "6", "warning": "4", "error": "3"}
    assert said == {f"prepared at {level}": number for level, number in levels.items()}
    secret = told["the secret is new"]
    (staged,) = set(host.check_output("ls /opt/says/releases").split()) - {current(host, "says")}
    assert secret["PYTHON_SERVICE_RELEASE"] == staged
    assert secret["SYSLOG_IDENTIFIER"] == "says"


def current(host: Host, name: str) -> str:
    return str(host.check_output(f"basename $(readlink /opt/{name}/current)"))


def test_what_takes_too_long_is_ended(host: Host, player: Player) -> None:
    slow = {"command": "python prepares.py hang", "timeout": 0.5}
    failed = player.role(**variables("slow", slow))
    assert "python prepares.py hang does not end within 0.5 s" in failed.message
    assert host.run(f"pgrep -f '{HANGS}'").rc == 1
    assert not host.file("/etc/systemd/system/slow.service").exists


def test_a_module_that_is_killed_leaves_nothing_running(host: Host, player: Player) -> None:
    died = Service(host, "died")
    deploy = player.start(player.role_playbook(**variables("died", "python prepares.py hang")))
    died.eventually(lambda: host.run(f"pgrep -f '{HANGS}'").rc == 0)
    host.check_output(f"kill -9 $({MODULES})")
    deploy.communicate()
    assert deploy.returncode != 0
    died.eventually(lambda: host.run(f"pgrep -f '{HANGS}'").rc == 1)
    assert not host.file("/etc/systemd/system/died.service").exists
    player.role(**variables("died", "python prepares.py note once")).succeeded()
    assert host.run(f"ls /run/systemd/system/{UNIT.format('died')}").rc != 0


class Several:
    """Hosts of one play, in the order of the inventory."""

    def __init__(self, names: Sequence[str], directory: Path) -> None:
        self.hosts = [testinfra.get_host(f"docker://{name}") for name in names]
        self._player = Player(names[0], directory, others=names[1:])

    def deploy(
        self,
        *prepare: Any,
        how: dict[str, Any] | None = None,
        options: Sequence[str] = (),
        tasks_from: str = "main",
        **changes: Any,
    ) -> Run:
        named = {
            f"python_service_{name}": value
            for name, value in variables("many", *prepare, **changes).items()
        }
        role = {"name": "python_service", "tasks_from": tasks_from}
        tasks = [{"ansible.builtin.include_role": role}]
        return self._player.playbook(self._player.written(tasks, how or {}, **named), *options)

    def ran(self, word: str) -> list[int]:
        """How often a command was run on each host."""
        count = f"cat /var/lib/many/{word} 2>/dev/null | wc -l"
        return [int(host.check_output(count)) for host in self.hosts]

    def currents(self) -> set[str]:
        return {current(host, "many") for host in self.hosts}


@pytest.fixture(scope="module")
def several(
    host_name: str, another: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Several:
    names = [host_name, another("prepare-2", "debian-12"), another("prepare-3", "debian-13")]
    return Several(sorted(names), tmp_path_factory.mktemp("several"))


def note(word: str, **changes: Any) -> dict[str, Any]:
    return {"command": f"python prepares.py note {word}", **changes}


def test_once_is_on_one_host_of_a_play(several: Several) -> None:
    commands = [note("one"), note("each", once=False)]
    several.deploy(*commands).succeeded()
    assert sorted(several.ran("one")) == [0, 0, 1]
    assert several.ran("each") == [1, 1, 1]
    # The next play begins with another host.
    again = several.deploy(*commands, how={"order": "reverse_inventory"}).succeeded()
    assert again.changed == []

    serial = {"serial": 1}
    several.deploy(note("serial"), how=serial).succeeded()
    assert several.ran("serial") == [1, 0, 0]
    again = several.deploy(note("serial"), how={**serial, "order": "reverse_inventory"})
    assert again.succeeded().changed == []
    assert len(several.currents()) == 1

    # With one process for all hosts, nobody waits for himself.
    several.deploy(note("forks"), options=["--forks", "1"]).succeeded()
    assert several.ran("forks") == [1, 0, 0]


def test_where_it_fails_no_host_activates_anything(several: Several) -> None:
    several.deploy().succeeded()
    before = several.currents()
    failed = several.deploy("python prepares.py fail")
    assert failed.message.count("no such table: item") == len(several.hosts)
    assert failed.message.count("on test-prepare") == len(several.hosts) - 1
    assert several.currents() == before


def test_all_hosts_are_staged_before_any_is_activated(several: Several) -> None:
    several.deploy().succeeded()
    before = several.currents()
    given: dict[str, Any] = {"environment": {"SECOND": "yes"}}
    check = [
        several.deploy(note("half"), options=["--check"], tasks_from=half, **given).succeeded()
        for half in ("stage", "activate")
    ]
    refused = several.deploy(note("half"), tasks_from="activate", **given)
    assert refused.message.count("is not staged on this host; include the role with") == 3
    staged = several.deploy(note("half"), tasks_from="stage", **given).succeeded()
    assert several.currents() == before
    activated = several.deploy(note("half"), tasks_from="activate", **given).succeeded()
    assert several.currents().isdisjoint(before)
    assert sorted(several.ran("half")) == [0, 0, 1]
    for predicted, real in zip(check, (staged, activated)):
        assert predicted.changed == real.changed
        assert steps(predicted) == steps(real)


def steps(run: Run) -> list[Any]:
    return [result["steps"] for _, result in run.tasks if "steps" in result]
