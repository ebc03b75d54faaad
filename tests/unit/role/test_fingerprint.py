"""What makes another release, another venv, and another process: the digests."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from builders import contents, release
from python_service.module_utils.python_service.controller.projects.project import Project
from python_service.module_utils.python_service.model import (
    Release,
    anonymous,
    release_from_json,
    release_to_json,
)

UNIT = "demo.service"
#: Changes of what a process is started from.
STARTED = [
    {"code": "other"},
    {"handler": "other"},
    {"python": "/usr/bin/python3.13"},
    {"command": "python main.py"},
    {"environment": {"A": "1"}},
    {"user": "other"},
    {"group": "other"},
    {"type": "notify"},
    {"description": "Other"},
    {"unit_options": {"Service": {"Nice": 1}}},
    {"logging": "off"},
    {"requirements": ("flask==3.1\n",)},
    {"wheelhouse": "digest"},
    {"require_hashes": True},
    {"project": Project((), frozenset())},
    {"root": "/srv"},
    {"hardening": "off"},
    {"network": "localhost"},
    {"allow": ["jit"]},
    {"writable": ["/srv/data"]},
    {"files": {"app.toml": ""}},
]
#: Changes of how it is accepted.
PROVEN = [
    {"settle": 9.0},
    {"health": {"url": "http://127.0.0.1/"}},
    {"health": {"command": "true"}},
    {"prepare": ["python main.py"]},
]


def test_the_same_inputs_are_the_same_release() -> None:
    assert release() == release()


@pytest.mark.parametrize("changes", [*STARTED, *PROVEN], ids=str)
def test_what_determines_what_runs_or_is_accepted_determines_the_id(
    changes: dict[str, Any],
) -> None:
    assert release(**changes).id != release().id


@pytest.mark.parametrize("changes", STARTED, ids=str)
def test_another_start_is_another_fingerprint(changes: dict[str, Any]) -> None:
    assert release(**changes).fingerprint(UNIT) != release().fingerprint(UNIT)


@pytest.mark.parametrize("changes", PROVEN, ids=str)
def test_acceptance_alone_makes_another_release_that_starts_the_same(
    changes: dict[str, Any],
) -> None:
    assert release(**changes).fingerprint(UNIT) == release().fingerprint(UNIT)


@pytest.mark.parametrize(
    "changes",
    [{"keep_releases": 9}, {"enabled": False}, {"state": "stopped"}, {"exclude": ["*.md"]}],
    ids=str,
)
def test_what_a_host_does_with_a_release_is_no_part_of_it(changes: dict[str, Any]) -> None:
    assert release(**changes) == release()


def test_configuration_files_are_others_when_a_path_or_a_text_changes() -> None:
    files: list[dict[str, str]] = [
        {"a": "1"},
        {"a": "1\n"},
        {"b": "1"},
        {"b/a": "1"},
        {"a": "1", "b": ""},
        {"a": "", "b": "1"},
    ]
    found = [release(files=texts) for texts in files]
    assert len({made.id for made in found}) == len(files)
    assert len({made.fingerprint(UNIT) for made in found}) == len(files)
    assert release(files={"b": "", "a": "1"}) == release(files=files[4])


def test_a_release_of_before_has_no_configuration_files() -> None:
    data = release_to_json(release())
    del data["files"]
    assert release_from_json(data) == release()


def test_a_health_check_is_another_when_any_of_it_changes() -> None:
    checks: list[dict[str, Any]] = [
        {"url": "http://127.0.0.1/"},
        {"url": "http://127.0.0.1/ready"},
        {"url": "http://127.0.0.1/", "status": 204},
        {"url": "http://127.0.0.1/", "timeout": 60},
    ]
    assert len({release(health=check).id for check in checks}) == len(checks)
    assert release(health={**checks[0], "status": 200, "timeout": 30}) == release(health=checks[0])


def test_a_command_before_it_is_another_when_any_of_it_changes() -> None:
    command = "python main.py"
    items: list[Any] = [
        command,
        f"{command} x",
        {"command": command, "once": False},
        {"command": command, "timeout": 60},
    ]
    assert len({release(prepare=[item]).id for item in items}) == len(items)
    whole = {"command": command, "once": True, "timeout": 600}
    assert release(prepare=[whole]) == release(prepare=[command])
    assert release(prepare=items[:2]).id != release(prepare=items[1::-1]).id


def test_a_venv_is_shared_by_releases_that_have_the_same_installed() -> None:
    shared: list[dict[str, Any]] = [
        {"code": "other"},
        {"command": "python main.py"},
        {"settle": 9.0},
        {"user": "other"},
    ]
    for changes in shared:
        assert release(**changes).venv == release().venv
    installed: list[dict[str, Any]] = [
        {},
        {"handler": "other"},
        {"python": "/usr/bin/python3.13"},
        {"requirements": ("a\n",)},
        {"requirements": ("a\n", "b\n")},
        {"requirements": ("b\n", "a\n")},
        {"requirements": ("a\n",), "require_hashes": True},
        {"wheelhouse": "one"},
        {"wheelhouse": "two"},
    ]
    assert len({release(**changes).venv.id for changes in installed}) == len(installed)


def test_a_venv_of_the_first_version_is_used_again() -> None:
    made = release(
        python="/usr/bin/python3.12",
        requirements=("flask==3.1\n-r 1.txt\n", "click\n"),
        require_hashes=True,
        wheelhouse="wheels",
        handler="handler",
    )
    made_of = contents(handler="handler", wheelhouse="wheels")
    assert made_of.wheelhouse
    # What the first version made it of.
    fields = [
        "/usr/bin/python3.12",
        made_of.handler.digest,
        "flask==3.1\n-r 1.txt\n",
        "click\n",
        "require_hashes=True",
        made_of.wheelhouse.digest,
    ]
    text = b"".join(field.encode() + b"\0" for field in fields)
    assert made.venv.id == hashlib.sha256(text).hexdigest()[:12]


def test_a_release_is_the_same_after_a_way_as_json() -> None:
    for made in (
        release(),
        release(health={"url": "http://127.0.0.1/"}),
        release(type="oneshot"),
        release(files={"app.toml": "text"}),
        release(prepare=["./run", {"command": "./run x", "once": False, "timeout": 5}]),
    ):
        assert release_from_json(json.loads(json.dumps(release_to_json(made)))) == made


def test_a_release_of_before_has_no_commands() -> None:
    data = release_to_json(release())
    assert data.pop("prepare") == ()
    assert release_from_json(data) == release()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.pop("source"),
        lambda data: data.update(venv=None),
        lambda data: data.update(venv={"id": "x"}),
        lambda data: data.update(units=["demo.service"]),
        lambda data: data.update(processes=None),
        lambda data: data.update(processes=["demo"]),
        lambda data: data["processes"][0].update(health="up"),
        lambda data: data["processes"][0].pop("unit"),
        lambda data: data.update(origin=None),
    ],
)
def test_what_is_no_release_is_told_from_one(damage: Any) -> None:
    data = json.loads(json.dumps(release_to_json(release())))
    damage(data)
    with pytest.raises((KeyError, TypeError, ValueError)):
        release_from_json(data)


def test_units_that_differ_in_the_name_of_their_release_alone_are_alike() -> None:
    one, other = release(), release(settle=9.0)
    assert one.units[UNIT] != other.units[UNIT]
    assert anonymous(one.units[UNIT]) == anonymous(other.units[UNIT])
    assert one.id not in anonymous(one.units[UNIT])


def test_a_unit_that_names_no_release_is_left_as_it_is() -> None:
    assert anonymous("[Service]\nExecStart=/bin/x\n") == "[Service]\nExecStart=/bin/x"


def test_a_fingerprint_is_that_of_one_unit() -> None:
    text = "[Service]\nExecStart=/bin/worker\n"
    made = release()
    more = Release(**{**vars(made), "units": {**made.units, "demo-worker.service": text}})
    assert more.fingerprint(UNIT) == made.fingerprint(UNIT)
    assert more.fingerprint("demo-worker.service") != more.fingerprint(UNIT)
