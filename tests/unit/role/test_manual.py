"""One place for each fact: the specification, the defaults and the READMEs agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from variables_table import table

from python_service.module_utils.python_service.controller.manual import (
    defaults,
    known_variables,
    specification,
)

PROJECT = Path(__file__).resolve().parents[3]
ROLE = PROJECT / "roles" / "python_service"


def options(entry: str = "main") -> dict[str, Any]:
    text = (ROLE / "meta" / "argument_specs.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)["argument_specs"][entry]["options"]
    return found


def test_defaults_are_those_of_the_specification() -> None:
    written = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert written == {
        name: option["default"] for name, option in options().items() if "default" in option
    }
    assert written == {f"python_service_{name}": value for name, value in defaults("main").items()}


@pytest.mark.parametrize("entry", ["main", "stage", "activate", "rollback"])
def test_an_entry_point_takes_what_the_manual_says_of_it(entry: str) -> None:
    assert {f"python_service_{name}" for name in specification(entry)} == set(options(entry))
    assert set(options(entry)) <= known_variables()


def test_a_variable_means_the_same_in_both_entry_points() -> None:
    shared = set(options("main")) & set(options("rollback"))
    assert shared == {"python_service_name", "python_service_keep_releases"}
    for name in shared:
        described = [{**options(entry)[name], "description": ""} for entry in ("main", "rollback")]
        assert described[0] == described[1]


@pytest.mark.parametrize("readme", ["README.md", "roles/python_service/README.md"])
def test_the_tables_are_current(readme: str) -> None:
    text = (PROJECT / readme).read_text()
    assert table() in text, "run: python script/lib/variables_table.py"
