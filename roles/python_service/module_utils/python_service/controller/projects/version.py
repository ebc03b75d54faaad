# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The version of a project whose build system takes it from git, which hosts do not have.

It is worked out as setuptools-scm does by default: the version of the tag that
the commit has; otherwise the next one after the nearest tag before it, as a
development version with the number of commits since and the commit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from packaging.version import InvalidVersion, Version

from ...errors import ServiceError
from ..problems import problem
from ..revision import Described, described
from .project import Project

#: As setuptools-scm has it: a name, perhaps, and a version.
_TAG = re.compile(r"(?:[\w-]+-)?(?P<version>[vV]?\d+(?:\.\d+){0,2}[^+]*)(?:\+.*)?")


def version_variables(root: str, project: Project | None) -> Mapping[str, str]:
    """Variables that tell the build system of a project in ``root`` its version.

    Raises `ServiceError` where git does not know it.
    """
    if not project or not project.built or not project.version_variable:
        return {}
    if os.path.isfile(os.path.join(root, "PKG-INFO")):
        return {}  # an sdist: the version stands there
    found = described(root)
    if found is None:
        said = (
            f"{os.path.join(root, project.file)} takes the version from git, which has none for it"
        )
        words = f"{said}; deploy it from a clone, or write version = '1.0' there"
        raise ServiceError(problem("src", words))
    return {project.version_variable: version_of(found)}


def version_of(found: Described) -> str:
    """The version of a commit."""
    tag = _TAG.fullmatch(found.tag)
    try:
        version = Version(tag["version"] if tag else "0")
    except InvalidVersion:
        version = Version("0")
    local = ".".join([f"g{found.commit[:9]}", *(["dirty"] if found.dirty else [])])
    if found.distance == 0 and found.tag:
        return f"{version.public}+{local}" if found.dirty else str(version)
    return f"{_next(version)}.dev{found.distance}+{local}"


def _next(version: Version) -> str:
    if version.pre:
        return f"{version.base_version}{version.pre[0]}{version.pre[1] + 1}"
    release = list(version.release)
    release[-1] += 1
    if version == Version("0"):
        release = [0, 1]
    return ".".join(map(str, release))
