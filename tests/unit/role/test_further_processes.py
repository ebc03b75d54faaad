"""Further processes, sockets and jobs, from the variables to the units."""

from __future__ import annotations

from typing import Any

import pytest

from builders import arguments, contents, release, settings
from python_service.module_utils.python_service.controller.release import process_problems
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.model import Release

WORKER = {"command": "python -m worker"}


def refused(**changes: Any) -> str:
    """What is said of these variables."""
    with pytest.raises(ServiceError) as error:
        arguments(**changes)
    return str(error.value)


def values(made: Release, unit: str, directive: str) -> list[str]:
    lines = made.units[unit].split("\n")
    return [line.partition("=")[2] for line in lines if line.startswith(f"{directive}=")]


class TestVariables:
    """What is no process, and no process of a service."""

    @pytest.mark.parametrize(
        ("processes", "problem"),
        [
            ({"Worker": WORKER}, "'Worker' cannot name a process; write lower-case letters"),
            ({3: WORKER}, "3 cannot name a process"),
            ({"../x": WORKER}, "'../x' cannot name a process"),
            ({"main": WORKER}, "'main' is the process of the variables themselves"),
            ({"worker": "python -m worker"}, "worker is a string; write {command: …}"),
            ({"worker": None}, "worker is empty; write {command: …}"),
            ({"worker": {**WORKER, "comand": 1}}, "worker: 'comand' is not known; write command"),
            ({"worker": {**WORKER, "user": "x"}}, "worker: 'user' is not known; write one of"),
        ],
    )
    def test_a_shape(self, processes: Any, problem: str) -> None:
        assert refused(processes=processes).startswith(f"python_service_processes: {problem}")

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ({}, "command: is missing"),
            ({"command": " "}, "command: is missing"),
            ({"command": ["python"]}, "command: is a list; write a string"),
            ({**WORKER, "instances": "many"}, "instances"),
            ({**WORKER, "instances": 0}, "instances: 0 will not do; write a number from 1"),
            ({**WORKER, "instances": True}, "instances: is a boolean; write a number"),
            ({**WORKER, "settle": -1}, "settle: -1.0 will not do"),
            ({**WORKER, "type": "forking"}, "type"),
            ({**WORKER, "environment": {"A": True}}, "environment: A is a boolean"),
            ({**WORKER, "health": {"url": "x"}}, "health: url 'x' cannot be used"),
            ({**WORKER, "writable": ["data"]}, "writable: 'data' is not an absolute path"),
            ({**WORKER, "unit_options": {"Service": {"User": "x"}}}, "unit_options: Service.User"),
            ({**WORKER, "unit_options": {"Timer": {"A": "x"}}}, "unit_options: Timer goes with"),
            ({**WORKER, "listen": ["here"]}, "listen: 'here' is no address"),
            ({**WORKER, "listen": ["80"], "instances": 2}, "instances: does not go with listen"),
            ({**WORKER, "schedule": "daily", "instances": 2}, "instances: does not go with sch"),
            ({**WORKER, "schedule": "daily", "listen": ["80"]}, "schedule: a job does not serve"),
            ({**WORKER, "schedule": "daily", "type": "notify"}, "schedule: a job is never ready"),
            ({**WORKER, "schedule": " "}, "schedule: is empty"),
            ({**WORKER, "schedule": "daily\nUnit=x"}, "schedule: contains a newline"),
        ],
    )
    def test_a_value(self, given: dict[str, Any], problem: str) -> None:
        assert f"python_service_processes.worker.{problem}" in refused(processes={"worker": given})

    def test_the_main_process_has_the_same_rules(self) -> None:
        assert "python_service_listen: 'here' is no address" in refused(listen=["here"])
        assert "python_service_schedule: a job does" in refused(schedule="daily", listen=["80"])
        job = refused(schedule="daily", health={"url": "http://127.0.0.1/"})
        assert "python_service_schedule: a job does not run when it is deployed" in job

    def test_what_is_wrong_for_all_is_said_once(self) -> None:
        processes = {"worker": WORKER, "other": WORKER}
        said = refused(processes=processes, environment={"A": True})
        assert (
            said
            == "python_service_environment: A is a boolean; write the string that you mean, in quotes"
        )

    @pytest.mark.parametrize("address", ["/var/lib/demo/x.sock", "/run/demo/x.sock"])
    def test_a_socket_where_the_service_can_write(self, address: str) -> None:
        assert "is where the service itself may write" in refused(listen=[address])

    def test_an_address_that_the_network_denies(self) -> None:
        assert "write inbound" in refused(listen=["80"], network="none")
        arguments(listen=["/run/demo.sock"], network="none")

    def test_two_processes_at_one_address(self) -> None:
        said = refused(
            listen=["127.0.0.1:80"], processes={"web": {**WORKER, "listen": ["0.0.0.0:80"]}}
        )
        assert said == (
            "python_service_processes.web.listen: 0.0.0.0:80 is listened on by "
            "python_service_listen already; write another"
        )

    def test_what_the_source_lacks_is_said_of_its_process_once(self) -> None:
        made = settings(processes={"worker": {"command": "python other.py", "instances": 2}})
        (said,) = {text for one in made.processes[1:] for text in process_problems(one, contents())}
        assert said.startswith("python_service_processes.worker.command: other.py is not in the")


class TestUnits:
    """What systemd is told."""

    def test_a_process_has_what_it_says_and_else_the_defaults_of_the_role(self) -> None:
        made = release(
            type="notify",
            environment={"A": "1", "B": "1"},
            network="none",
            processes={"worker": {**WORKER, "environment": {"B": "2"}, "network": "localhost"}},
        )
        worker = "demo-worker.service"
        assert values(made, worker, "Type") == ["exec"]
        assert {'"A=1"', '"B=2"'} <= set(values(made, worker, "Environment"))
        assert values(made, worker, "IPAddressAllow") == ["localhost"]
        assert values(made, worker, "StateDirectory") == ["demo"]
        assert values(made, worker, "RuntimeDirectory") == ["demo-worker"]
        assert values(made, worker, "SyslogIdentifier") == ["demo-worker"]
        assert [process.unit for process in made.processes] == ["demo.service", worker]

    def test_instances_differ_in_their_name_alone(self) -> None:
        made = release(processes={"worker": {**WORKER, "instances": 2}})
        one, two = (made.units[f"demo-worker@{number}.service"] for number in "12")
        assert "PYTHON_SERVICE_INSTANCE=2" in two
        changed = [(a, b) for a, b in zip(one.split("\n"), two.split("\n"), strict=True) if a != b]
        assert all(a.replace("1", "2") == b for a, b in changed)
        assert "demo-worker.service" not in made.units

    def test_more_instances_leave_the_first_as_they_are(self) -> None:
        two, three = (release(processes={"w": {**WORKER, "instances": n}}) for n in (2, 3))
        assert two.fingerprint("demo-w@1.service") == three.fingerprint("demo-w@1.service")

    def test_a_first_further_process_leaves_the_main_one_as_it_is(self) -> None:
        one, more = release(), release(processes={"worker": WORKER})
        assert one.fingerprint("demo.service") == more.fingerprint("demo.service")
        assert "demo.target" not in one.units

    def test_a_job_runs_by_its_timer_alone(self) -> None:
        made = release(processes={"tidy": {**WORKER, "schedule": "Mon *-*-* 03:00"}})
        assert values(made, "demo-tidy.timer", "OnCalendar") == ["Mon *-*-* 03:00"]
        assert values(made, "demo-tidy.service", "Type") == ["oneshot"]
        for directive in ("WantedBy", "Restart", "PartOf"):
            assert values(made, "demo-tidy.service", directive) == []
        assert values(made, "demo.target", "Wants") == ["demo.service", "demo-tidy.timer"]

    def test_sockets_are_filtered_as_the_process_is(self) -> None:
        made = release(listen=["80"], network="localhost")
        assert values(made, "demo.socket", "IPAddressDeny") == ["any"]
        assert values(made, "demo.socket", "IPAddressAllow") == ["localhost"]
        for network in ("full", "inbound"):
            assert (
                values(release(listen=["80"], network=network), "demo.socket", "IPAddressDeny")
                == []
            )

    def test_options_of_sockets_and_timers_come_last(self) -> None:
        made = release(listen=["/run/x"], unit_options={"Socket": {"SocketMode": "0666"}})
        assert values(made, "demo.socket", "SocketMode") == ["0660", "0666"]
        job = {**WORKER, "schedule": "daily", "unit_options": {"Timer": {"Persistent": False}}}
        made = release(processes={"job": job})
        assert values(made, "demo-job.timer", "Persistent") == ["yes", "no"]
