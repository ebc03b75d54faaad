"""What cannot work is refused before anything is touched; what does not work is said to fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lab.deploys import Player, prefixed
from testinfra.host import Host

HOST = "debian-12"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    directory = tmp_path / "source"
    directory.mkdir()
    (directory / "main.py").write_text("import signal\nsignal.pause()\n")
    return directory


def given(source: Path, **changes: Any) -> dict[str, Any]:
    return {"name": "bad", "src": str(source), "command": "python main.py", **changes}


def state_of(host: Host) -> str:
    """All that a deploy could change on the host."""
    output: str = host.check_output(
        "find /opt /var/lib/python_service.d /etc/systemd /etc/passwd /etc/group /var/lib/bad"
        " -printf '%p %y %s %T@\\n' 2>&1;"
        " systemctl list-units --all --no-legend --plain '*.service' | awk '{print $1, $3, $4}'"
        " | grep -v -e '^systemd-' -e '^user'"
    )
    return output


#: What is asked for, and words of the error.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "Bad Name"}, "python_service_name: 'Bad Name' cannot name a unit"),
    ({"src": "/nowhere/at/all"}, "python_service_src: /nowhere/at/all does not exist"),
    ({"command": "gunicorn app:app"}, "python_service_command: 'gunicorn' is not in"),
    ({"command": "python other.py"}, "python_service_command: other.py is not in the source"),
    (
        {"command": "python main.py && true"},
        "python_service_command: no shell reads it: the program would be given &&; write /bin/sh",
    ),
    (
        {"command": "/usr/bin/nothing"},
        "python_service_command: /usr/bin/nothing is not a program",
    ),
    ({"description": "one\ntwo"}, "python_service_description: contains a newline"),
    ({"environment": {"A": "one\ntwo"}}, "python_service_environment: A contains a newline"),
    (
        {"unit_options": {"Sevice": {}}},
        "'Sevice' is not a section of a service's unit; write Service",
    ),
    (
        {"comand": "x"},
        "python_service_comand: the role has no such variable; write python_service_command",
    ),
    (
        {"python": "/usr/bin/python3.99"},
        "python_service_python: /usr/bin/python3.99 cannot be run",
    ),
    ({"python": "/usr/local/bin/python-old"}, "is Python 3.6.0; name one that is 3.9 or newer"),
    (
        {"name": "dbus"},
        "python_service_name: the host has a dbus.service that this role did not make",
    ),
    ({"name": "taken"}, "python_service_name: /opt/taken exists and was not made by this role"),
    (
        {"root": "/srv/shared"},
        "python_service_root: /srv/shared can be written by others than root",
    ),
]


def test_refused_and_untouched(host: Host, player: Player, source: Path) -> None:
    host.check_output(
        "mkdir -p /opt/taken && touch /opt/taken/file && mkdir -p -m 1777 /srv/shared"
        " && printf '#!/bin/sh\\necho 3 6 0 .cpython-36m-x86_64-linux-gnu.so 2.31\\n' > /usr/local/bin/python-old"
        " && chmod +x /usr/local/bin/python-old"
    )
    before = state_of(host)
    cases = {message: given(source, **changes) for changes, message in REFUSED}
    errors = player.errors(cases)
    assert errors.keys() == cases.keys()
    assert [message for message in cases if message not in errors[message]] == []
    assert state_of(host) == before


def test_an_empty_source_is_refused(player: Player, source: Path) -> None:
    (source / "main.py").unlink()
    run = player.role(**given(source))
    assert "python_service_src: " in run.message
    assert "contains no file" in run.message


def test_without_root_it_says_what_to_set(player: Player, source: Path) -> None:
    run = player.play(
        [
            {
                "ansible.builtin.include_role": {
                    "name": "python_service",
                    "apply": {
                        "become": True,
                        "become_user": "nobody",
                        "become_method": "ansible.builtin.su",
                        "become_flags": "-s /bin/sh",
                    },
                }
            }
        ],
        **prefixed(given(source)),
    )
    assert "needs root on the host; set become: true" in run.message


def test_a_unit_that_systemd_refuses_changes_nothing(
    host: Host, player: Player, source: Path
) -> None:
    run = player.role(**given(source, name="refused", command="python main.py %Q"))
    assert "systemd refuses the unit; correct python_service_unit_options or" in run.message
    assert run.changed == []
    assert not host.file("/etc/systemd/system/refused.service").exists


def test_a_directive_that_systemd_does_not_know_is_named(player: Player, source: Path) -> None:
    run = player.role(**given(source, unit_options={"Service": {"NoSuchThing": "x"}})).succeeded()
    warnings = [text for _, result in run.tasks for text in result.get("warnings", [])]
    assert any("NoSuchThing" in text for text in warnings)


def test_a_program_that_fails_fails_the_deploy_with_its_own_words(
    host: Host, player: Player, tmp_path: Path
) -> None:
    # The first is never ready.
    never = {"type": "notify", "unit_options": {"Service": {"TimeoutStartSec": 1}}}
    programs: dict[str, tuple[str, dict[str, Any], str]] = {
        "waits": ("import time\ntime.sleep(100)\n", never, "result timeout"),
        "lacks": ("import no_such_module\n", {}, "No module named 'no_such_module'"),
        "exits": (
            "print('<3>the disk is missing')\nraise SystemExit(7)\n",
            {},
            "the disk is missing",
        ),
        "tires": (
            "import time\ntime.sleep(1)\nraise SystemExit('<2>tired after a second')\n",
            {},
            "tired after a second",
        ),
    }
    cases = {}
    for name, (program, changes, _) in programs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text(program)
        cases[name] = given(tmp_path / name, **{"name": name, "settle": 60, **changes})
    errors = player.errors(cases)
    for name, (_, _, words) in programs.items():
        assert f"{name}.service did not stay up" in errors[name]
        assert words in errors[name]
        assert name == "waits" or "exit status" in errors[name]
        assert not host.service(name).is_enabled
