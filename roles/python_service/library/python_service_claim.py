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
    description: Users that the role is about to make, and will remove.
    type: list
    elements: str
    default: []
  groups:
    description: Groups that the role is about to make, and will remove.
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
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.python_service_host import Layout
from ansible.module_utils.python_service_record import claim


def main() -> None:
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "root": {"type": "path", "required": True},
            "users": names,
            "groups": names,
        },
        supports_check_mode=True,
    )
    given = module.params
    layout = Layout(given["root"], given["name"])
    changed = module.check_mode or claim(layout, given["users"], given["groups"])
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
