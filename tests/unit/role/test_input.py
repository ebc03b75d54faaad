"""What the role was given: each problem names the variable and what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils.python_service_input import kind_problems, problems, unknown_variables


def given(**changes: Any) -> dict[str, Any]:
    return {
        "name": "demo",
        "description": "Demo",
        "state": "started",
        "src": "/srv/demo",
        "command": "python -m demo",
        "requirements": [],
        "health": {},
        "settle": 3.0,
        "keep_releases": 5,
        "python": "/usr/bin/python3",
        "user": "demo",
        "group": "demo",
        "environment": {},
        "unit_options": {},
        "root": "/opt",
        **changes,
    }


def test_good_input_has_no_problems() -> None:
    assert problems(given()) == []
    assert (
        problems(
            given(
                command="./run --format '%%(message)s' ${PORT}",
                description='50% more: naïve "quotes"',
                environment={"A": "$x %h \\ \" '", "B": 1, "C": 0.5, "_D": ""},
                unit_options={
                    "Unit": {"Documentation": ["man:a(1)", "man:b(1)"]},
                    "Service": {
                        "Nice": 5,
                        "WatchdogSec": 1.5,
                        "PrivateTmp": False,
                        "LimitCORE": "",
                    },
                    "Install": {"Alias": "other.service"},
                },
            )
        )
        == []
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "Demo"}, "python_service_name: 'Demo' cannot name"),
        ({"name": "9lives"}, "python_service_name: "),
        ({"name": "a" * 32}, "at most 31 characters"),
        ({"name": "demo\n"}, "python_service_name: "),
        ({"name": "../etc"}, "python_service_name: "),
        ({"name": "a.b"}, "python_service_name: "),
        ({"user": "a b"}, "python_service_user: 'a b' is no name of an account"),
        ({"group": "-x"}, "python_service_group: '-x'"),
        ({"root": "opt"}, "python_service_root: 'opt' will not do; write an absolute path"),
        ({"root": "/"}, "python_service_root: '/'"),
        ({"root": "/opt/../etc"}, "python_service_root: "),
        ({"root": "/opt/"}, "python_service_root: "),
        ({"root": "/my opt"}, "python_service_root: "),
        ({"root": "/opt%h"}, "python_service_root: "),
        ({"python": "python3"}, "python_service_python: 'python3' will not do"),
        ({"src": None}, "python_service_src: is missing"),
        ({"description": "a\nExecStartPre=/bin/x"}, "python_service_description: holds a newline"),
        ({"description": "a\rb"}, "python_service_description: holds a newline"),
        ({"description": "a\x1bb"}, "python_service_description: holds the character '\\x1b'"),
        ({"description": "a\\"}, "python_service_description: ends with a backslash"),
        ({"command": None}, "python_service_command: is missing; write what to run"),
        ({"command": "  "}, "python_service_command: is missing"),
        ({"command": "python -c 'x"}, "close the quotes"),
        ({"command": "python a\nb"}, "python_service_command: holds a newline"),
        ({"command": "python a \\"}, "python_service_command: "),
        ({"command": "+python a"}, "'+python' is no program"),
        ({"command": "!/bin/sh"}, "'!/bin/sh' is no program"),
        ({"command": "-python x"}, "'-python' is no program"),
        ({"command": "./../x"}, "'./../x' is no program"),
        ({"command": "bin/run"}, "write './bin/run'"),
        ({"command": "$SHELL"}, "'$SHELL' is no program"),
        (
            {"environment": {"A B": "x"}},
            "python_service_environment: 'A B' is no name of a variable",
        ),
        ({"environment": {"1A": "x"}}, "'1A' is no name of a variable"),
        ({"environment": {5: "x"}}, "5 is no name of a variable"),
        ({"environment": {"A": True}}, "A is a boolean; write the text that is meant, in quotes"),
        ({"environment": {"A": None}}, "A is empty; write a text or a number"),
        ({"environment": {"A": ["x"]}}, "A is a list; write a text or a number"),
        ({"environment": {"A": "x\ny"}}, "A holds a newline"),
        ({"environment": {"A": "x\0y"}}, "A holds the character '\\x00'"),
        ({"environment": {"A": "\udcff"}}, "A holds the character '\\udcff'"),
        ({"environment": {"PYTHON_SERVICE_RELEASE": "x"}}, "is set by the role; leave it out"),
        (
            {"unit_options": {"Sevice": {}}},
            "'Sevice' is no section of a service's unit; write Service",
        ),
        ({"unit_options": {"Mount": {}}}, "write one of Unit, Service, Install"),
        ({"unit_options": {"Service": ["x"]}}, "Service is a list; write {directive: value}"),
        ({"unit_options": {"Service": None}}, "Service is empty"),
        ({"unit_options": {"Service": {"A=b\nC": "x"}}}, "is no name of a directive"),
        (
            {"unit_options": {"Service": {"User": "x"}}},
            "Service.User has a variable; write python_service_user",
        ),
        ({"unit_options": {"Unit": {"Description": "x"}}}, "write python_service_description"),
        ({"unit_options": {"Service": {"Nice": None}}}, "Service.Nice is empty"),
        ({"unit_options": {"Service": {"Nice": {"a": 1}}}}, "Service.Nice is a dictionary"),
        ({"unit_options": {"Service": {"Nice": ["1", "2\n3"]}}}, "Service.Nice holds a newline"),
        ({"unit_options": {"Service": {"Nice": "1\\"}}}, "Service.Nice ends with a backslash"),
        (
            {"unit_options": {"Service": {"LogExtraFields": ["A=1", ""]}}},
            "would drop the role's own",
        ),
        ({"command": "python main.py \\ "}, "python_service_command: ends with a backslash"),
        ({"environment": {"A": "x" * 131072}}, "A is longer than the kernel takes"),
        ({"environment": {"A": float("inf")}}, "A is no finite number"),
        ({"environment": {"A": "\ufffe"}}, "A holds the character '\\ufffe'"),
        (
            {"requirements": {"a": 1}},
            "python_service_requirements: is neither a list of lines nor a path",
        ),
        ({"requirements": [1]}, "python_service_requirements: is neither"),
        ({"requirements": ["a\nb"]}, "is more than one line"),
        ({"health": {"url": "http://x/", "urll": "x"}}, "'urll' is not known; write one of url"),
        ({"health": {"timeout": 5}}, "needs one of url and command"),
        ({"health": {"url": "http://x/", "command": "y"}}, "needs one of url and command"),
        ({"health": {"url": "ftp://x/"}}, "will not do; write http://HOST:PORT/PATH"),
        ({"health": {"url": "http://x/", "timeout": 0}}, "timeout 0 is no number above 0"),
        ({"health": {"url": "http://x/", "status": "200"}}, "status '200' is no number"),
        ({"health": {"command": "x 'y"}}, "close the quotes"),
        ({"health": {"command": " "}}, "command is empty"),
        ({"health": {"command": "x", "status": 200}}, "status goes with url"),
        ({"settle": -1.0}, "python_service_settle: -1.0 is below 0"),
        ({"keep_releases": 0}, "python_service_keep_releases: 0 is below 1"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bad_input_is_named(changes: dict[str, Any], problem: str) -> None:
    (found,) = problems(given(**changes))
    assert problem in found
    assert found.startswith("python_service_")


def test_all_problems_are_named_at_once() -> None:
    assert len(problems(given(name="X", root="x", environment={"A": True}))) == 3


def test_to_remove_a_service_its_name_is_enough() -> None:
    assert problems(given(state="absent", src=None, command=None)) == []


def test_variables_that_the_role_does_not_have_are_named() -> None:
    known = ["python_service_command", "python_service_name"]
    given_names = [
        *known,
        "python_service_comand",
        "python_service_0815",
        "ansible_user",
        "python_service_result",
    ]
    assert unknown_variables(given_names, known) == [
        "python_service_0815: the role has no such variable",
        "python_service_comand: the role has no such variable; write python_service_command",
    ]


@pytest.mark.parametrize(
    ("given_value", "kind", "words"),
    [
        ({"a": 1}, "str", "python_service_x: is a dictionary; write a text"),
        (["a"], "path", "python_service_x: is a list; write a text"),
        (None, "str", "python_service_x: is empty; write a text"),
        (True, "str", "python_service_x: is a boolean; write a text"),
        ("A=1 B=2", "dict", "python_service_x: is a text; write a dictionary"),
        ("a,b", "list", "python_service_x: is a text; write a list"),
    ],
)
def test_another_kind_is_not_turned_into_text(given_value: Any, kind: str, words: str) -> None:
    assert kind_problems({"x": given_value}, {"x": {"type": kind}}) == [words]


def test_a_number_may_stand_for_text() -> None:
    assert kind_problems({"x": 5, "y": True}, {"x": {"type": "str"}, "y": {"type": "bool"}}) == []


def test_a_false_is_yamls_way_to_write_off() -> None:
    specification = {"x": {"type": "str", "choices": ["auto", "off"]}}
    assert kind_problems({"x": False}, specification) == []
    assert kind_problems({"x": True}, specification) != []
