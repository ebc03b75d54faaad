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
import re
import shutil
from typing import NamedTuple

from ..errors import ServiceError
from ..layout import Layout
from ..model import Pip, Venv
from .builder import Builder
from .files import read, remove, write
from .installed import in_venv
from .programs import run
from .trust import weakness

#: Seconds that compiling the largest of sources may take.
_PATIENCE = 3600.0
_WITHOUT_DISTUTILS = "import sysconfig; sysconfig._PIP_USE_SYSCONFIG = True\n"
_WHICH = "import os, sys; print('%d.%d' % sys.version_info[:2], os.path.realpath(sys.executable))"


class Incoming(NamedTuple):
    """What came along for a deploy: where it was unpacked, and what pip is told."""

    directory: str
    pip: Pip = Pip()


def is_whole(layout: Layout, venv: str) -> bool:
    """Whether a venv is complete, and still made from the Python that it runs.

    After an upgrade of the host's Python its packages lie where the new one
    does not look. Where its making was cut off, a package may have marked it.
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
    return bool(_version(layout, made_from) == made_for)


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
        os.mkdir(path, 0o700)
        builder.give(path)
        command = [venv.python, "-I", "-m", "venv", "--without-pip", path]
        builder.run(command, {}, " ".join(command))
        requirements = os.path.join(incoming.directory, "requirements", "0.txt")
        if os.path.isfile(requirements):
            options = ["--requirement", requirements]
            install(layout, venv, incoming, options, builder)
        builder.take(path)
        found = _interpreter(layout, venv)
        if found is None:
            raise ServiceError(
                f"a package put something else than {venv.python} into the place of the virtual "
                "environment's interpreter; find out which it was, and do without it"
            )
        _add_handler(path, found, os.path.join(incoming.directory, "handler", "systemd_handler"))
        facts = {
            "id": venv.id,
            "python": venv.python,
            "version": found.version,
            "packages": in_venv(path, found.version),
        }
        os.sync()
        write(_mark(layout, venv.id), json.dumps(facts) + "\n")
    except BaseException:
        remove(path)
        if os.path.lexists(before) and not os.path.lexists(path):
            os.rename(before, path)
        raise


def install(
    layout: Layout, venv: Venv, incoming: Incoming, options: list[str], builder: Builder
) -> None:
    """Run ``pip install`` with the venv's interpreter, from the pip that came along.

    Its command line can be read by everyone on the host, and its environment
    and files by nobody but root and the builder.
    """
    installer = os.path.join(incoming.directory, "installer")
    wheels = glob.glob(os.path.join(installer, "*.whl"))
    pip = os.path.join(wheels[0] if wheels else installer, "pip")
    environment = {**incoming.pip.environment, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [os.path.join(layout.venv(venv.id), "bin", "python"), pip, "install"]
    command += ["--no-input", "--no-cache-dir", "--progress-bar", "off", "--retries", "2"]
    command += ["--no-warn-script-location", *incoming.pip.arguments]
    if "--requirement" not in options:
        environment.update(incoming.pip.build)
    if _version(layout, venv) == "3.9":
        # Debian 11 has distutils in a package of its own. This is how a distribution tells pip to
        # do without; it has to reach the pips as well that a pip runs to build something.
        helper = os.path.join(incoming.directory, "helper")
        os.makedirs(helper, exist_ok=True)
        write(os.path.join(helper, "sitecustomize.py"), _WITHOUT_DISTUTILS)
        environment["PYTHONPATH"] = helper
    if venv.require_hashes and "--requirement" in options:
        command.append("--require-hashes")
    wheelhouse = os.path.join(incoming.directory, "wheelhouse")
    if os.path.isdir(wheelhouse):
        command += ["--no-index", "--find-links", wheelhouse]
        environment["PIP_CONFIG_FILE"] = os.devnull  # these files, and no index of the host's
    builder.run([*command, *options], environment, step="pip")


def open_to(layout: Layout, venv: str, group: int) -> None:
    """Have a service of ``group`` enter a venv, which may have been made for one of another."""
    path = layout.venv(venv)
    if os.lstat(path).st_gid != group:
        os.chmod(path, 0o755)


def compile_source(layout: Layout, venv: Venv, directory: str, final: str) -> None:
    """Compile the Python files below ``directory``, which will lie at ``final``.

    The service cannot write there: without this, every start would compile
    them anew. A file that cannot be compiled is the program's own affair. What
    packages made must not be below it: the compiler writes and reads through links.
    """
    found = _interpreter(layout, venv)
    if found:
        _compile(found, ["-s", directory, "-p", final, directory])


def _compile(interpreter: _Interpreter, options: list[str]) -> None:
    command = [interpreter.path, "-I", "-S", "-m", "compileall", "-q"]
    run([*command, *options], limit=_PATIENCE)


def _add_handler(path: str, interpreter: _Interpreter, handler: str) -> None:
    """Put the role's own package into the venv at ``path``, which only root can change any more."""
    packages = os.path.join(path, "lib", f"python{interpreter.version}", "site-packages")
    package = os.path.join(packages, "systemd_handler")
    if os.path.realpath(packages) != os.path.join(
        os.path.realpath(path), packages[len(path) + 1 :]
    ):
        raise ServiceError(
            f"a package made {packages} a link; find out which it was, and do without it"
        )
    remove(package)  # the one from an index: the role's own comes last
    shutil.copytree(handler, package)
    startup = os.path.join(packages, "systemd_handler.pth")
    remove(startup)
    # What `pip install` of the package puts there: it does nothing until $SYSTEMD_HANDLER asks.
    shutil.copyfile(os.path.join(package, "startup.pth"), startup)
    _compile(interpreter, [package])


def _mark(layout: Layout, venv: str) -> str:
    """Written when a venv is whole, as the last of its files."""
    return os.path.join(layout.venv(venv), "environment.json")


class _Interpreter(NamedTuple):
    """The real path of one, and its version as far as it names directories, ``3.11``."""

    path: str
    version: str


def _interpreter(layout: Layout, venv: Venv) -> _Interpreter | None:
    """The host's interpreter that a venv runs; None where it is not the one that it was to be made from.

    What is in the venv is what packages made of it: its ``bin/python``, which may be a
    link to any program of root's, and the ``pyvenv.cfg`` that says where the standard
    library is. So nothing in it is run.
    """
    if weakness(venv.python):
        return None
    try:
        said = run([venv.python, "-I", "-S", "-c", _WHICH]).stdout.rstrip("\n")
    except OSError:
        return None
    version, _, path = said.partition(" ")
    if not re.fullmatch(r"3\.\d+", version) or weakness(path):
        return None
    python = os.path.realpath(os.path.join(layout.venv(venv.id), "bin", "python"))
    return _Interpreter(path, version) if python == path else None


def _version(layout: Layout, venv: Venv) -> str | None:
    found = _interpreter(layout, venv)
    return found.version if found else None
