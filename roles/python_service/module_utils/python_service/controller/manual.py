# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""meta/argument_specs.yml, the one manual of the role's variables, as the controller reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.template import trust_as_template

#: Prefix of the role's variables; inside, they are known without it.
PREFIX = "python_service_"
#: The role's directory, wherever it was installed.
ROLE = Path(__file__).resolve().parents[3]
#: Read once for a run: Ansible starts a process of its own for each task.
_SPECIFICATIONS: dict[str, Any] = yaml.safe_load(
    (ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
)["argument_specs"]
_KEYS = ("type", "choices", "elements", "required")


def specification(entry: str) -> dict[str, dict[str, Any]]:
    """What an entry point takes, by names without the prefix: `main`, say."""
    return {
        name[len(PREFIX) :]: {key: option[key] for key in _KEYS if key in option}
        for name, option in _SPECIFICATIONS[entry]["options"].items()
    }


def defaults(entry: str) -> dict[str, Any]:
    """The defaults of an entry point, by names without the prefix, as Ansible's templates."""
    found = {
        name[len(PREFIX) :]: option["default"]
        for name, option in _SPECIFICATIONS[entry]["options"].items()
        if "default" in option
    }
    return {
        name: trust_as_template(value) if isinstance(value, str) else value
        for name, value in found.items()
    }


def known_variables() -> set[str]:
    """Names of all variables of all entry points, with their prefix."""
    return {name for entry in _SPECIFICATIONS.values() for name in entry["options"]}
