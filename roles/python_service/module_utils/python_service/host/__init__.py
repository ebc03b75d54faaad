# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What runs on a host: Python 3.9 and the standard library, nothing else."""
