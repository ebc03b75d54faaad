#!/usr/bin/python
# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Look at a host before a deploy: what it has, and what stands in the way."""

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
  python:
    description: Interpreter of the service's environment.
    type: path
    required: true
  user:
    description: Account that the service runs as.
    type: str
    required: true
  group:
    description: Group that the service runs as.
    type: str
    required: true
  program:
    description: Absolute path of the program that runs, if it comes from the host and not from the release.
    type: path
  release:
    description: Id of the wanted release.
    type: str
    required: true
  environment:
    description: Id of its environment.
    type: str
    required: true
  units:
    description: Texts of the release's unit files by name, for systemd to check.
    type: dict
    required: true
  files:
    description: Digests of the new source's files by path, to be compared with the active ones.
    type: dict
author: the python_service authors
"""

EXAMPLES = r"""
- name: Look at the host
  python_service_look:
    name: demo
    root: /opt
    python: /usr/bin/python3
    user: demo
    group: demo
    release: 3f2a9c0d1e4b
    environment: 77aa10b2c3d4
    units: "{{ release.units }}"
"""

RETURN = r"""
problems:
  description: What stands in the way.
  type: list
  elements: str
user_exists:
  description: The account is there.
  type: bool
group_exists:
  description: The group is there.
  type: bool
release_exists:
  description: The release is there, whole.
  type: bool
environment_exists:
  description: The environment is there, whole.
  type: bool
claimed:
  description: The service is the role's own on this host.
  type: bool
complaints:
  description: What systemd does not honour of the units, in its own words.
  type: list
  elements: str
changes:
  description: What C(files) would change, as C(added), C(changed), C(removed) and C(texts).
  type: dict
  returned: when C(files) is given
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.python_service_host import Layout
from ansible.module_utils.python_service_look import look


def main() -> None:
    text = {"type": "str", "required": True}
    path = {"type": "path", "required": True}
    module = AnsibleModule(
        argument_spec={
            "name": text,
            "root": path,
            "python": path,
            "user": text,
            "group": text,
            "program": {"type": "path"},
            "release": text,
            "environment": text,
            "units": {"type": "dict", "required": True},
            "files": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    given = module.params
    layout = Layout(given["root"], given["name"])
    module.exit_json(changed=False, **look(layout, given))


if __name__ == "__main__":
    main()
