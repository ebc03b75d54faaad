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
from collections.abc import Mapping

from ..errors import ServiceError
from ..foreign import last_lines, printable
from ..layout import Layout
from ..model import Venv
from .files import read, remove, write
from .programs import run

#: Seconds that pip or a compiler may take: large packages are built from source for hours.
_PATIENCE = 7200.0
_WITHOUT_DISTUTILS = "import sysconfig; sysconfig._PIP_USE_SYSCONFIG = True\n"
_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def is_whole(layout: Layout, venv: str) -> bool:
    """Whether a venv is complete, and still made from the Python that it runs.

    After an upgrade of the host's Python its packages lie where the new one
    does not look.
    """
    mark = read(_mark(layout, venv))
    if mark is None:
        return False
    try:
        made_for = json.loads(mark)["version"]
    except (ValueError, KeyError, TypeError):
        return False
    return bool(_version(layout, venv) == made_for)


def build(layout: Layout, venv: Venv, incoming: str) -> None:
    """Build a venv from what came with it in ``incoming``.

    That is ``handler/``, and where there are requirements ``requirements/``,
    ``installer/`` and perhaps ``wheelhouse/``. Raises `ServiceError`, and
    leaves nothing, when it cannot be built.
    """
    path = layout.venv(venv.id)
    remove(path)  # half built, or made from a Python that is gone
    try:
        _do([venv.python, "-m", "venv", "--without-pip", path])
        if os.path.isdir(os.path.join(incoming, "requirements")):
            options = ["--requirement", os.path.join(incoming, "requirements", "0.txt")]
            install(layout, venv, incoming, options)
        version = _version(layout, venv.id)
        _add_handler(path, version, os.path.join(incoming, "handler", "systemd_handler"))
        facts = {"id": venv.id, "python": venv.python, "version": version}
        os.sync()
        write(_mark(layout, venv.id), json.dumps(facts) + "\n")
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def install(layout: Layout, venv: Venv, incoming: str, options: list[str]) -> None:
    """Run ``pip install`` with the venv's interpreter, from the pip that came along."""
    installer = os.path.join(incoming, "installer")
    wheels = glob.glob(os.path.join(installer, "*.whl"))
    pip = os.path.join(wheels[0] if wheels else installer, "pip")
    environment = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    command = [_python(layout, venv.id), pip, "install"]
    command += ["--no-input", "--no-cache-dir", "--progress-bar", "off", "--retries", "2"]
    command += ["--no-warn-script-location"]
    if _version(layout, venv.id) == "3.9":
        # Debian 11 has distutils in a package of its own. This is how a distribution tells pip to
        # do without; it has to reach the pips as well that a pip runs to build something.
        helper = os.path.join(incoming, "helper")
        os.makedirs(helper, exist_ok=True)
        write(os.path.join(helper, "sitecustomize.py"), _WITHOUT_DISTUTILS)
        environment["PYTHONPATH"] = helper
    if venv.require_hashes and "--requirement" in options:
        command.append("--require-hashes")
    wheelhouse = os.path.join(incoming, "wheelhouse")
    if os.path.isdir(wheelhouse):
        command += ["--no-index", "--find-links", wheelhouse]
        environment["PIP_CONFIG_FILE"] = os.devnull  # these files, and no index of the host's
    _do([*command, *options], environment, step="pip")


def compile_source(layout: Layout, venv: Venv, directory: str, final: str) -> None:
    """Compile the Python files below ``directory``, which will lie at ``final``.

    The service cannot write there: without this, every start would compile
    them anew. A file that cannot be compiled is the program's own affair.
    """
    options = ["-q", "-s", directory, "-p", final]
    run(
        [_python(layout, venv.id), "-I", "-S", "-m", "compileall", *options, directory],
        limit=_PATIENCE,
    )


def _add_handler(path: str, version: str | None, handler: str) -> None:
    packages = os.path.join(path, "lib", f"python{version}", "site-packages")
    package = os.path.join(packages, "systemd_handler")
    remove(package)  # the one from an index: the role's own comes last
    shutil.copytree(handler, package)
    # What `pip install` of the package puts there: it does nothing until $SYSTEMD_HANDLER asks.
    shutil.copyfile(
        os.path.join(package, "startup.pth"), os.path.join(packages, "systemd_handler.pth")
    )
    _do([os.path.join(path, "bin", "python"), "-I", "-S", "-m", "compileall", "-q", package])


def _mark(layout: Layout, venv: str) -> str:
    """Written when a venv is whole, as the last of its files."""
    return os.path.join(layout.venv(venv), "environment.json")


def _python(layout: Layout, venv: str) -> str:
    return os.path.join(layout.venv(venv), "bin", "python")


def _version(layout: Layout, venv: str) -> str | None:
    """Version of the venv's interpreter as far as it names directories, ``3.11``."""
    try:
        said = run([_python(layout, venv), "-I", "-S", "-c", _VERSION]).stdout.strip()
    except OSError:
        return None
    return said if re.fullmatch(r"3\.\d+", said) else None


def _do(
    command: list[str], environment: Mapping[str, str] | None = None, step: str | None = None
) -> None:
    result = run(command, more=environment or {}, limit=_PATIENCE)
    if result.returncode != 0:
        lines = (result.stdout + result.stderr).strip().splitlines()
        words = "\n".join(f"  {line}" for line in last_lines(lines[-25:]))
        raise ServiceError(f"{printable(step or ' '.join(command))} failed:\n{words}")
