# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The logic of the role: what both sides need, and one package for each side.

`controller` runs in Ansible's own Python, `host` on the hosts, with Python 3.9 and
the standard library alone. Neither imports the other.
"""
