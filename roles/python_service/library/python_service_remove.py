#!/usr/bin/python
# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Take away what the role made on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_service_remove
short_description: Take away what the role made on a host
description:
  - Stops the service and removes its units, its releases and environments, and the accounts
    that the role made. Its data in C(/var) stays unless C(data), and so does what the role did not make.
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
    description: Who asks, for those who meet the lock.
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
  description: What was taken away.
  type: list
  elements: str
  returned: always
"""

from contextlib import nullcontext

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.python_service_host import root_problem
from ansible.module_utils.python_service_lock import LockError, locked
from ansible.module_utils.python_service_record import RecordError
from ansible.module_utils.python_service_remove import RemoveError, remove


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "data": {"type": "bool", "default": False},
            "by": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    name = module.params["name"]
    not_root = root_problem()
    if not_root:
        module.fail_json(msg=not_root)
    try:
        with nullcontext() if module.check_mode else locked(name, module.params["by"]):
            removed = remove(name, data=module.params["data"], check=module.check_mode)
    except (LockError, RecordError) as error:
        module.fail_json(msg=str(error))
    except (RemoveError, OSError) as error:
        module.fail_json(msg=f"{name} could not be removed: {error}")
    module.exit_json(changed=bool(removed), removed=removed)


if __name__ == "__main__":
    main()
