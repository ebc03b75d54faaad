#!/usr/bin/python
# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Go back to a release that was accepted before; the host's half of the action of this name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_service_rollback
short_description: Go back to a release that was accepted before
description:
  - Activates a release that is on the host with its own units and virtual environment, by the
    same steps as a deploy, and accepts it in the same way.
  - The order of releases is the history's; a release that was never accepted is refused.
options:
  name:
    description: Name of the service.
    type: str
    required: true
  rollback_to:
    description: Id of the release. Left out, it is the one before the current one.
    type: str
  keep_releases:
    description: How many releases that were in place stay on the host.
    type: int
    default: 5
  by:
    description: Who deploys, for the history, and for others who find the service locked.
    type: str
    required: true
author: the python_service authors
"""

EXAMPLES = r"""
- name: Go back
  python_service_rollback:
    name: demo
    by: admin@controller
"""

RETURN = r"""
release:
  description: Id of the release that runs now.
  type: str
  returned: success
previous:
  description: Id of the release that ran before.
  type: str
  returned: success
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.python_service.host.machine import Machine
from ..module_utils.python_service.host.module import require_root, run_module
from ..module_utils.python_service.host.rollback import Rollback, roll_back

OPTIONS = {
    "name": {"type": "str", "required": True},
    "rollback_to": {"type": "str"},
    "keep_releases": {"type": "int", "default": 5},
    "by": {"type": "str", "required": True},
}


def back(given: Mapping[str, Any], check: bool) -> dict[str, Any]:
    require_root()
    wish = Rollback(given["by"], given["rollback_to"], given["keep_releases"], check)
    return roll_back(Machine(), given["name"], wish).facts()


def main() -> None:
    run_module(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), back)


if __name__ == "__main__":
    main()
