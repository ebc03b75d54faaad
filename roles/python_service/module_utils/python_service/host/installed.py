# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What is installed, by its own metadata: "Recording installed projects", PyPA.

Packages wrote it, so it is read to a limit, through no link, and what is no name or no
version is passed over.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from ..foreign import shortened
from ..layout import Layout
from .files import names, read

#: Packages that are told of, and bytes that are read of the metadata of each.
_MOST = 10_000
_MOST_OF_METADATA = 64 * 1024
_MOST_OF_A_LICENSE = 200
_MOST_NAMED = 8
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.!+_-]{0,98}[A-Za-z0-9])?")
_FILES = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}


class Package(NamedTuple):
    """A package by its normal name (PEP 503), its version, and what it says of its licence.

    ``expression`` is one of SPDX, ``license`` is any text; both may be empty.
    """

    name: str
    version: str
    expression: str = ""
    license: str = ""


def packages_in(directory: str) -> list[Package]:
    """The packages whose metadata lie in a directory, which only root can write, by their names."""
    found: dict[str, Package] = {}
    infos = (name for name in names(directory) if os.path.splitext(name)[1] in _FILES)
    for info in itertools.islice(infos, _MOST):
        package = _package(directory, info)
        if package:
            found.setdefault(package.name, package)
    return [found[name] for name in sorted(found)]


def in_venv(path: str, version: str) -> list[Package]:
    """The packages of the venv at a path, made from a Python of that version, ``3.11``."""
    return packages_in(os.path.join(path, "lib", f"python{version}", "site-packages"))


def of_venv(layout: Layout, venv: str) -> list[Package]:
    """The packages of a whole venv, as they were when it was built."""
    path = layout.venv(venv)
    facts = json.loads(read(os.path.join(path, "environment.json")) or "{}")
    if "packages" not in facts:  # earlier versions of the role did not note them
        return in_venv(path, facts.get("version", ""))
    return [Package(*package) for package in facts["packages"]]


def versions_of(packages: Iterable[Package]) -> dict[str, str]:
    """Versions of packages by their names; of two of one name the last counts."""
    return {package.name: package.version for package in packages}


def unwritten(
    service: str, fixed: Collection[str] | None, packages: Iterable[Package]
) -> list[str]:
    """The warning of a venv that was built from requirements which do not say all versions.

    ``fixed`` are the normal names of those whose versions they say, None where others could not
    have been installed.
    """
    moving = [f"{one.name} {one.version}" for one in packages if one.name not in (fixed or ())]
    if fixed is None or not moving:
        return []
    more = len(moving) - _MOST_NAMED
    listed = ", ".join([*moving[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])])
    words = (
        f"the requirements of {service} do not say all versions; installed were {listed}, and "
        "another build may get others; release.json of the release has all of them, and a lock or "
        "'name==version' in the requirements keeps them"
    )
    return [words]


def _package(directory: str, info: str) -> Package | None:
    stem, kind = os.path.splitext(info)
    # An .egg-info may be the file itself, as distutils wrote it.
    headers = _headers(os.path.join(directory, info, _FILES[kind]))
    headers = headers or _headers(os.path.join(directory, info))
    parts = stem.split("-")
    name = headers.get("name") or parts[0]
    version = headers.get("version") or "".join(parts[1:2])
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        return None
    told = headers.get("license", "")
    return Package(
        re.sub(r"[-_.]+", "-", name).lower(),
        version,
        shortened(headers.get("license-expression", ""), _MOST_OF_A_LICENSE),
        "" if told.upper() == "UNKNOWN" else shortened(told, _MOST_OF_A_LICENSE),
    )


def _headers(path: str) -> dict[str, str]:
    """The first line of each field that metadata begin with, by names in lower case."""
    with contextlib.suppress(OSError):
        # Neither the file nor its directory may be a link to what is not the package's.
        if os.path.islink(os.path.dirname(path)):
            return {}
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, encoding="utf-8", errors="replace", newline="\n") as file:
            return dict(_fields(file.read(_MOST_OF_METADATA)))
    return {}


def _fields(text: str) -> Iterator[tuple[str, str]]:
    seen = set()
    for line in text.split("\n"):
        name, colon, value = line.rstrip("\r").partition(":")
        if not line.strip():
            return
        if colon and not line.startswith((" ", "\t")) and name.lower() not in seen:
            seen.add(name.lower())
            yield name.lower(), value.strip()
