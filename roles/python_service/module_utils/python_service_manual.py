# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""meta/argument_specs.yml, the one manual of the role's variables, as the controller reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .python_service_input import PREFIX, kind_problems, unknown_variables

ROLE = Path(__file__).resolve().parent.parent
_KEYS = ("type", "choices", "elements", "required")


def specification(entry: str) -> dict[str, dict[str, Any]]:
    """What an entry point takes, by names without the prefix: `main` or `rollback`."""
    return {
        name[len(PREFIX) :]: {key: option[key] for key in _KEYS if key in option}
        for name, option in _read()[entry]["options"].items()
    }


def misuse(entry: str, given: Mapping[str, Any], variables: Mapping[str, Any]) -> list[str]:
    """Problems that Ansible's own check of types is silent about.

    ``given`` are the arguments of the entry point, without their prefix, and
    ``variables`` all that the host has.
    """
    known = {name for one in _read().values() for name in one["options"]}
    return [*unknown_variables(variables, known), *kind_problems(given, specification(entry))]


def _read() -> dict[str, Any]:
    text = (ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    specifications: dict[str, Any] = yaml.safe_load(text)["argument_specs"]
    return specifications
