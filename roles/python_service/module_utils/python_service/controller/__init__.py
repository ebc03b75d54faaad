# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What runs on the controller, in Ansible's own Python.

An Ansible that is too old is refused here, since it lacks what the files beside this one import.
"""

from __future__ import annotations

from ansible.errors import AnsibleError
from ansible.release import __version__

#: The oldest ansible-core; also in meta/main.yml, meta/runtime.yml and the README.
OLDEST_ANSIBLE = (2, 19)

if tuple(int(number) for number in __version__.split(".")[:2]) < OLDEST_ANSIBLE:
    raise AnsibleError(
        f"the role python_service needs ansible-core {'.'.join(map(str, OLDEST_ANSIBLE))} or newer, "
        f"and this is {__version__}; install one with: python3 -m pip install --upgrade ansible-core"
    )
