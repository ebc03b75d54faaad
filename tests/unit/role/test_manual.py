"""One place for each fact: the specification, the defaults and the READMEs agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from variables_table import table

PROJECT = Path(__file__).resolve().parents[3]
ROLE = PROJECT / "roles" / "python_service"


def options() -> dict[str, Any]:
    text = (ROLE / "meta" / "argument_specs.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    return found


def test_defaults_are_those_of_the_specification() -> None:
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    assert defaults == {
        name: option["default"] for name, option in options().items() if "default" in option
    }


def test_the_role_hands_every_variable_to_its_plan() -> None:
    (task,) = yaml.safe_load((ROLE / "tasks" / "plan.yml").read_text())
    arguments = task["python_service_plan"]
    assert {f"python_service_{name}" for name in arguments} == set(options())
    for name, value in arguments.items():
        assert f"python_service_{name}" in value


@pytest.mark.parametrize("readme", ["README.md", "roles/python_service/README.md"])
def test_the_tables_are_current(readme: str) -> None:
    text = (PROJECT / readme).read_text()
    assert table() in text, "run: python script/lib/variables_table.py"
