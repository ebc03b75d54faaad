"""A bad release never replaces a good one: the old one serves on, and the error says why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lab import PROJECT
from lab.deploys import Player, Run, Versioned, make_versioned, prefixed, role_task
from testinfra.host import Host

HOST = "debian-13"

HEALTH = {"url": "http://127.0.0.1:19000/"}
BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "import": ("import no_such_module\n", {}, "No module named 'no_such_module'"),
    "exit": ("raise SystemExit(7)\n", {}, "exit status 7"),
    "signal": ("import os\nos.abort()\n", {}, "signal 6"),
    "never-ready": (
        "import time\ntime.sleep(100)\n",
        {"unit_options": {"Service": {"TimeoutStartSec": 1}}},
        "result timeout",
    ),
    "health": (
        "",
        {"environment": {"STATUS": "500"}, "health": {**HEALTH, "timeout": 10}},
        "/ answers 500",
    ),
    "health-command": (
        "",
        {"health": {"command": "sh -c 'echo the cache is cold; exit 3'", "timeout": 10}},
        "ends with status 3: the cache is cold",
    ),
    "unit": ("", {"unit_options": {"Service": {"ExecStartPre": "/no/such"}}}, "/no/such"),
}


@pytest.fixture(scope="module")
def steady(
    host_name: str, host: Host, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Versioned]:
    """One good service for all the bad releases that try to replace it."""
    found = make_versioned(host, host_name, tmp_path_factory.mktemp("steady"), "steady", 19000)
    found.deploy("good", health=HEALTH).succeeded()
    yield found
    # And after all of them, nothing stands in the way of a better one.
    found.deploy("better", health=HEALTH).succeeded()
    assert found.serves() == "better"


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_release_is_taken_back(steady: Versioned, fault: str) -> None:
    program, changes, words = BAD[fault]
    good = steady.current()
    enabled = steady.service.show("UnitFileState")

    steady.write("bad")
    main = steady.source / "main.py"
    main.write_text(program + main.read_text())
    show = {"name": "Result", "ansible.builtin.debug": {"var": "python_service_result"}}
    variables = steady.variables(**{"health": HEALTH, **changes})
    run = steady.player.play([{"block": [role_task()], "always": [show]}], **prefixed(variables))

    assert run.status != 0
    assert words in run.message
    (shown,) = [found for name, found in run.tasks if name == "Result"]
    result = shown["python_service_result"]
    if fault != "unit":
        assert f"Release {good} runs again" in run.message
        # What it says is what is there now.
        assert result["rolled_back"] is result["changed"] is result["restarted"] is True
        assert result["release"] == good
    assert steady.serves() == "good"
    assert steady.current() == good
    assert steady.service.show("UnitFileState") == enabled


def test_a_program_that_exits_after_a_second_is_taken_back(versioned: Versioned) -> None:
    versioned.deploy("good", type="exec").succeeded()
    versioned.write("bad")
    part = versioned.source / "part.py"
    part.write_text(
        "import os, threading\nthreading.Timer(1, os._exit, [5]).start()\n" + part.read_text()
    )
    run = versioned.player.role(**versioned.variables(type="exec", settle=60))
    assert "did not stay up" in run.message
    assert versioned.serves() == "good"


def test_a_first_release_that_fails_leaves_nothing_running_or_enabled(
    host: Host, versioned: Versioned
) -> None:
    run = versioned.deploy("bad", command="python -c 'raise SystemExit(\"no luck\")'")
    assert "no luck" in run.message
    assert "nothing runs" in run.message
    assert not host.service(versioned.service.name).is_running
    assert not host.file(f"/etc/systemd/system/{versioned.service.name}.service").exists
    shown = versioned.service.show("ActiveState", "LoadState")
    assert shown == {"ActiveState": "inactive", "LoadState": "not-found"}


def test_a_stopped_service_is_stopped_after_a_bad_release(host: Host, versioned: Versioned) -> None:
    versioned.deploy("good").succeeded()
    good = versioned.current()
    versioned.deploy("good", state="stopped").succeeded()
    run = versioned.deploy("bad", command="python -c 'raise SystemExit(1)'")
    assert f"Release {good} is back, stopped as it was" in run.message
    assert not host.service(versioned.service.name).is_running
    versioned.deploy("good").succeeded()
    assert versioned.serves() == "good"


def test_a_service_that_crashes_on_and_on_is_not_taken_for_running(
    host: Host, versioned: Versioned
) -> None:
    name = versioned.service.name
    guard = f"import os\nif os.path.exists('/var/lib/{name}/crash'): raise SystemExit('crashed')\n"
    versioned.write("good")
    main = versioned.source / "main.py"
    main.write_text(guard + main.read_text())
    versioned.player.role(**versioned.variables()).succeeded()
    host.check_output(f"touch /var/lib/{name}/crash && systemctl kill -s KILL {name}")
    versioned.service.eventually(
        lambda: versioned.service.show("SubState")["SubState"].startswith(("auto-", "failed"))
    )
    run = versioned.player.role(**versioned.variables())
    assert run.status != 0
    assert "crashed" in run.message
    assert "no other release" in run.message
    host.check_output(f"rm /var/lib/{name}/crash")


def history(host: Host, versioned: Versioned) -> list[dict[str, Any]]:
    lines = host.check_output(f"cat /opt/{versioned.service.name}/history.jsonl").splitlines()
    return [json.loads(line) for line in lines]


def rollback(versioned: Versioned, *options: str, **more: str) -> Run:
    """Run the playbook that goes back."""
    variables = json.dumps(prefixed({"name": versioned.service.name, **more}))
    player = versioned.player.in_group("python_service")
    return player.playbook(PROJECT / "playbooks" / "rollback.yml", "-e", variables, *options)


def test_rollback_goes_back_through_what_was_accepted(host: Host, versioned: Versioned) -> None:
    ids = {}
    for version in ("one", "two", "three"):
        versioned.deploy(version, environment={"WORD": version}).succeeded()
        ids[version] = versioned.current()
    assert versioned.deploy("bad", command="python -c 'raise SystemExit(1)'").status != 0

    # The order is the history's, and not that of file times.
    releases = f"/opt/{versioned.service.name}/releases"
    host.check_output(f"touch -d 2001-01-01 {releases}/* && touch {releases}/{ids['one']}")
    predicted = rollback(versioned, "--check")
    assert versioned.serves() == "three"
    assert rollback(versioned).succeeded().changed == predicted.changed != []
    assert versioned.serves() == "two"
    # The unit went back as well.
    assert versioned.service.show("Environment")["Environment"].count("WORD=two") == 1
    rollback(versioned).succeeded()
    assert versioned.serves() == "one"
    run = rollback(versioned)
    assert run.status != 0
    assert "has no release to go back to" in run.message

    rollback(versioned, rollback_to=ids["three"]).succeeded()
    assert versioned.serves() == "three"
    bad = [event["to"] for event in history(host, versioned) if event["result"] == "rejected"]
    run = rollback(versioned, rollback_to=bad[0])
    assert "was never accepted" in run.message
    assert ids["one"] in run.message
    assert versioned.serves() == "three"

    events = history(host, versioned)
    assert [event["what"] for event in events] == ["deploy"] * 4 + ["rollback"] * 3
    assert [event["result"] for event in events[:4]] == ["accepted"] * 3 + ["rejected"]
    assert events[4]["from"] == ids["three"]
    assert events[4]["to"] == ids["two"]
    assert all("@" in event["by"] and event["when"] for event in events)
    assert "exit status 1" in events[3]["reason"]


def test_a_rollback_that_is_not_what_was_meant_is_refused(versioned: Versioned) -> None:
    versioned.deploy("one").succeeded()
    versioned.deploy("two").succeeded()
    own = {"name": versioned.service.name}
    cases: dict[str, dict[str, Any]] = {
        "write python_service_rollback_to": {**own, "rolback_to": "x"},
        "python_service_name: '../etc' cannot name a unit": {"name": "../etc"},
        "stranger is not a service that this role deployed to this host": {"name": "stranger"},
        "python_service_keep_releases: 0 is below 1": {**own, "keep_releases": 0},
    }
    errors = versioned.player.errors(cases, tasks_from="rollback")
    assert errors.keys() == cases.keys()
    assert [words for words in cases if words not in errors[words]] == []
    assert versioned.serves() == "two"


def test_old_releases_go_and_the_last_two_never(host: Host, versioned: Versioned) -> None:
    base = f"/opt/{versioned.service.name}"

    def present() -> set[str]:
        return set(host.check_output(f"ls {base}/releases").split())

    ids = []
    for version in ("one", "two", "three", "four"):
        versioned.deploy(version, keep_releases=3).succeeded()
        ids.append(versioned.current())
    assert present() == set(ids[1:])
    versioned.deploy("bad", keep_releases=3, command="python -c 'raise SystemExit(1)'")
    assert versioned.deploy("four", keep_releases=1).succeeded().changed != []
    assert present() == set(ids[2:])
    assert versioned.deploy("four", keep_releases=1).succeeded().changed == []
    rollback(versioned).succeeded()
    assert versioned.serves() == "three"


def test_data_stays_unless_it_is_to_go(host: Host, player: Player, versioned: Versioned) -> None:
    name = versioned.service.name
    versioned.deploy("one").succeeded()
    host.check_output(f"touch /var/lib/{name}/data && chown {name}:{name} /var/lib/{name}/data")
    player.role(name=name, state="absent").succeeded()
    # Nobody who gets the account's number later owns it.
    data = host.file(f"/var/lib/{name}/data")
    assert (data.user, data.group) == ("root", "root")
    assert player.role(name=name, state="absent").succeeded().changed == []
    # The next deploy has it again.
    versioned.deploy("one").succeeded()
    assert host.file(f"/var/lib/{name}/data").user == name
    player.role(name=name, state="absent").succeeded()
    player.role(name=name, state="absent", remove_data=True).succeeded()
    for path in (f"/var/lib/{name}", f"/opt/{name}", f"/var/lib/python_service.d/{name}.json"):
        assert not host.file(path).exists


def test_what_belongs_to_others_is_neither_taken_over_nor_removed(
    host: Host, player: Player, versioned: Versioned
) -> None:
    name = versioned.service.name
    host.check_output(f"mkdir /var/lib/{name} && touch /var/lib/{name}/foreign")
    run = versioned.deploy("one")
    assert (
        f"python_service_name: /var/lib/{name} exists and was not made by this role" in run.message
    )
    player.role(name=name, state="absent", remove_data=True).succeeded()
    assert host.file(f"/var/lib/{name}/foreign").user == "root"
    host.check_output(f"rm -r /var/lib/{name}")


def test_an_account_goes_with_the_last_service_that_runs_as_it(
    host: Host, player: Player, versioned: Versioned
) -> None:
    name = versioned.service.name
    versioned.deploy("one").succeeded()
    other = versioned.variables(name=f"{name}b", user=name, group=name, environment={"PORT": 19999})
    player.role(**other).succeeded()
    player.role(name=name, state="absent").succeeded()
    assert host.user(name).exists
    player.role(name=f"{name}b", state="absent").succeeded()
    assert not host.user(name).exists


def test_what_was_changed_by_hand_is_put_right_with_its_process(
    host: Host, versioned: Versioned
) -> None:
    name = versioned.service.name
    versioned.deploy("one").succeeded()
    host.check_output(f"sed -i s/^User=.*/User=root/ /etc/systemd/system/{name}.service")
    host.check_output(f"systemctl daemon-reload && systemctl restart {name}")
    assert host.process.get(pid=versioned.service.pid).user == "root"
    assert versioned.deploy("one").succeeded().changed != []
    assert host.process.get(pid=versioned.service.pid).user == name
    for damage in ("environments/*/bin/python", "releases/*/app"):
        before = versioned.service.pid
        host.check_output(f"rm -r /opt/{name}/{damage}")
        assert versioned.deploy("one").succeeded().changed != []
        assert versioned.serves() == "one"
        assert versioned.service.pid != before
    assert versioned.deploy("one").succeeded().changed == []


def test_what_a_unit_is_wanted_by_and_what_is_enabled_along_with_it_follow_it(
    host: Host, versioned: Versioned
) -> None:
    name = versioned.service.name
    other = f"{name}-other.service"
    text = "[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target"
    host.check_output(f"printf '{text}' > /etc/systemd/system/{other}")
    versioned.deploy("one").succeeded()
    for wanted_by, link in (
        (["", "graphical.target"], f"graphical.target.wants/{name}.service"),
        ("", ""),
    ):
        options = {"Install": {"WantedBy": wanted_by, "Also": other}}
        versioned.deploy("one", unit_options=options).succeeded()
        links = host.check_output(
            f"cd /etc/systemd/system; ls -d *.wants/* | grep /{name}.service || true"
        )
        assert links == link
        assert host.service(other).is_enabled
        assert versioned.deploy("one", unit_options=options).succeeded().changed == []


def test_a_oneshot_runs_once_a_release_and_whenever_a_timer_says(
    host: Host, versioned: Versioned
) -> None:
    service = versioned.service
    (versioned.source / "main.py").write_text("print('worked')\n")
    variables = versioned.variables(type="oneshot")
    versioned.player.role(**variables).succeeded()
    assert versioned.player.role(**variables).succeeded().changed == []
    service.eventually(lambda: len(service.entries("worked")) == 1)
    text = f"[Timer]\\nOnActiveSec=0\\nOnUnitInactiveSec=1\\nUnit={service.name}.service"
    timer = f"{service.name}-often.timer"
    host.check_output(f"printf '{text}' > /run/systemd/system/{timer}; systemctl start {timer}")
    service.eventually(lambda: len(service.entries("worked")) >= 3)
    host.check_output(f"systemctl stop {timer}; rm /run/systemd/system/{timer}")
    service.eventually(lambda: service.show("ActiveState")["ActiveState"] == "inactive")
    assert versioned.player.role(**variables).succeeded().changed == []
    # A way back runs the work of the release that it goes back to.
    (versioned.source / "main.py").write_text("raise SystemExit('did not work')\n")
    run = versioned.player.role(**variables)
    assert "did not work" in run.message


def test_commands_beside_the_services_own_are_those_of_its_release(versioned: Versioned) -> None:
    (versioned.source / "prepare.sh").write_text("#!/bin/sh\necho prepared by hand\n")
    (versioned.source / "prepare.sh").chmod(0o755)
    program = "import sys, systemd_handler; print('prepared in', sys.prefix)"
    commands = ["./prepare.sh", f'python -c "{program}"']
    versioned.deploy("one", unit_options={"Service": {"ExecStartPre": commands}}).succeeded()
    assert versioned.service.entries("prepared by hand")
    (said,) = versioned.service.entries("prepared in")
    assert said["MESSAGE"].startswith(f"prepared in /opt/{versioned.service.name}/environments/")


def test_a_bad_release_whose_migration_ran_says_so(host: Host, versioned: Versioned) -> None:
    """And one that has none does not. That systemd reads its units anew meanwhile changes nothing."""
    database = f"/var/lib/{versioned.service.name}/database"
    migration = {
        "Service": {
            "ExecStartPre": f"/bin/sh -c 'echo migrated >> {database}'",
            "ExecStopPost": "+/bin/systemctl daemon-reload",
        }
    }
    versioned.deploy("one").succeeded()
    (versioned.source / "main.py").write_text("raise SystemExit('did not work')\n")
    run = versioned.player.role(**versioned.variables(unit_options=migration))
    assert "Its ExecStartPre= ran: what that changed outside of the release" in run.message
    assert "migrated" in host.file(database).content_string
    assert versioned.serves() == "one"
    assert "ExecStartPre= ran" not in versioned.player.role(**versioned.variables()).message


def test_check_mode_refuses_what_systemd_will_refuse(host: Host, versioned: Versioned) -> None:
    options = {"Service": {"ExecStartPre": "/nonsense"}}
    for arguments in (["--check"], []):
        run = versioned.deploy("one", *arguments, unit_options=options)
        assert "systemd refuses the unit; correct python_service_unit_options or" in run.message
        assert run.changed == []
    assert not host.user(versioned.service.name).exists


def test_what_is_predicted_comes_to_pass_and_the_diff_names_files_and_lines(
    host: Host, versioned: Versioned
) -> None:
    def tasks(run: Run) -> list[tuple[str, bool]]:
        return [(name, bool(result.get("changed"))) for name, result in run.tasks]

    def diffs(run: Run) -> list[dict[str, str]]:
        return [diff for _, result in run.tasks for diff in result.get("diff", [])]

    def prepared(run: Run) -> list[str]:
        return "".join(diff.get("prepared", "") for diff in diffs(run)).splitlines()

    # A host that never saw the service.
    (versioned.source / "old.txt").write_text("gone\n")
    predicted = versioned.deploy("one", "--check", "--diff").succeeded()
    assert predicted.changed != []
    assert not host.file(f"/opt/{versioned.service.name}").exists
    assert tasks(versioned.deploy("one").succeeded()) == tasks(predicted)

    # One that has it.
    (versioned.source / "old.txt").unlink()
    (versioned.source / "new.txt").write_text("new\n")
    (versioned.source / "binary").write_bytes(b"\0\1")
    changes = {"environment": {"WORD": "added"}}
    predicted = versioned.deploy("two", "--check", "--diff", **changes).succeeded()
    assert versioned.serves() == "one"
    assert {"+ binary", "+ new.txt", "~ main.py", "~ part.py", "- old.txt"} <= {
        *prepared(predicted)
    }
    texts = {diff["after_header"]: diff for diff in diffs(predicted) if "after_header" in diff}
    assert 'VERSION = "one"' in texts["part.py"]["before"]
    assert 'VERSION = "two"' in texts["part.py"]["after"]
    unit = texts[f"/etc/systemd/system/{versioned.service.name}.service"]
    assert 'Environment="WORD=added"' in unit["after"]
    assert "WORD" not in unit["before"]
    assert tasks(versioned.deploy("two", **changes).succeeded()) == tasks(predicted)

    # One on which the release still is.
    (versioned.source / "old.txt").write_text("gone\n")
    (versioned.source / "new.txt").unlink()
    (versioned.source / "binary").unlink()
    assert "~ main.py" in prepared(versioned.deploy("one", "--diff").succeeded())
