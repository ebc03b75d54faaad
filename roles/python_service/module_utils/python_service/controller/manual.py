# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""meta/argument_specs.yml, the one manual of the role's variables, as the controller reads it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml
from ansible.template import trust_as_template

#: Prefix of the role's variables; inside, they are known without it.
PREFIX = "python_service_"
#: The role's directory, wherever it was installed.
ROLE = Path(__file__).resolve().parents[3]
_KEYS = ("type", "choices", "elements", "required")


def specification(entry: str) -> dict[str, dict[str, Any]]:
    """What an entry point takes, by names without the prefix: `main` or `rollback`."""
    return {
        name[len(PREFIX) :]: {key: option[key] for key in _KEYS if key in option}
        for name, option in _read()[entry]["options"].items()
    }


def defaults(entry: str) -> dict[str, Any]:
    """The defaults of an entry point, by names without the prefix, as Ansible's templates."""
    found = {
        name[len(PREFIX) :]: option["default"]
        for name, option in _read()[entry]["options"].items()
        if "default" in option
    }
    return {
        name: trust_as_template(value) if isinstance(value, str) else value
        for name, value in found.items()
    }


def known_variables() -> set[str]:
    """Names of all variables of all entry points, with their prefix."""
    return {name for entry in _read().values() for name in entry["options"]}


@functools.lru_cache(maxsize=1)
def _read() -> dict[str, Any]:
    text = (ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    specifications: dict[str, Any] = yaml.safe_load(text)["argument_specs"]
    return specifications
