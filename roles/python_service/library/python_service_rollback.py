#!/usr/bin/python
# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Go back to a release that was accepted before; the host's half of the action of this name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_service_rollback
short_description: Go back to a release that was accepted before
description:
  - Activates a release that is on the host with its own units and environment, by the same
    steps as a deploy, and proves it good in the same way.
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
    description: Accepted releases that stay on the host.
    type: int
    default: 5
  by:
    description: Who asks. Set by the action.
    type: str
author: the python_service authors
"""

EXAMPLES = r"""
- name: Go back
  python_service_rollback:
    name: demo
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

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.python_service_activate import ActivationError, roll_back
from ansible.module_utils.python_service_host import root_problem
from ansible.module_utils.python_service_record import RecordError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "rollback_to": {"type": "str"},
            "keep_releases": {"type": "int", "default": 5},
            "by": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    not_root = root_problem()
    if not_root:
        module.fail_json(msg=not_root)
    try:
        answer = roll_back(
            given["name"],
            given["rollback_to"],
            given["by"],
            given["keep_releases"],
            check=module.check_mode,
        )
    except ActivationError as error:
        module.fail_json(msg=str(error), rolled_back=error.rolled_back)
    except RecordError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
