# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Projects as pip takes them, on whichever side they are built."""

from __future__ import annotations

import os

#: What makes a directory a project that pip installs.
PROJECT_FILES = ("pyproject.toml", "setup.py")
#: Makes it one where it has a ``setup.cfg`` alone.
_SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'


def buildable(project: str, directory: str) -> str:
    """What pip is told for one of `model.Pip.projects`, of which a copy lies in ``directory``.

    The copy is made one that pip takes, where it has a ``setup.cfg`` alone.
    """
    name, semicolon, marker = project.partition(" ;")
    copy = os.path.join(directory, name)
    if not any(os.path.exists(os.path.join(copy, file)) for file in PROJECT_FILES):
        with open(os.path.join(copy, "pyproject.toml"), "w", encoding="ascii") as new:
            new.write(_SETUPTOOLS)
    return copy + semicolon + marker
