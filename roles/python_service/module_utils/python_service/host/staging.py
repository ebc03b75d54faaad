# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Put a release and its venv on the host, each whole or not at all.

Nothing that runs is touched here. A release is made aside and renamed into
place, and never changed from then on.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tempfile

from ..archive import unpack
from ..building import buildable
from ..errors import ServiceError
from ..layout import Layout
from ..model import SECRET_ENVIRONMENT, Pip, Release
from ..source import DIRECTORY, Source, scan
from . import installed, secrets, venv
from .accounts import Accounts
from .bill import bill
from .builder import Builder, borrowed
from .files import make_directory, names, read, remove, share, temporary_name, write
from .observe import release_on_host
from .releases import group_of, write_release
from .unpacking import Place, unpack_wheel
from .wheels import Incoming, Wheels

_INCOMING = ".incoming-"
#: Bytes at the start of a script that name its interpreter.
_MOST_OF_A_SCRIPT = 4096


def stage(layout: Layout, release: Release, archive: str | None, accounts: Accounts) -> list[str]:
    """Make what is missing of a release and its venv, from an archive of its parts; gives warnings.

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
            warnings = []
            if not venv.is_whole(layout, release.venv.id):
                venv.build(layout, release.venv, came, builder)
                packages = installed.of_venv(layout, release.venv.id)
                warnings = installed.unwritten(layout.name, came.pip.fixed, packages)
            venv.open_to(layout, release.venv.id, group)
            if not release_on_host(layout, release):
                _place(layout, release, came, builder)
            return warnings
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
    name = group_of(release)
    return accounts.number("group", name) if name else os.getegid()


def clean(layout: Layout) -> None:
    """Remove what a run that was cut off left behind."""
    for path in (layout.new_unit, *map(temporary_name, (layout.current, layout.run))):
        remove(path)
    for name in names(layout.base):
        if name.startswith(_INCOMING):
            remove(os.path.join(layout.base, name))
    secrets.clean(layout)


def _place(layout: Layout, release: Release, came: Incoming, builder: Builder) -> None:
    app = _arrived(came, "app", release.source)
    etc = _arrived(came, "etc", release.files) if release.files else None
    whole = os.path.join(came.directory, "release")
    os.mkdir(whole)
    share(whole, builder.group, 0o750)
    final = layout.release(release.id)
    python = venv.trusted(release.venv)
    if release.project:
        wheels = venv.wheels_for(layout, release.venv, python, came, builder)
        library = Place(os.path.join(whole, "lib"), venv.python_of(layout, release.venv))
        _install_projects(release, came, wheels, builder, library)
    os.rename(app.root, os.path.join(whole, "app"))
    python.compile(whole, final)
    if etc:
        _open_to(builder.group, etc)
        os.rename(etc.root, os.path.join(whole, "etc"))
    _check_programs(layout, release, whole)
    packages = installed.of_venv(layout, release.venv.id)
    own = installed.packages_in(os.path.join(whole, "lib"))
    write_release(whole, release, installed.versions_of([*packages, *own]))
    # By the name that tools look for.
    materials = json.dumps(bill(layout.name, release, python, packages, own), indent=2)
    write(os.path.join(whole, "bom.json"), f"{materials}\n")
    # A power failure must not leave a release of empty files under its final name.
    os.sync()
    if os.path.lexists(final):  # damaged by hand
        os.rename(final, os.path.join(came.directory, "damaged"))
    os.rename(whole, final)


def _arrived(came: Incoming, part: str, digest: str) -> Source:
    """A part of a release, if it is what was sent."""
    directory = os.path.join(came.directory, part)
    os.makedirs(directory, exist_ok=True)  # a release whose program comes from its requirements
    found = scan(directory, may_be_empty=True)
    if found.digest != digest:
        raise ServiceError("what arrived of the release is not what was sent; deploy again")
    return found


def _open_to(group: int, files: Source) -> None:
    """Let a group read configuration files, and nobody else but root."""
    share(files.root, group, 0o750)
    for entry in files.entries:
        mode = 0o750 if entry.kind == DIRECTORY else 0o640
        share(os.path.join(files.root, entry.path), group, mode)


def _install_projects(
    release: Release, came: Incoming, wheels: Wheels, builder: Builder, library: Place
) -> None:
    """Build the source itself and what it needs from beside it, and install them into ``library``.

    That is of this release alone, and the venv is shared with others.
    """
    # They lie where the builder can neither replace them nor have others do it.
    copies = os.path.join(came.directory, "copies")
    os.mkdir(copies)
    wanted = []
    for project in came.pip.projects:
        name = project.partition(" ;")[0]
        path = os.path.join(came.directory, name)
        if os.path.isfile(path):
            wanted.append(path)  # a wheel
            continue
        # Build systems leave things in the directory that they build.
        shutil.copytree(path, os.path.join(copies, name), symlinks=True)
        wanted.append(buildable(project, copies))
    builder.give(copies)
    options = ["--no-deps", *wanted]
    if release.venv.require_hashes:
        # Nothing that no hash vouches for: the build system is among the requirements.
        options.insert(0, "--no-build-isolation")
    for digest, wheel in wheels.fetch(options, came.pip.build).items():
        unpacked = os.path.join(came.directory, f"unpacked-{digest}")
        library.put(unpack_wheel(wheel, unpacked, packages=""))


def _check_programs(layout: Layout, release: Release, whole: str) -> None:
    """Refuse a release of which a program is not there, before anything that runs is touched."""
    programs = [
        (layout.variable(process.unit, "command"), process.program) for process in release.processes
    ]
    programs += [("python_service_prepare", one.line.partition(" ")[0]) for one in release.prepare]
    for variable, path in programs:
        if os.access(path.replace(layout.release(release.id), whole, 1), os.X_OK):
            continue
        name = shlex.quote(os.path.basename(path))
        where = f"in the virtual environment of {layout.name}; add the package that brings it to"
        if not path.startswith(f"{layout.base}/"):
            name, where = path, "a program on this host; install it there, or have one come by"
        raise ServiceError(f"{variable}: {name} is not {where} python_service_requirements")
    for process in release.processes:
        program = process.program.replace(layout.release(release.id), whole, 1)
        reads_secrets = SECRET_ENVIRONMENT in release.units[process.unit]
        # The controller has looked at one of the source's own.
        is_packages = not program.startswith(os.path.join(whole, "app", ""))
        if reads_secrets and is_packages and not _is_python(program):
            raise ServiceError(
                f"python_service_secret_environment: {program} is no Python program, and only those "
                "can have secrets as variables; have it read the file $CREDENTIALS_DIRECTORY/NAME"
            )


def _is_python(program: str) -> bool:
    """Whether a program that packages brought is the interpreter, or a script of it."""
    if os.path.basename(program).startswith("python"):
        return True
    with open(program, "rb") as file:
        # A first line that would be too long for the kernel has a shell start the interpreter.
        return file.read(2) == b"#!" and b"python" in file.read(_MOST_OF_A_SCRIPT)
