# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The one place where what a module did becomes what Ansible is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..errors import ServiceError
from ..foreign import printable

#: What a module does with its parameters, and whether it shall only look; gives its result.
Work = Callable[[Mapping[str, Any], bool], "dict[str, Any]"]

#: Options of a module that looks at, or makes, the deploy of a release.
DEPLOY_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
    "release": {"type": "dict", "required": True},
    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
    "enabled": {"type": "bool", "default": True},
    "keep_releases": {"type": "int", "default": 5},
}


def require_root() -> None:
    """Refuse to go on without root's rights."""
    if os.geteuid() != 0:
        raise ServiceError("the role needs root on the host; set become: true")


def run_module(module: AnsibleModule, work: Work) -> None:
    """Run a module to its end, as Ansible expects it of a module.

    It is made by the file of the module itself, by which Mitogen knows that
    it is one.
    """
    try:
        result = work(module.params, module.check_mode)
    except ServiceError as error:
        module.fail_json(msg=str(error), **error.facts)
    except OSError as error:
        module.fail_json(msg=f"a step failed on the host: {printable(str(error))}")
    for warning in result.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**result)
