"""A service of several processes: what restarts, what goes back together, and its sockets and jobs."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from lab.deploys import Player, Service
from lab.playbooks import Run
from lab.wheels import SERVICES
from testinfra.host import Host

HOSTS = ("debian-11", "debian-12", "debian-13", "debian-testing-full")
PORT = 8410
ADDRESS = f"127.0.0.1:{PORT}"
WEB = "demo.service"
WORKER = {"command": "python whole.py work", "settle": 0.5, "instances": 3}
JOB = {"command": "python whole.py job", "schedule": "*-02-29 03:00"}
#: Prints what an address, a port or a path, answers.
_ASK = """
import http.client, json, socket, sys
address = sys.argv[1]
connection = http.client.HTTPConnection("localhost", timeout=60)
if address.startswith("/"):
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(address)
else:
    host, _, port = address.rpartition(":")
    connection.sock = socket.create_connection((host.strip("[]"), int(port)))
connection.request("GET", "/")
print(connection.getresponse().read().decode())
"""
#: Asks on and on, until a file is there; prints how many answers came, and what failed.
_LOAD = """
import collections, os, urllib.request
counts = collections.Counter()
while not os.path.exists("/tmp/enough"):
    try:
        with urllib.request.urlopen("http://127.0.0.1:%d/", timeout=60) as answer:
            counts[str(answer.status)] += 1
    except OSError as error:
        counts[repr(error)] += 1
    open("/tmp/begun", "w").close()
print(dict(counts))
"""

Deploy = Callable[..., Run]


class Whole:
    """The service of all that, on one host."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def show(self, unit: str, name: str) -> str:
        return str(self.host.check_output(f"systemctl show --property {name} --value {unit}"))

    def pid(self, unit: str) -> int:
        return int(self.show(unit, "MainPID"))

    def state(self, unit: str) -> str:
        return self.show(unit, "ActiveState")

    def units(self) -> set[str]:
        """Units of the service that run."""
        command = "systemctl list-units --plain --no-legend --state active,activating 'demo*'"
        return {line.split()[0] for line in self.host.check_output(command).splitlines()}

    def ask(self, address: str) -> Any:
        words = f"python3 -c {shlex.quote(_ASK)} {address}"
        return json.loads(self.host.check_output(words))

    def command(self, unit: str) -> str:
        """The command line of a unit's main process."""
        return str(self.host.check_output(f"tr '\\0' ' ' < /proc/{self.pid(unit)}/cmdline"))

    def release(self, unit: str) -> str:
        """Id of the release that a unit's main process was started from."""

        def told() -> list[str]:
            words = self.host.check_output(f"tr '\\0' '\\n' < /proc/{self.pid(unit)}/environ")
            return re.findall(r"^PYTHON_SERVICE_RELEASE=(\w+)$", words, re.MULTILINE)

        # Until it is executed, the process is still systemd's own.
        return str(Service(self.host, "demo").eventually(told)[0])

    def eventually(self, holds: Callable[[], Any]) -> None:
        Service(self.host, "demo").eventually(holds)

    def runs(self) -> int:
        """How often the job has run."""
        return len(self.host.run("cat /var/lib/demo/runs").stdout)


def told(run: Run) -> Any:
    """What the result says of the processes."""
    results = dict(run.tasks)["Report the result"]
    return results["ansible_facts"]["python_service_result"]["processes"]


@pytest.fixture(scope="module")
def whole(host: Host) -> Whole:
    return Whole(host)


@pytest.fixture
def deploy(player: Player) -> Deploy:
    """Deploys the service with changes of its variables, and of its processes."""

    def deploy(*options: str, **changes: Any) -> Run:
        processes = {"worker": WORKER, "job": JOB, **changes.pop("processes", {})}
        return player.role(
            *options,
            **{
                "name": "demo",
                "src": str(SERVICES / "whole.py"),
                "command": "python whole.py serve",
                "listen": [ADDRESS],
                "settle": 0.5,
                "processes": {name: given for name, given in processes.items() if given},
                **changes,
            },
        )

    return deploy


def test_all_processes_come_up_and_stay_when_nothing_changed(deploy: Deploy, whole: Whole) -> None:
    first = deploy()
    first.succeeded()
    assert whole.units() == {
        WEB,
        "demo.socket",
        "demo.target",
        "demo-job.timer",
        *(f"demo-worker@{number}.service" for number in (1, 2, 3)),
    }
    assert whole.runs() == 0
    again = deploy().succeeded()
    assert again.changed == []
    assert told(again)["worker@2"] == {"unit": "demo-worker@2.service", "state": "active"}
    assert told(again)["job"]["next"].endswith("-02-29T03:00:00+00:00")
    assert told(again)["job"]["last"] is None


def test_only_what_changed_restarts(deploy: Deploy, whole: Whole) -> None:
    web, worker = whole.pid(WEB), whole.pid("demo-worker@1.service")
    deploy(processes={"worker": WORKER | {"command": "python whole.py work hard"}}).succeeded()
    assert whole.pid(WEB) == web
    assert whole.pid("demo-worker@1.service") != worker
    assert "hard" in whole.command("demo-worker@3.service")


def test_more_and_fewer_instances(deploy: Deploy, whole: Whole) -> None:
    deploy().succeeded()
    before = {unit: whole.pid(unit) for unit in whole.units() if "@" in unit}
    deploy(processes={"worker": WORKER | {"instances": 5}}).succeeded()
    assert {unit: whole.pid(unit) for unit in before} == before
    said = whole.host.check_output("journalctl --quiet --output cat PYTHON_SERVICE_INSTANCE=5")
    assert "works as 5" in said
    deploy(processes={"worker": WORKER | {"instances": 1}}).succeeded()
    assert [unit for unit in whole.units() if "@" in unit] == ["demo-worker@1.service"]
    assert whole.pid("demo-worker@1.service") == before["demo-worker@1.service"]
    assert whole.host.run("ls /etc/systemd/system/demo-worker@2.service").rc != 0


def test_one_bad_process_takes_all_back(deploy: Deploy, whole: Whole) -> None:
    deploy().succeeded()
    before = {unit: whole.command(unit) for unit in whole.units() if unit.endswith(".service")}
    release = whole.ask(ADDRESS)["variables"]["PYTHON_SERVICE_RELEASE"]
    bad = {"command": "python whole.py work broken", "settle": 3}
    run = deploy(environment={"COLOUR": "red"}, processes={"worker": bad})
    assert run.status != 0
    assert "demo-worker.service did not stay up" in run.message
    assert "this worker cannot work" in run.message
    assert whole.ask(ADDRESS)["variables"]["PYTHON_SERVICE_RELEASE"] == release
    services = {unit: whole.command(unit) for unit in whole.units() if unit.endswith(".service")}
    assert services == before


def test_a_person_stops_and_starts_all_of_it(whole: Whole) -> None:
    all_of_it = whole.units()
    before = {unit: whole.pid(unit) for unit in all_of_it if unit.endswith(".service")}
    whole.host.check_output("systemctl restart demo.target")
    assert whole.units() == all_of_it
    assert not {whole.pid(unit) for unit in before} & set(before.values())
    whole.host.check_output("systemctl stop demo.target")
    assert whole.units() == set()
    assert whole.host.run(f"python3 -c {shlex.quote(_ASK)} {ADDRESS}").rc != 0
    whole.host.check_output("systemctl start demo.target")
    assert whole.units() == all_of_it


def test_a_connection_starts_the_process_that_was_stopped(whole: Whole) -> None:
    whole.host.check_output(f"systemctl stop {WEB}")
    assert whole.state(WEB) == "inactive"
    assert whole.ask(ADDRESS)["pid"] == whole.pid(WEB)


def test_a_restart_refuses_nobody(whole: Whole) -> None:
    whole.host.check_output("rm -f /tmp/begun /tmp/enough")
    script = shlex.quote(_LOAD % PORT)
    whole.host.check_output(f"python3 -c {script} > /tmp/counts 2>&1 & echo $! > /tmp/load")
    whole.host.check_output("until [ -e /tmp/begun ]; do sleep 0.1; done")
    for _ in range(3):
        whole.host.check_output(f"systemctl restart {WEB}")
    whole.host.check_output("touch /tmp/enough; while kill -0 $(cat /tmp/load); do sleep 0.1; done")
    counts = ast.literal_eval(whole.host.check_output("cat /tmp/counts"))
    # What was in flight in the old process ends with it.
    assert not [what for what in counts if "refused" in what], counts
    assert counts["200"] > 3


class TestAddresses:
    """Where systemd listens."""

    @pytest.mark.parametrize(
        "address", ["127.0.0.1:81", "[::1]:8411", "8412", "/run/demo-of-tests.sock"]
    )
    def test_a_new_address(self, deploy: Deploy, whole: Whole, address: str) -> None:
        deploy(listen=[address]).succeeded()
        where = f"127.0.0.1:{address}" if address.isdigit() else address
        assert whole.ask(where)["pid"] == whole.pid(WEB)
        assert whole.host.run(f"python3 -c {shlex.quote(_ASK)} {ADDRESS}").rc != 0

    def test_a_unix_socket_for_another_account(self, deploy: Deploy, whole: Whole) -> None:
        path = "/run/demo-of-tests.sock"
        mode = f"stat --format '%a %U %G' {path}"
        deploy(listen=[path]).succeeded()
        assert whole.host.check_output(mode) == "660 demo demo"
        for_web = {"Socket": {"SocketGroup": "www-data"}}
        deploy(listen=[path], unit_options=for_web).succeeded()
        assert whole.host.check_output(mode) == "660 demo www-data"
        ask = f"python3 -c {shlex.quote(_ASK)} {path}"
        assert whole.host.run(f"setpriv --reuid www-data --clear-groups -- {ask}").rc != 0
        as_web = "setpriv --reuid www-data --regid www-data --clear-groups --"
        assert whole.host.run(f"{as_web} {ask}").rc == 0

    def test_one_that_somebody_has(self, deploy: Deploy, whole: Whole) -> None:
        deploy().succeeded()
        pid = whole.pid(WEB)
        serve = "systemd-run --unit of-somebody python3 -m http.server --bind 127.0.0.1 8413"
        whole.host.check_output(serve)
        ask = f"python3 -c {shlex.quote(_ASK)} 127.0.0.1:8413"
        whole.eventually(lambda: whole.host.run(ask).rc == 0)
        for address in ("8413", "127.0.0.1:8413"):
            run = deploy(listen=[address])
            assert run.status != 0
            assert run.message.startswith("python_service_listen: port 8413")
            assert "is taken by python3 (PID" in run.message
            assert "of-somebody.service" in run.message
        assert whole.pid(WEB) == pid
        whole.host.check_output("systemctl stop of-somebody")

    def test_one_of_another_service_of_the_role(self, deploy: Deploy, whole: Whole) -> None:
        run = deploy(name="other", processes={"worker": None, "job": None})
        assert run.status != 0
        assert "is taken by demo.socket" in run.message

    def test_nobody_listens_any_more(self, deploy: Deploy, whole: Whole) -> None:
        deploy(listen=[], command="python whole.py work").succeeded()
        assert "demo.socket" not in whole.units()
        assert whole.host.run("ls /etc/systemd/system/demo.socket").rc != 0


class TestJobs:
    """A process that runs by its timer."""

    def test_a_run_is_in_the_journal_and_told_of(self, deploy: Deploy, whole: Whole) -> None:
        deploy().succeeded()
        whole.host.check_output("systemctl start demo-job.service")
        assert whole.runs() == 1
        entries = whole.host.check_output(
            "journalctl --quiet --output cat -u demo-job.service --priority err -n 1"
        )
        assert "the job runs" in entries
        whole.host.check_output("touch /var/lib/demo/fail")
        assert whole.host.run("systemctl start demo-job.service").rc != 0
        last = told(deploy().succeeded())["job"]["last"]
        assert (last["result"], last["status"]) == ("exit-code", 3)
        whole.host.check_output("rm /var/lib/demo/fail")
        whole.host.check_output("systemctl start demo-job.service")
        last = told(deploy().succeeded())["job"]["last"]
        assert (last["result"], last["status"]) == ("success", 0)

    def test_no_deploy_runs_it(self, deploy: Deploy, whole: Whole) -> None:
        before = whole.runs()
        whole.host.check_output("touch -d 2020-01-01 /var/lib/systemd/timers/stamp-demo-job.timer")
        deploy(processes={"job": JOB | {"schedule": "*-01-01 04:00"}}).succeeded()
        deploy(state="stopped").succeeded()
        assert whole.units() == set()
        deploy().succeeded()
        assert whole.runs() == before

    def test_a_run_that_is_under_way_ends_in_its_own_release(
        self, deploy: Deploy, whole: Whole
    ) -> None:
        whole.host.check_output("touch /var/lib/demo/hold")
        whole.host.check_output("systemctl start --no-block demo-job.service")
        whole.eventually(lambda: whole.state("demo-job.service") == "activating")
        pid, release = whole.pid("demo-job.service"), whole.release("demo-job.service")
        for colour in ("blue", "green", "white"):
            deploy(environment={"COLOUR": colour}, keep_releases=1).succeeded()
        assert whole.pid("demo-job.service") == pid
        assert whole.host.file(f"/opt/demo/releases/{release}").exists
        whole.host.check_output("rm /var/lib/demo/hold")
        whole.eventually(lambda: whole.state("demo-job.service") == "inactive")
        deploy(environment={"COLOUR": "black"}, keep_releases=1).succeeded()
        assert not whole.host.file(f"/opt/demo/releases/{release}").exists

    def test_no_two_runs_overlap(self, deploy: Deploy, whole: Whole) -> None:
        before = whole.runs()
        whole.host.check_output("touch /var/lib/demo/hold")
        soon = {"schedule": "*:*:0/1", "unit_options": {"Timer": {"AccuracySec": "100ms"}}}
        deploy(processes={"job": JOB | soon}).succeeded()
        whole.eventually(lambda: whole.runs() == before + 1)
        # The timer waits for its end.
        whole.eventually(lambda: whole.show("demo-job.timer", "SubState") == "running")
        whole.host.check_output("systemctl start --no-block demo-job.service")
        assert whole.runs() == before + 1
        deploy(state="stopped").succeeded()
        assert whole.state("demo-job.timer") == "inactive"
        whole.host.check_output("rm /var/lib/demo/hold")

    def test_a_schedule_that_is_none(self, deploy: Deploy) -> None:
        run = deploy(processes={"job": JOB | {"schedule": "every full moon"}})
        assert run.message.startswith("python_service_processes.job.schedule: ")
        assert "every full moon" in run.message


def test_a_process_that_is_taken_out_is_gone(deploy: Deploy, whole: Whole) -> None:
    deploy().succeeded()
    pid = whole.pid(WEB)
    deploy(processes={"worker": None, "job": None}).succeeded()
    assert whole.pid(WEB) == pid
    assert whole.units() == {WEB, "demo.socket", "demo.target"}
    deploy(processes={"worker": None, "job": None}, listen=[], command="python whole.py work")
    assert whole.units() == {WEB}
    files = whole.host.check_output("cd /etc/systemd/system; ls -d demo*").split()
    assert {file.removesuffix(".d") for file in files} == {"demo.service", "demo.run-.service"}


def test_all_of_it_is_removed(deploy: Deploy, whole: Whole, player: Player) -> None:
    deploy().succeeded()
    player.role(name="demo", state="absent", remove_data=True).succeeded()
    assert whole.units() == set()
    places = ("/etc/systemd/system", "/opt", "/run", "/var/lib", "/var/lib/systemd/timers")
    found = [place for place in places if whole.host.run(f"ls -d {place}/*demo*").rc == 0]
    assert found == []
