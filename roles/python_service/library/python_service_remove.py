#!/usr/bin/python
# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Remove what the role made on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_service_remove
short_description: Remove what the role made on a host
description:
  - Stops the service and removes its units, its releases and virtual environments, and the
    accounts that the role made. Its data in C(/var) stays unless C(data), and so does what the
    role did not make, with a warning.
options:
  name:
    description: Name of the service.
    type: str
    required: true
  data:
    description: Remove the service's directories in C(/var) as well.
    type: bool
    default: false
  by:
    description: Who removes it, for the history, and for others who find the service locked.
    type: str
    required: true
author: the python_service authors
"""

EXAMPLES = r"""
- name: Remove the service
  python_service_remove:
    name: demo
    by: admin@controller
"""

RETURN = r"""
removed:
  description: What was removed, or would be.
  type: list
  elements: str
  returned: always
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.python_service.host.machine import Machine
from ..module_utils.python_service.host.module import require_root, run_module
from ..module_utils.python_service.host.removal import Removal, remove_service

OPTIONS = {
    "name": {"type": "str", "required": True},
    "data": {"type": "bool", "default": False},
    "by": {"type": "str", "required": True},
}


def remove(given: Mapping[str, Any], check: bool) -> dict[str, Any]:
    require_root()
    wish = Removal(given["by"], given["data"], check)
    removed = remove_service(Machine(), given["name"], wish)
    things, warnings = removed
    return {"changed": bool(things), "removed": things, "warnings": warnings}


def main() -> None:
    run_module(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), remove)


if __name__ == "__main__":
    main()
