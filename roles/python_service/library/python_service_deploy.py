#!/usr/bin/python
# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Stage a release, make it the one that runs, and prove it; the host's half of the action of this name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_service_deploy
short_description: Stage a release and make it the one that runs
description:
  - Notes that the service is the role's, and makes the group and the account that the host lacks.
  - Makes the release and its virtual environment from one archive, each whole or not at all,
    where the host lacks them.
  - Runs the commands that come before it is activated, each once for a release. When one
    fails, nothing is activated, and the module fails with the journal's words.
  - Installs the release's units, starts, restarts or stops the service and enables or
    disables it, each only where it is needed, and accepts the release when
    it is ready, stays up and is healthy.
  - A release that is not accepted is replaced by the one before it, and the module fails
    with the reason, the journal's words, and what runs now. A first release that fails
    leaves nothing running and nothing enabled.
  - Restarts exactly when what runs is not what is wanted. Only one run at a time changes a service.
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
    description: The wanted release, as C(release_to_json) of the role's C(model) writes it.
    type: dict
    required: true
  user:
    description: Account that the service runs as. It is made where the host lacks it.
    type: str
    required: true
  group:
    description: Group that the service runs as. It is made where the host lacks it.
    type: str
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
  keep_releases:
    description: How many releases that were in place stay on the host.
    type: int
    default: 5
  parts:
    description:
      - Which parts of a deploy are done. C(stage) puts the release on the host, C(prepare) runs its
        commands, C(activate) makes it the one that runs.
      - Each needs those before it, now or earlier.
    type: list
    elements: str
    choices: [stage, prepare, activate]
    default: [stage, prepare, activate]
  secrets:
    description: Values of secrets by their names, as JSON in Base64. Those that are not named stay as they are.
    type: str
    default: ""
  by:
    description: Who deploys, for the history, and for others who find the service locked.
    type: str
    required: true
  files_diff:
    description: What the release changes in its source and configuration files, as a diff shows it.
    type: list
    elements: dict
    default: []
  elsewhere:
    description:
      - Given where another host runs the commands that are to be run once. Empty, it has
        run them; else it is the reason that it did not, and this host fails as well.
    type: str
  instead_of:
    description:
      - The release that was in place when the deploy was planned, empty where there was none. The
        module refuses to activate when another one is in place by now.
    type: str
  plan:
    description: Comes back with the result, for the next task.
    type: dict
  archive:
    description: The release's parts on the host, a gzip-compressed tar. Set by the action.
    type: path
author: the python_service authors
"""

EXAMPLES = r"""
- name: Deploy the release
  python_service_deploy:
    name: demo
    root: /opt
    release: "{{ release }}"
    user: demo
    group: demo
    by: admin@controller
"""

RETURN = r"""
release:
  description: Id of the release that is in place now.
  type: str
  returned: always
previous:
  description: Id of the release to go back to from it, if there is one.
  type: str
  returned: always
restarted:
  description: Whether the service was started or restarted.
  type: bool
  returned: always
rolled_back:
  description: Whether the release before it was put back.
  type: bool
  returned: always
prepared:
  description: The commands that were run on this host before the release was activated.
  type: list
  elements: str
  returned: always
handover:
  description: Whether another of each process with sockets served while it was started anew, or why not.
  type: str
  returned: always
reason:
  description: Why it failed, without what became of it.
  type: str
  returned: failure
steps:
  description: What was done, or would be, a line each.
  type: list
  elements: str
  returned: success
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.python_service.host.activation import activate
from ..module_utils.python_service.host.decide import Desired
from ..module_utils.python_service.host.isolation import on_this_host
from ..module_utils.python_service.host.lock import locked
from ..module_utils.python_service.host.machine import Machine
from ..module_utils.python_service.host.module import DEPLOY_OPTIONS, run_module
from ..module_utils.python_service.host.observe import observe
from ..module_utils.python_service.host.outcome import predict
from ..module_utils.python_service.host.steps import Request
from ..module_utils.python_service.layout import Layout

OPTIONS = {
    **DEPLOY_OPTIONS,
    "by": {"type": "str", "required": True},
    "files_diff": {"type": "list", "elements": "dict", "default": []},
    "elsewhere": {"type": "str"},
    "instead_of": {"type": "str"},
    "plan": {"type": "dict"},
    "archive": {"type": "path"},
}


def deploy(given: Mapping[str, Any], check: bool, machine: Machine | None = None) -> dict[str, Any]:
    machine = machine or Machine()
    layout = Layout(given["root"], given["name"], machine.root)
    desired = on_this_host(layout, machine, Desired.from_options(given))
    if check:
        facts = predict(layout, observe(layout, machine, desired), desired).facts()
    else:
        with locked(layout, given["by"]):
            request = Request(
                "deploy", given["by"], given["archive"], given["elsewhere"], given["instead_of"]
            )
            facts = activate(layout, machine, desired, request).facts()
    plan = {"plan": given["plan"]} if given["plan"] else {}
    return {**facts, **plan, "diff": [*given["files_diff"], *facts["diff"]]}


def main() -> None:
    run_module(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), deploy)


if __name__ == "__main__":
    main()
