#!/usr/bin/python
# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Note on the host that a service is the role's, and which accounts it makes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_service_claim
short_description: Note on the host that a service is the role's
description:
  - Writes the record of a service, before anything is made for it. What has no record is
    somebody else's, and is neither taken over nor removed.
options:
  name:
    description: Name of the service.
    type: str
    required: true
  root:
    description: Directory that holds the service's own directory.
    type: path
    required: true
  users:
    description: Users that the role is about to make, and will remove; not those that are there by now.
    type: list
    elements: str
    default: []
  groups:
    description: Groups that the role is about to make, and will remove; not those that are there by now.
    type: list
    elements: str
    default: []
author: the python_service authors
"""

EXAMPLES = r"""
- name: Claim the name
  python_service_claim:
    name: demo
    root: /opt
    users: [demo]
    groups: [demo]
"""

RETURN = r"""
users:
  description: Those of C(users) that the host lacks.
  type: list
  elements: str
  returned: always
groups:
  description: Those of C(groups) that the host lacks.
  type: list
  elements: str
  returned: always
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.python_service.host import record
from ..module_utils.python_service.host.machine import Machine
from ..module_utils.python_service.host.module import run_module
from ..module_utils.python_service.layout import Layout

_NAMES = {"type": "list", "elements": "str", "default": []}
OPTIONS = {
    "name": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
    "users": _NAMES,
    "groups": _NAMES,
}


def claim(given: Mapping[str, Any], check: bool, machine: Machine | None = None) -> dict[str, Any]:
    machine = machine or Machine()
    layout = Layout(given["root"], given["name"], machine.root)
    # What somebody else has made since the host was looked at is not the role's.
    users, groups = (
        [name for name in given[f"{kind}s"] if not machine.accounts.exists(kind, name)]
        for kind in ("user", "group")
    )
    changed = record.claim(layout, users, groups, check=check)
    return {"changed": changed, "users": users, "groups": groups}


def main() -> None:
    run_module(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), claim)


if __name__ == "__main__":
    main()
