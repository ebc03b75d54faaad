# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a program needs by its project's own word, in all the ways in which projects say it.

`needs` picks the one that counts; each other file reads one of the ways. A
source may be anybody's: what it says is read, and nothing of it is run.
"""
