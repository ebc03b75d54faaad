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
  src:
    description: The source on the controller, a directory or one file. Read by the action.
    type: path
  exclude:
    description: Glob patterns of what is not shipped. Read by the action.
    type: list
    elements: str
  release:
    description:
      - Id of the release, digest of its C(source), id of its C(environment), its interpreter
        C(python), and the texts of its C(units) by name.
      - C(created), C(by) and C(revision) say when, by whom and from which commit it was made.
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
    src: /srv/build/demo
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
from ansible.module_utils.python_service_host import Layout
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
        publish(layout, given["archive"], given["release"])
    except (PublishError, SourceError, OSError) as error:
        module.fail_json(msg=f"The release of {given['name']} could not be made: {error}")
    module.exit_json(changed=True, path=layout.release(given["release"]["id"]))


if __name__ == "__main__":
    main()
