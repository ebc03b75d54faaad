"""What the role was given: each problem names the variable and what to write instead."""

from __future__ import annotations

import re
from typing import Any

import pytest

from builders import given
from python_service.module_utils.python_service.controller.validation import validate
from python_service.module_utils.python_service.errors import ServiceError


def problems(entry: str, variables: dict[str, Any], names: tuple[str, ...] = ()) -> list[str]:
    """All that is wrong, a sentence each."""
    with pytest.raises(ServiceError) as raised:
        validate(entry, variables, names)
    return str(raised.value).splitlines()


def test_good_input_comes_back_with_its_types() -> None:
    arguments = validate("main", given(settle="0.5", enabled="yes", keep_releases="7"), ())
    assert (arguments["settle"], arguments["enabled"], arguments["keep_releases"]) == (0.5, True, 7)


def test_what_is_not_given_is_none() -> None:
    arguments = validate("main", given("src", requirements=["demo"]), ())
    assert (arguments["src"], arguments["wheelhouse"]) == (None, None)


def test_what_systemd_and_programs_can_take_is_no_problem() -> None:
    validate(
        "main",
        given(
            command="./run --format '%%(message)s' ${PORT}",
            description='50% more: naïve "quotes"',
            environment={"A": "$x %h \\ \" '", "B": 1, "C": 0.5, "_D": ""},
            health={"url": "http://127.0.0.1:8000/", "status": 204, "timeout": 0.5},
            unit_options={
                "Unit": {"Documentation": ["man:a(1)", "man:b(1)"]},
                "Service": {"Nice": 5, "WatchdogSec": 1.5, "PrivateTmp": False, "LimitCORE": ""},
                "Install": {"Alias": "other.service"},
            },
        ),
        (),
    )
    validate("main", given(health={"command": "curl --fail http://127.0.0.1/"}), ())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "Demo"}, "python_service_name: 'Demo' cannot name"),
        ({"name": "9lives"}, "python_service_name: "),
        ({"name": "a" * 32}, "at most 31 characters"),
        ({"name": "demo\n"}, "python_service_name: "),
        ({"name": "../etc"}, "python_service_name: "),
        ({"name": "a.b"}, "python_service_name: "),
        ({"user": "a b"}, "python_service_user: 'a b' is not a valid account name"),
        ({"group": "-x"}, "python_service_group: '-x'"),
        ({"root": "opt"}, "python_service_root: 'opt' cannot be used; write an absolute path"),
        ({"root": "/"}, "python_service_root: '/'"),
        ({"root": "/opt/../etc"}, "python_service_root: "),
        ({"root": "/opt/"}, "python_service_root: "),
        ({"root": "/my opt"}, "python_service_root: "),
        ({"root": "/opt%h"}, "python_service_root: "),
        ({"python": "python3"}, "python_service_python: 'python3' cannot be used"),
        ({"python": "~/python3"}, "python_service_python: '~/python3' cannot be used"),
        ({"root": "$HOME"}, "python_service_root: '$HOME' cannot be used"),
        ({"src": ""}, "python_service_src: is missing"),
        (
            {"description": "a\nExecStartPre=/bin/x"},
            "python_service_description: contains a newline",
        ),
        ({"description": "a\rb"}, "python_service_description: contains a newline"),
        ({"description": "a\x1bb"}, "python_service_description: contains the character '\\x1b'"),
        ({"description": "a\x7fb"}, "contains the character '\\x7f'"),
        ({"description": "a\\"}, "python_service_description: ends with a backslash"),
        ({"command": ""}, "python_service_command: is missing; write what to run"),
        ({"command": "  "}, "python_service_command: is missing"),
        ({"command": "python -c 'x"}, "close the quotes"),
        ({"command": "python a\nb"}, "python_service_command: contains a newline"),
        ({"command": "python a \\"}, "python_service_command: "),
        ({"command": "+python a"}, "'+python' is not a program"),
        ({"command": "!/bin/sh"}, "'!/bin/sh' is not a program"),
        ({"command": "-python x"}, "'-python' is not a program"),
        ({"command": "./../x"}, "'./../x' is not a program"),
        ({"command": "bin/run"}, "write './bin/run'"),
        ({"command": "$SHELL"}, "'$SHELL' is not a program"),
        (
            {"environment": {"A B": "x"}},
            "python_service_environment: 'A B' is not the name of a variable",
        ),
        ({"environment": {"1A": "x"}}, "'1A' is not the name of a variable"),
        ({"environment": {5: "x"}}, "5 is not the name of a variable"),
        ({"environment": {"A": True}}, "A is a boolean; write the string that you mean, in quotes"),
        ({"environment": {"A": None}}, "A is empty; write a string or a number"),
        ({"environment": {"A": ["x"]}}, "A is a list; write a string or a number"),
        ({"environment": {"A": "x\ny"}}, "A contains a newline"),
        ({"environment": {"A": "x\0y"}}, "A contains the character '\\x00'"),
        ({"environment": {"A": "\udcff"}}, "A contains the character '\\udcff'"),
        ({"environment": {"PYTHON_SERVICE_RELEASE": "x"}}, "is set by the role; leave it out"),
        (
            {"unit_options": {"Sevice": {}}},
            "'Sevice' is not a section of a service's unit; write Service",
        ),
        ({"unit_options": {"Mount": {}}}, "write one of Unit, Service, Install"),
        ({"unit_options": {"Service": ["x"]}}, "Service is a list; write {directive: value}"),
        ({"unit_options": {"Service": None}}, "Service is empty"),
        ({"unit_options": {"Service": {"A=b\nC": "x"}}}, "is not the name of a directive"),
        (
            {"unit_options": {"Service": {"User": "x"}}},
            "Service.User has a variable of its own; write python_service_user",
        ),
        ({"unit_options": {"Unit": {"Description": "x"}}}, "write python_service_description"),
        ({"unit_options": {"Service": {"Nice": None}}}, "Service.Nice is empty"),
        ({"unit_options": {"Service": {"Nice": {"a": 1}}}}, "Service.Nice is a dictionary"),
        ({"unit_options": {"Service": {"Nice": ["1", "2\n3"]}}}, "Service.Nice contains a newline"),
        ({"unit_options": {"Service": {"Nice": "1\\"}}}, "Service.Nice ends with a backslash"),
        (
            {"unit_options": {"Service": {"LogExtraFields": ["A=1", ""]}}},
            "would drop the role's own",
        ),
        ({"command": "python main.py \\ "}, "python_service_command: ends with a backslash"),
        ({"environment": {"A": "x" * 131072}}, "A is longer than the kernel allows"),
        ({"environment": {"A": float("inf")}}, "A is not a finite number"),
        ({"environment": {"A": "\ufffe"}}, "A contains the character '\\ufffe'"),
        (
            {"requirements": {"a": 1}},
            "python_service_requirements: is neither a list of lines nor a path",
        ),
        ({"requirements": [1]}, "python_service_requirements: is neither"),
        ({"requirements": ["a\nb"]}, "is more than one line"),
        ({"health": {"url": "http://x/", "urll": "x"}}, "'urll' is not known; write one of url"),
        ({"health": {"timeout": 5}}, "needs either url or command"),
        ({"health": {"url": "http://x/", "command": "y"}}, "needs either url or command"),
        ({"health": {"url": "ftp://x/"}}, "cannot be used; write http://HOST:PORT/PATH"),
        ({"health": {"url": "http://x/", "timeout": 0}}, "timeout 0 is not a number above 0"),
        ({"health": {"url": "http://x/", "status": "200"}}, "status '200' is not a number"),
        ({"health": {"command": "x 'y"}}, "close the quotes"),
        ({"health": {"command": " "}}, "command is empty"),
        ({"health": {"command": "x", "status": 200}}, "status goes with url"),
        (
            {"health": {"url": "http://x/", "timeout": float("inf")}},
            "timeout inf is not a number above 0",
        ),
        ({"health": {"command": "x", "timeout": True}}, "timeout True is not a number above 0"),
        ({"settle": -1.0}, "python_service_settle: -1.0 will not do; write seconds, 0 or more"),
        ({"settle": float("inf")}, "python_service_settle: inf will not do"),
        ({"settle": float("nan")}, "python_service_settle: nan will not do"),
        ({"keep_releases": 0}, "python_service_keep_releases: 0 is below 1"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bad_input_is_named(changes: dict[str, Any], problem: str) -> None:
    (found,) = problems("main", given(**changes))
    assert problem in found
    assert found.startswith("python_service_")


def test_all_problems_are_named_at_once() -> None:
    assert len(problems("main", given(name="X", root="x", environment={"A": True}))) == 3


def test_to_remove_a_service_its_name_is_enough() -> None:
    validate("main", given("src", "command", state="absent"), ())


def test_a_program_may_come_from_the_requirements_alone() -> None:
    (found,) = problems("main", given("src"))
    assert "or let python_service_requirements bring the program" in found
    validate("main", given("src", requirements=["demo"]), ())


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"settle": "soon"}, "python_service_settle"),
        ({"enabled": "perhaps"}, "python_service_enabled"),
        ({"state": "running"}, "python_service_state"),
        ({"keep_releases": 1.5}, "python_service_keep_releases"),
    ],
    ids=str,
)
def test_another_type_or_choice_is_refused_by_the_variables_full_name(
    changes: dict[str, Any], name: str
) -> None:
    (found,) = problems("main", given(**changes))
    assert re.search(rf"\b{name}\b", found)


def test_a_service_without_a_name_is_refused() -> None:
    (found,) = problems("main", given("name"))
    assert "missing required arguments: python_service_name" in found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"description": {"a": 1}}, "python_service_description: is a dictionary; write a string"),
        ({"src": ["a"]}, "python_service_src: is a list; write a string"),
        ({"src": None}, "python_service_src: is empty; write a string"),
        ({"user": True}, "python_service_user: is a boolean; write a string"),
        ({"logging": True}, "python_service_logging: is a boolean; write a string"),
        ({"environment": "A=1 B=2"}, "python_service_environment: is a string; write a dictionary"),
        ({"environment": 5}, "python_service_environment: is a number; write a dictionary"),
        ({"exclude": "a,b"}, "python_service_exclude: is a string; write a list"),
    ],
    ids=str,
)
def test_another_kind_is_not_turned_into_text(changes: dict[str, Any], words: str) -> None:
    assert problems("main", given(**changes)) == [words]


def test_a_number_may_stand_for_text() -> None:
    assert validate("main", given(description=2026), ())["description"] == "2026"


def test_a_false_is_yamls_way_to_write_off() -> None:
    assert validate("main", given(logging=False), ())["logging"] == "off"


def test_variables_that_the_role_does_not_have_are_named() -> None:
    names = (
        *("python_service_command", "python_service_name", "python_service_rollback_to"),
        *("python_service_comand", "python_service_0815"),
        *("ansible_user", "python_service_result"),
    )
    assert problems("main", given(), names) == [
        "python_service_0815: the role has no such variable",
        "python_service_comand: the role has no such variable; write python_service_command",
    ]


def test_a_rollback_takes_a_name_a_release_and_how_many_stay() -> None:
    arguments = {"name": "demo", "rollback_to": "0123456789ab", "keep_releases": 2}
    assert validate("rollback", arguments, ()) == arguments
    assert [
        line.split(":")[0] for line in problems("rollback", {"name": "X", "keep_releases": 0})
    ] == [
        "python_service_name",
        "python_service_keep_releases",
    ]
