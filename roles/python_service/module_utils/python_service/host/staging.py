# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Put a release and its venv on the host, each whole or not at all.

Nothing that runs is touched here. A release is made aside and renamed into
place, and never changed from then on.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import tempfile

from ..archive import unpack
from ..errors import ServiceError
from ..layout import Layout
from ..model import Pip, Release
from ..source import scan
from . import venv
from .accounts import Accounts
from .builder import Builder, borrowed
from .files import make_directory, names, read, remove, share, temporary_name, write
from .observe import release_on_host
from .releases import write_release
from .unpacking import Place, unpack_wheel
from .wheels import Incoming

_INCOMING = ".incoming-"
_PROJECT_FILES = ("pyproject.toml", "setup.py")
_SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
_GROUP = re.compile(r"^Group=(.+)$", re.MULTILINE)


def stage(layout: Layout, release: Release, archive: str | None, accounts: Accounts) -> None:
    """Make what is missing of a release and its venv, from an archive of its parts.

    The caller holds the lock. Raises `ServiceError` where something is missing
    and there is no archive.
    """
    if archive is None:
        raise ServiceError(
            f"release {release.id} of {layout.name} disappeared from the host during the deploy; "
            "run this again"
        )
    for directory in (layout.base, layout.releases, layout.venvs):
        make_directory(directory)
    clean(layout)
    incoming = tempfile.mkdtemp(prefix=_INCOMING, dir=layout.base)
    umask = os.umask(0o022)
    group = _group(release, accounts)
    try:
        unpack(archive, incoming)
        with borrowed(layout, group, os.path.join(incoming, "build")) as builder:
            # What is installed from may hold passwords of indexes, which the service is not to see.
            builder.admit(incoming)
            came = Incoming(incoming, _told(incoming, builder))
            if not venv.is_whole(layout, release.venv.id):
                venv.build(layout, release.venv, came, builder)
            venv.open_to(layout, release.venv.id, group)
            if not release_on_host(layout, release):
                _place(layout, release, came, builder)
    finally:
        os.umask(umask)
        remove(incoming)


def _told(incoming: str, builder: Builder) -> Pip:
    """What pip is told; its file of passwords lies where it looks for it."""
    text = read(os.path.join(incoming, "requirements", "pip.json"))
    if text is None:
        return Pip()
    pip = Pip(**json.loads(text))
    if pip.netrc:
        netrc = os.path.join(builder.directory, ".netrc")
        write(netrc, pip.netrc, 0o600)
        builder.give(netrc)
    return pip


def _group(release: Release, accounts: Accounts) -> int:
    """Number of the group that the service runs as, which may read what is staged."""
    named = _GROUP.search(release.units[release.processes[0].unit])
    return accounts.number("group", named[1]) if named else os.getegid()


def clean(layout: Layout) -> None:
    """Remove what a run that was cut off left behind."""
    for path in (layout.new_unit, temporary_name(layout.current)):
        remove(path)
    for name in names(layout.base):
        if name.startswith(_INCOMING):
            remove(os.path.join(layout.base, name))


def _place(layout: Layout, release: Release, came: Incoming, builder: Builder) -> None:
    app = os.path.join(came.directory, "app")
    os.makedirs(app, exist_ok=True)  # a release whose program comes from its requirements
    if scan(app, may_be_empty=True).digest != release.source:
        raise ServiceError("the source that arrived is not the one that was sent; deploy again")
    whole = os.path.join(came.directory, "release")
    os.mkdir(whole)
    share(whole, builder.group, 0o750)
    final = layout.release(release.id)
    if release.project:
        _install_projects(layout, release, came, builder, os.path.join(whole, "lib"))
    os.rename(app, os.path.join(whole, "app"))
    venv.compile_release(release.venv, whole, final)
    _check_programs(layout, release, whole)
    write_release(whole, release)
    # A power failure must not leave a release of empty files under its final name.
    os.sync()
    if os.path.lexists(final):  # damaged by hand
        os.rename(final, os.path.join(came.directory, "damaged"))
    os.rename(whole, final)


def _install_projects(
    layout: Layout, release: Release, came: Incoming, builder: Builder, library: str
) -> None:
    """Build the source itself and what it needs from beside it, and install them into ``library``.

    That is of this release alone, and the venv is shared with others.
    """
    # They lie where the builder can neither replace them nor have others do it.
    copies = os.path.join(came.directory, "copies")
    os.mkdir(copies)
    wanted = []
    for project in came.pip.projects:
        name, semicolon, marker = project.partition(" ;")
        # Build systems leave things in the directory that they build.
        copy = os.path.join(copies, name)
        shutil.copytree(os.path.join(came.directory, name), copy, symlinks=True)
        if not any(os.path.exists(os.path.join(copy, one)) for one in _PROJECT_FILES):
            # pip takes no setup.cfg for a project.
            write(os.path.join(copy, "pyproject.toml"), _SETUPTOOLS)
        wanted.append(copy + semicolon + marker)
    builder.give(copies)
    options = ["--no-deps", *wanted]
    if release.venv.require_hashes:
        # Nothing that no hash vouches for: the build system is among the requirements.
        options.insert(0, "--no-build-isolation")
    wheels = venv.wheels_for(layout, release.venv, came, builder)
    built = wheels.fetch(options, came.pip.build)
    os.mkdir(library)
    place = Place(library, venv.python_of(layout, release.venv))
    for digest, wheel in built.items():
        place.put(
            unpack_wheel(wheel, os.path.join(came.directory, f"unpacked-{digest}"), packages="")
        )


def _check_programs(layout: Layout, release: Release, whole: str) -> None:
    """Refuse a release of which a program is not there, before anything that runs is touched."""
    for process in release.processes:
        program = process.program.replace(layout.release(release.id), whole, 1)
        if not os.access(program, os.X_OK):
            name = shlex.quote(os.path.basename(program))
            raise ServiceError(
                f"python_service_command: {name} is not in the virtual environment of {layout.name}; "
                "add the package that brings it to python_service_requirements"
            )
