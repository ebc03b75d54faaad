#!/usr/bin/python
# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Put a release and its environment on the host; the host's half of the action of this name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_service_publish
short_description: Put a release and its environment on the host
description:
  - Ships a source as one archive and makes the release and its environment from it,
    each whole or not at all. What is there already is left as it is.
  - Nothing that runs is touched.
options:
  name:
    description: Name of the service.
    type: str
    required: true
  root:
    description: Directory that holds the service's own directory.
    type: path
    required: true
  inputs:
    description: Where the parts of the release are on the controller. Read by the action.
    type: dict
  release:
    description:
      - What its release.json will hold, and the texts of its C(units) by name.
    type: dict
    required: true
  missing:
    description: Whether the host lacks the release or the environment. Read by the action.
    type: bool
  archive:
    description: The archive on the host, a gzip-compressed tar. Set by the action.
    type: path
author: the python_service authors
"""

EXAMPLES = r"""
- name: Publish the release
  python_service_publish:
    name: demo
    root: /opt
    inputs: "{{ plan.inputs }}"
    release: "{{ plan.release }}"
    missing: true
"""

RETURN = r"""
path:
  description: Where the release is.
  type: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.python_service_environment import BuildError
from ansible.module_utils.python_service_host import Layout
from ansible.module_utils.python_service_lock import LockError, locked
from ansible.module_utils.python_service_publish import PublishError, publish
from ansible.module_utils.python_service_source import SourceError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "root": {"type": "path", "required": True},
            "release": {"type": "dict", "required": True},
            "archive": {"type": "path", "required": True},
        },
    )
    given = module.params
    layout = Layout(given["root"], given["name"])
    try:
        with locked(layout.name, given["release"]["by"]):
            publish(layout, given["archive"], given["release"])
    except (BuildError, LockError, PublishError, SourceError, OSError) as error:
        words = f"The release of {layout.name} could not be made; what runs is untouched."
        module.fail_json(msg=f"{words}\n{error}")
    module.exit_json(changed=True, path=layout.release(given["release"]["id"]))


if __name__ == "__main__":
    main()
