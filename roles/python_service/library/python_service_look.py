#!/usr/bin/python
# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Look at a host before a deploy: what stands in the way, and what it would do."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_service_look
short_description: Look at a host before a deploy
description:
  - Reads what the other steps of the role decide by, and changes nothing.
  - What stands in the way of a deploy comes back as C(problems), each a sentence
    with the variable's name and what to write or to do instead.
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
    description: Which parts of a deploy are to be done, as for M(python_service_deploy).
    type: list
    elements: str
    choices: [stage, prepare, activate]
    default: [stage, prepare, activate]
  secrets:
    description: Values of secrets by their names, as JSON in Base64. Those that are not named stay as they are.
    type: str
    default: ""
  user:
    description: Account that the service runs as.
    type: str
    required: true
  group:
    description: Group that the service runs as.
    type: str
    required: true
  files:
    description:
      - Digests of the new release's files by path, to be compared with the active ones.
        Those of the source are in C(app), configuration files in C(etc).
    type: dict
author: the python_service authors
"""

EXAMPLES = r"""
- name: Look at the host
  python_service_look:
    name: demo
    root: /opt
    release: "{{ release }}"
    user: demo
    group: demo
"""

RETURN = r"""
problems:
  description: What stands in the way of a deploy. If there is anything, nothing else is returned.
  type: list
  elements: str
  returned: always
complaints:
  description: What systemd ignores in the units, in its own words.
  type: list
  elements: str
  returned: success
python:
  description:
    - The interpreter, with its C(version) as three numbers, and what decides about wheels,
      the end of the names of compiled modules (C(extension)) and the version of the C library
      (C(glibc)).
    - Nothing where there is nothing to do.
  type: dict
  returned: success
lacks_venv:
  description: Whether the virtual environment is to be built, and not the release alone.
  type: bool
  returned: when something is to be staged
outcome:
  description: What the deploy would return.
  type: dict
  returned: success
changes:
  description:
    - What C(files) would change in C(app) and C(etc), as C(added), C(changed), C(removed)
      and C(texts) of each.
  type: dict
  returned: when C(files) is given
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.python_service.host import preflight
from ..module_utils.python_service.host.decide import Desired
from ..module_utils.python_service.host.machine import Machine
from ..module_utils.python_service.host.module import DEPLOY_OPTIONS, require_root, run_module
from ..module_utils.python_service.layout import Layout

OPTIONS = {
    **DEPLOY_OPTIONS,
    "files": {"type": "dict"},
}


def look(given: Mapping[str, Any], check: bool) -> dict[str, Any]:
    require_root()
    desired = Desired.from_options(given)
    needs = preflight.Needs(
        python=given["release"]["venv"]["python"],
        files=given["files"],
        done=not check,
    )
    layout = Layout(given["root"], given["name"])
    found = preflight.look(layout, desired, needs, Machine())
    return {"changed": False, **found}


def main() -> None:
    run_module(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), look)


if __name__ == "__main__":
    main()
