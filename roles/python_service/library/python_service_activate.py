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
    disables it, each only where the host is not so already, and accepts the release when
    it is ready, stays up and is healthy.
  - A release that is not accepted is replaced by the one before it, and the module fails
    with the reason, the journal's words, and what runs now. A first release that fails
    leaves nothing that runs or is enabled.
  - Restarts exactly when what runs is not what is wanted.
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
    description:
      - The release, with its C(id), C(environment), C(units) and C(acceptance).
    type: dict
    required: true
  changes:
    description: What the release changes in the files of the source, as a diff shows it.
    type: list
    elements: dict
    default: []
  state:
    description: Whether the service runs.
    type: str
    choices: [started, stopped]
    default: started
  enabled:
    description: Whether it starts at boot.
    type: bool
    default: true
  keep_releases:
    description: Accepted releases that stay on the host.
    type: int
    default: 5
  by:
    description: Who asks, for the history and for those who meet the lock.
    type: str
    required: true
author: the python_service authors
"""

EXAMPLES = r"""
- name: Activate the release
  python_service_activate:
    name: demo
    root: /opt
    release: "{{ plan.release }}"
    by: admin@controller
"""

RETURN = r"""
release:
  description: Id of the release.
  type: str
  returned: always
previous:
  description: Id of the release to go back to from it, if there is one.
  type: str
  returned: success
restarted:
  description: Whether the service was started or restarted.
  type: bool
  returned: success
rolled_back:
  description: Whether the release before was put back.
  type: bool
  returned: always
pruned:
  description: Paths of releases and environments that were removed since nobody needs them.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.python_service_activate import ActivationError, Wanted, perform
from ansible.module_utils.python_service_host import Layout


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "root": {"type": "path", "required": True},
            "release": {"type": "dict", "required": True},
            "changes": {"type": "list", "elements": "dict", "default": []},
            "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
            "enabled": {"type": "bool", "default": True},
            "keep_releases": {"type": "int", "default": 5},
            "by": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    release = given["release"]
    wanted = Wanted(
        release=release["id"],
        environment=release["environment"],
        units=release["units"],
        acceptance=release["acceptance"],
        started=given["state"] == "started",
        enabled=given["enabled"],
    )
    try:
        answer = perform(
            Layout(given["root"], given["name"]),
            wanted,
            {"what": "deploy", "by": given["by"]},
            given["keep_releases"],
            check=module.check_mode,
        )
    except ActivationError as error:
        module.fail_json(msg=str(error), release=wanted.release, rolled_back=error.rolled_back)
    module.exit_json(**{**answer, "diff": [*given["changes"], *answer["diff"]]})


if __name__ == "__main__":
    main()
