# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What runs on the controller, in Ansible's own Python."""
