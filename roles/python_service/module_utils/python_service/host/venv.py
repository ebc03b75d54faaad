# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Virtual environments on the host: built where they stay, and marked when they are whole.

The scripts of a virtual environment name their interpreter by its path, so it
cannot be built aside and moved. What has no mark is not whole, whatever it
looks like, and is built anew.
"""

from __future__ import annotations

import glob
import json
import os
import shutil

from ..errors import ServiceError
from ..layout import Layout
from ..model import Venv
from . import store
from .builder import Builder
from .files import read, remove, share, write
from .installed import in_venv
from .programs import expect_success, run
from .python import Python, find_python
from .trust import weakness
from .unpacking import Place
from .wheels import Incoming, Wheels


def is_whole(layout: Layout, venv: str) -> bool:
    """Whether a venv is complete, and still made from the Python that it runs.

    After an upgrade of the host's Python its packages lie where the new one
    does not look. Where its making was cut off, a package may have marked it,
    as long as packages were installed by themselves.
    """
    path = _mark(layout, venv)
    mark = None if weakness(path, layout.host) else read(path)
    if mark is None:
        return False
    try:
        facts = json.loads(mark)
        made_for, made_from = facts["version"], Venv(venv, str(facts["python"]))
    except (ValueError, KeyError, TypeError):
        return False
    python = find_python(made_from.python)
    # Earlier versions of the role had packages write into it: nothing in it is run.
    runs = os.path.realpath(python_of(layout, made_from))
    return python is not None and (python.path, python.series) == (runs, made_for)


def build(layout: Layout, venv: Venv, incoming: Incoming, builder: Builder) -> None:
    """Build a venv from what came with it in ``incoming``.

    That is ``handler/``, and where there are requirements ``requirements/``,
    ``installer/`` and perhaps ``wheelhouse/``. Raises `ServiceError`, and
    leaves what was there before, when it cannot be built.
    """
    path = layout.venv(venv.id)
    before = os.path.join(incoming.directory, "venv-before")
    if os.path.lexists(path):
        # Half built, or made from a Python that is gone; it may run all the same.
        os.rename(path, before)
    try:
        python = trusted(venv)
        packages = _bare(venv, path)
        share(path, builder.group, 0o750)
        place = Place(path, python_of(layout, venv))
        wheels = wheels_for(layout, venv, python, incoming, builder)
        with store.in_use(layout):
            for wheel in wheels.required(store.Store(layout, python, packages)):
                place.put(wheel)
        _add_handler(python, os.path.join(path, packages), incoming)
        facts = {
            "id": venv.id,
            "python": venv.python,
            "version": python.series,
            "packages": in_venv(path, python.series),
        }
        os.sync()
        write(_mark(layout, venv.id), json.dumps(facts) + "\n")
    except BaseException:
        remove(path)
        if os.path.lexists(before) and not os.path.lexists(path):
            os.rename(before, path)
        raise


def wheels_for(
    layout: Layout, venv: Venv, python: Python, incoming: Incoming, builder: Builder
) -> Wheels:
    """What gets wheels for a venv that is there, and sees what is installed in it."""
    runs = python_of(layout, venv)
    return Wheels(runs, python.series, incoming, builder, hashes=venv.require_hashes)


def python_of(layout: Layout, venv: Venv) -> str:
    """The interpreter as scripts of a venv name it."""
    return os.path.join(layout.venv(venv.id), "bin", "python")


def open_to(layout: Layout, venv: str, group: int) -> None:
    """Have a service of ``group`` enter a venv, which may have been made for one of another."""
    path = layout.venv(venv)
    if os.lstat(path).st_gid != group:
        os.chmod(path, 0o755)


def trusted(venv: Venv) -> Python:
    """The host's interpreter that a venv is made from; `ServiceError` where root cannot run it."""
    found = find_python(venv.python)
    if found is None:
        raise ServiceError(
            f"python_service_python: {venv.python} is not a Python, or others than root can change "
            "it; name another"
        )
    return found


def _bare(venv: Venv, path: str) -> str:
    """Make a venv without packages at ``path``, and say where in it packages are to be."""
    command = [venv.python, "-I", "-S", "-m", "venv", "--without-pip", path]
    expect_success(run(command), " ".join(command))
    (packages,) = glob.glob(f"{glob.escape(path)}/lib/python*/site-packages")
    return os.path.relpath(packages, path)


def _add_handler(python: Python, packages: str, incoming: Incoming) -> None:
    """Put the role's own package into a venv."""
    package = os.path.join(packages, "systemd_handler")
    remove(package)  # the one from an index: the role's own comes last
    shutil.copytree(os.path.join(incoming.directory, "handler", "systemd_handler"), package)
    startup = os.path.join(packages, "systemd_handler.pth")
    remove(startup)
    # What `pip install` of the package puts there: it does nothing until $SYSTEMD_HANDLER asks.
    shutil.copyfile(os.path.join(package, "startup.pth"), startup)
    python.compile(package, package)


def _mark(layout: Layout, venv: str) -> str:
    """Written when a venv is whole, as the last of its files."""
    return os.path.join(layout.venv(venv), "environment.json")
