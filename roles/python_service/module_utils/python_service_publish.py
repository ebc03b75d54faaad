# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Put a release and its environment on the host, each whole or not at all.

Nothing that runs is touched here. A release is made aside and renamed into
place, and never changed from then on.
"""

from __future__ import annotations

import glob
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

from .python_service_environment import build, install, is_whole
from .python_service_host import Layout, write
from .python_service_source import scan, unpack


class PublishError(Exception):
    """A release that could not be made; says why."""


def publish(layout: Layout, archive: str, release: Mapping[str, Any]) -> None:
    """Make what is missing of a release, from an archive of its parts.

    ``release`` is what its release.json will hold (see `python_service_release`
    for its keys), and ``units`` in it are the texts of its unit files by name.
    The caller holds the lock.
    """
    for directory in (layout.base, layout.releases, layout.environments):
        os.makedirs(directory, mode=0o755, exist_ok=True)
        os.chmod(directory, 0o755)
    for left_behind in glob.glob(os.path.join(layout.base, ".incoming-*")):
        shutil.rmtree(left_behind)
    incoming = tempfile.mkdtemp(prefix=".incoming-", dir=layout.base)
    try:
        unpack(archive, incoming)
        if not is_whole(layout, release["environment"]):
            build(layout, release, incoming)
        if not layout.is_whole(release["id"]):
            _place(layout, release, incoming)
    finally:
        shutil.rmtree(incoming)


def _place(layout: Layout, release: Mapping[str, Any], incoming: str) -> None:
    app = os.path.join(incoming, "app")
    os.makedirs(app, exist_ok=True)  # a release whose program comes from its requirements
    if scan(app, may_be_empty=True).digest != release["source"]:
        raise PublishError("the source arrived other than it was sent; deploy again")
    whole = os.path.join(incoming, "release")
    for directory in (whole, os.path.join(whole, "units")):
        os.mkdir(directory)
        os.chmod(directory, 0o755)
    if release["project"]:
        _install_project(layout, release, incoming, os.path.join(whole, "lib"))
    os.chmod(app, 0o755)
    os.rename(app, os.path.join(whole, "app"))
    _check_program(layout, release, whole)
    for name, text in release["units"].items():
        write(os.path.join(whole, "units", name), text)
    facts = {key: value for key, value in release.items() if key != "units"}
    write(os.path.join(whole, "release.json"), json.dumps(facts, indent=2) + "\n")
    # A power failure must not leave a release of empty files under its final name.
    os.sync()
    final = layout.release(release["id"])
    if os.path.lexists(final):  # damaged by hand
        os.rename(final, os.path.join(incoming, "damaged"))
    os.rename(whole, final)


def _install_project(
    layout: Layout, release: Mapping[str, Any], incoming: str, target: str
) -> None:
    """Build and install the source itself, beside the environment that it shares with others."""
    # Build systems leave things in the directory that they build.
    copy = os.path.join(incoming, "build")
    shutil.copytree(os.path.join(incoming, "app"), copy, symlinks=True)
    options = ["--no-deps", "--target", target, copy]
    if release["require_hashes"]:
        # Nothing that no hash vouches for: the build system is among the requirements.
        options.insert(0, "--no-build-isolation")
    umask = os.umask(0o022)
    try:
        install(layout, release, incoming, options)
    finally:
        os.umask(umask)


def _check_program(layout: Layout, release: Mapping[str, Any], whole: str) -> None:
    """Refuse a release whose program is not there, before anything that runs is touched."""
    program = release["program"].replace(layout.release(release["id"]), whole, 1)
    if not os.access(program, os.X_OK):
        name = shlex.quote(os.path.basename(program))
        raise PublishError(
            f"python_service_command: {name} is not in the environment of {layout.name}; "
            "add what brings it to python_service_requirements"
        )
