#!/usr/bin/python
# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Make a release the one that runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_service_activate
short_description: Make a release the one that runs
description:
  - Installs the release's units, starts, restarts or stops the service and enables or
    disables it, each only where the host is not so already.
  - Restarts exactly when what runs is not what is wanted.
  - Fails with systemd's words when it refuses a unit, and with the result, the exit status
    and the journal's warnings of that invocation when the service does not come up.
options:
  name:
    description: Name of the service.
    type: str
    required: true
  root:
    description: Directory that holds the service's own directory.
    type: path
    required: true
  release:
    description: Id of the release.
    type: str
    required: true
  units:
    description: Texts of the release's unit files by name.
    type: dict
    required: true
  state:
    description: Whether the service runs.
    type: str
    choices: [started, stopped]
    default: started
  enabled:
    description: Whether it starts at boot.
    type: bool
    default: true
author: the python_service authors
"""

EXAMPLES = r"""
- name: Activate the release
  python_service_activate:
    name: demo
    root: /opt
    release: 3f2a9c0d1e4b
    units: "{{ plan.units }}"
"""

RETURN = r"""
previous:
  description: Id of the release that was active before, if there was one.
  type: str
  returned: always
restarted:
  description: Whether the service was started or restarted.
  type: bool
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.python_service_activate import ActivationError, Wanted, activate, plan
from ansible.module_utils.python_service_host import UNITS, Layout


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "root": {"type": "path", "required": True},
            "release": {"type": "str", "required": True},
            "units": {"type": "dict", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
            "enabled": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    layout = Layout(given["root"], given["name"])
    wanted = Wanted(
        release=given["release"],
        units=given["units"],
        started=given["state"] == "started",
        enabled=given["enabled"],
    )
    previous = layout.current_release()
    steps = plan(layout, wanted)
    if not module.check_mode:
        try:
            for warning in activate(layout, wanted, steps):
                module.warn(warning)
        except ActivationError as error:
            module.fail_json(msg=str(error))
    module.exit_json(
        changed=not steps.empty,
        previous=previous,
        restarted=steps.start or steps.restart,
        diff=[
            {
                "before_header": f"{UNITS}/{name}",
                "after_header": f"{UNITS}/{name}",
                "before": before,
                "after": after,
            }
            for name, (before, after) in steps.units.items()
        ],
    )


if __name__ == "__main__":
    main()
