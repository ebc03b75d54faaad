# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The pip that goes along to a host, which needs none of its own."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import zipfile
from collections.abc import Iterator, Sequence
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from ..errors import ServiceError
from .problems import problem

#: Where Debian and Fedora keep the wheel that their ensurepip takes.
_WHEELS = "/usr/share/python-wheels"


class Installer(NamedTuple):
    """A pip: the path of its wheel or of its package, its version, and the Pythons it is for."""

    path: str
    version: Version
    pythons: SpecifierSet


def find_installer(python: Sequence[int], wheelhouse: str | None = None) -> Installer:
    """The newest pip of the controller's that is for a host's Python, of the version given.

    Looked for in the wheelhouse, among the packages of Ansible's own Python, in
    its ensurepip, and where distributions keep wheels. The newest, since an old
    pip breaks on a new Python; and one that is for the host's, since new ones
    give up old Pythons, as 26.1 did 3.9. Raises `ServiceError` where none is.
    """
    version = ".".join(map(str, python))
    broken: list[str] = []
    found = [
        *_in_directory(wheelhouse, broken),
        *_own(),
        *_bundled(broken),
        *_in_directory(_WHEELS, broken),
    ]
    fitting = [one for one in found if one.pythons.contains(version)]
    if fitting:
        return max(fitting, key=lambda one: one.version)
    there = {f"pip {one.version}, which asks for Python {one.pythons}" for one in found}
    there.update(broken)
    raise ServiceError(
        problem(
            "requirements",
            f"the host has Python {version}, and the controller has "
            f"{', '.join(sorted(there)) or 'no pip'}; install one for {version} in Ansible's own "
            "Python, or add its wheel to python_service_wheelhouse. This fetches it: "
            f"python3 -m pip download --no-deps --python-version {version} pip",
        )
    )


def _own() -> Iterator[Installer]:
    spec = importlib.util.find_spec("pip")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        # Another pip further down the path has nothing to say about this one.
        for found in importlib.metadata.distributions(name="pip", path=[os.path.dirname(location)]):
            yield from _installer(location, found.version, found.metadata["Requires-Python"])


def _bundled(broken: list[str]) -> Iterator[Installer]:
    spec = None
    with contextlib.suppress(ModuleNotFoundError):  # Debian has it in a package of its own
        spec = importlib.util.find_spec("ensurepip._bundled")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        yield from _in_directory(location, broken)


def _in_directory(directory: str | None, broken: list[str]) -> Iterator[Installer]:
    """The pips of a directory; those that cannot be read, and why, are added to ``broken``."""
    for wheel in Path(directory).glob("pip-*.whl") if directory else ():
        version = wheel.name.split("-")[1]
        try:
            with zipfile.ZipFile(wheel) as archive:
                text = archive.read(f"pip-{version}.dist-info/METADATA").decode(errors="replace")
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            broken.append(f"{wheel}, which cannot be read ({error})")
            continue
        yield from _installer(str(wheel), version, HeaderParser().parsestr(text)["Requires-Python"])


def _installer(path: str, version: str, pythons: str | None) -> Iterator[Installer]:
    with contextlib.suppress(InvalidVersion, InvalidSpecifier):
        yield Installer(path, Version(version), SpecifierSet(pythons or ""))
