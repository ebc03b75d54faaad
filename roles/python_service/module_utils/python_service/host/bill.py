# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a release runs, as a bill of materials: CycloneDX 1.6, of the same bytes for the same contents."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Sequence
from typing import Any

from ..model import Release
from .installed import Package
from .python import Python

#: Characters of an expression of SPDX.
_EXPRESSION = re.compile(r"[A-Za-z0-9.+() -]+")


def bill(
    service: str,
    release: Release,
    python: Python,
    packages: Sequence[Package],
    own: Sequence[Package],
) -> dict[str, Any]:
    """The bill of a release of a service.

    ``packages`` are those of its venv, and ``own`` the projects that were built with the source:
    these have no purl, since what an index has by their names is something else.
    """
    components = [_python(python)]
    components += [{**_component(one), "purl": _purl("pypi", *one[:2])} for one in packages]
    components += [_component(one) for one in own]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "name": service, "version": release.id},
        },
        "components": components,
    }


def _python(python: Python) -> dict[str, Any]:
    purl = _purl("generic", "python", python.version)
    return {"type": "platform", "name": python.name, "version": python.version, "purl": purl}


def _component(package: Package) -> dict[str, Any]:
    found = {"type": "library", "name": package.name, "version": package.version}
    licenses: list[Any] = []
    if _EXPRESSION.fullmatch(package.expression):
        licenses = [{"expression": package.expression}]
    elif package.expression or package.license:
        licenses = [{"license": {"name": package.expression or package.license}}]
    return {**found, "licenses": licenses} if licenses else found


def _purl(kind: str, name: str, version: str) -> str:
    """A package URL: https://github.com/package-url/purl-spec."""
    return f"pkg:{kind}/{name}@{urllib.parse.quote(version, safe='')}"
