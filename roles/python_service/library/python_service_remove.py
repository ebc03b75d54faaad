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
    that the role made. Its data in C(/var) stays, and so does what the role did not make.
options:
  name:
    description: Name of the service.
    type: str
    required: true
  root:
    description: Directory that holds the service's own directory.
    type: path
    required: true
author: the python_service authors
"""

EXAMPLES = r"""
- name: Remove the service
  python_service_remove:
    name: demo
    root: /opt
"""

RETURN = r"""
removed:
  description: What was taken away.
  type: list
  elements: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.python_service_host import Layout
from ansible.module_utils.python_service_remove import RemoveError, remove


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "root": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    layout = Layout(module.params["root"], module.params["name"])
    try:
        removed = remove(layout, check=module.check_mode)
    except (RemoveError, OSError) as error:
        module.fail_json(msg=f"{layout.name} could not be removed: {error}")
    module.exit_json(changed=bool(removed), removed=removed)


if __name__ == "__main__":
    main()
