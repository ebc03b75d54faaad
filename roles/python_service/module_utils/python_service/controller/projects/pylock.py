# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""``pylock.toml`` (PEP 751) as requirement lines, which every pip can read.

pip reads the format itself from 26.1 on, which is for Python 3.10 and newer.
What a package is marked with stays for the host to answer, except for
extras and groups, which are chosen here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import tomllib
from packaging.utils import canonicalize_name

from ...errors import ServiceError
from ..problems import problem

_CHOICE = re.compile(
    r"""(['"])(?P<name>[\w.-]+)\1\s+(?P<no>not\s+)?in\s+(?P<kind>extras|dependency_groups)"""
)
#: The index that a lock means where it names none, and that pip asks without being told.
PYPI = "https://pypi.org/simple"
_HASHES = ("sha256", "sha384", "sha512")


class PyLock(NamedTuple):
    """Requirement lines of a lock, the Pythons it is for, and its indexes besides PyPI."""

    lines: tuple[str, ...]
    python: str
    indexes: tuple[str, ...]


def read_pylock(path: str, wanted: Collection[str]) -> PyLock:
    """What a lock has for a program with the extras and groups that are ``wanted``, by normal names.

    Raises `ServiceError` for a lock that cannot be read, or has no such extra.
    """
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
        if content.get("lock-version") != "1.0":
            version = content.get("lock-version")
            raise _bad(path, f"has the lock-version {version!r}, and 1.0 is what can be read")
        groups = {*_names(content, "default-groups")}
        known = {*_names(content, "extras"), *_names(content, "dependency-groups")}
        for name in wanted:
            if name not in known:
                raise ServiceError(
                    problem("extras", f"{name!r} is not in {path}, which has {_listed(known)}")
                )
        packages = list(content.get("packages", []))
        lines = [_line(package, {*groups, *wanted}) for package in packages]
        indexes = [str(package.get("index", PYPI)).rstrip("/") for package in packages]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _bad(path, f"cannot be read: {error}") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise _bad(path, f"is not as PEP 751 has it ({error!r}); have it written anew") from error
    others = dict.fromkeys(index for index in indexes if index != PYPI)
    return PyLock(
        tuple(filter(None, lines)), str(content.get("requires-python", "")), tuple(others)
    )


def _line(package: Mapping[str, Any], chosen: Collection[str]) -> str:
    """The requirement line of a package; empty for one that is the project itself."""
    name = package["name"]
    if package.get("directory", {}).get("path") in (".", "./"):
        return ""
    marker = _CHOICE.sub(lambda found: _answer(found, chosen), package.get("marker", ""))
    ends = f" ; {marker}" if marker else ""
    if "vcs" in package:
        vcs = package["vcs"]
        at = f"#subdirectory={vcs['subdirectory']}" if "subdirectory" in vcs else ""
        place = vcs.get("url") or os.path.normpath(vcs["path"])
        return f"{name} @ {vcs['type']}+{place}@{vcs['commit-id']}{at}{ends}"
    if "directory" in package:
        return f"{name} @ ./{package['directory']['path']}{ends}"
    if "archive" in package:
        archive = package["archive"]
        place = archive.get("url") or f"./{archive['path']}"
        return f"{name} @ {place}{ends}{''.join(_hashes(archive))}"
    files = [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
    hashes = dict.fromkeys(text for file in files for text in _hashes(file))
    return f"{name}=={package['version']}{ends}{''.join(hashes)}"


def _answer(found: re.Match[str], chosen: Collection[str]) -> str:
    """A comparison that is true on every host, or on none."""
    holds = (canonicalize_name(found["name"]) in chosen) != bool(found["no"])
    return "python_version >= '0'" if holds else "python_version < '0'"


def _hashes(file: Mapping[str, Any]) -> Iterator[str]:
    for algorithm, digest in file["hashes"].items():
        if algorithm in _HASHES:
            yield f" --hash={algorithm}:{digest}"


def _names(content: Mapping[str, Any], key: str) -> list[str]:
    return [canonicalize_name(name) for name in content.get(key, ())]


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _bad(path: str, words: str) -> ServiceError:
    return ServiceError(problem("src", f"{path} {words}"))
