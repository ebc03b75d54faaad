# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Virtual environments on the host: built where they stay, and marked when they are whole.

The scripts of an environment name their interpreter by its path, so it cannot
be built aside and moved. What has no mark is not whole, whatever it looks
like, and is built anew.
"""

from __future__ import annotations

import ctypes
import glob
import json
import os
import shutil
import signal
from collections.abc import Mapping
from typing import Any

from .python_service_host import Layout, read, run, write

_PR_SET_PDEATHSIG = 1  # prctl(2)


class BuildError(Exception):
    """An environment that could not be built; shows the last of what the step said.

    ``words`` are all of its lines.
    """

    def __init__(self, step: str, words: list[str], advice: str = "") -> None:
        shown = [f"{step} failed:", *(f"  {line}" for line in words[-25:])]
        super().__init__("\n".join([*shown, advice] if advice else shown))
        self.words = words


def is_whole(layout: Layout, environment: str) -> bool:
    """Whether an environment is complete, and still made from the Python that it runs.

    After an upgrade of the host's Python its packages lie where the new one
    does not look.
    """
    mark = read(layout.environment_mark(environment))
    if mark is None:
        return False
    return bool(_version(layout, environment) == json.loads(mark)["version"])


def build(layout: Layout, release: Mapping[str, Any], incoming: str) -> None:
    """Build the environment of ``release`` from what came with it in ``incoming``.

    That is ``handler/``, and where there are requirements ``requirements/``,
    ``installer/`` and perhaps ``wheelhouse/``. Raises `BuildError`, and
    leaves nothing, when it cannot be built.
    """
    path = layout.environment(release["environment"])
    if os.path.lexists(path):
        shutil.rmtree(path)  # half built, or made from a Python that is gone
    umask = os.umask(0o022)
    try:
        _do([release["python"], "-m", "venv", "--without-pip", path])
        if os.path.isdir(os.path.join(incoming, "requirements")):
            options = ["--requirement", os.path.join(incoming, "requirements", "0.txt")]
            if release["require_hashes"]:
                options.append("--require-hashes")
            install(layout, release, incoming, options)
        _add_handler(path, os.path.join(incoming, "handler", "systemd_handler"))
        facts = {
            "id": release["environment"],
            "python": release["python"],
            "version": _version(layout, release["environment"]),
        }
        os.sync()
        write(layout.environment_mark(release["environment"]), json.dumps(facts) + "\n")
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    finally:
        os.umask(umask)


def install(layout: Layout, release: Mapping[str, Any], incoming: str, options: list[str]) -> None:
    """Run ``pip install`` with the environment's interpreter, from the pip that came along."""
    installer = os.path.join(incoming, "installer")
    wheels = glob.glob(os.path.join(installer, "*.whl"))
    pip = os.path.join(wheels[0] if wheels else installer, "pip")
    environment = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    command = [_python(layout, release["environment"]), pip, "install"]
    command += ["--no-input", "--no-cache-dir", "--progress-bar", "off", "--retries", "2"]
    command += ["--no-warn-script-location"]
    wheelhouse = os.path.join(incoming, "wheelhouse")
    if os.path.isdir(wheelhouse):
        command += ["--no-index", "--find-links", wheelhouse]
        environment["PIP_CONFIG_FILE"] = os.devnull  # these files, and no index of the host's
    try:
        _do([*command, *options], environment)
    except BuildError as error:
        if not any(line.startswith("Traceback") for line in error.words):
            raise
        # An old pip breaks on a new Python, and says only where.
        version = run([*command[:2], "--version"]).stdout.split(" from ")[0]
        python = run([command[0], "--version"]).stdout.strip()
        advice = (
            f"This is {version}, as the controller has it, on {python}. If it is too old for that, "
            "upgrade it on the controller: python3 -m pip install --upgrade pip"
        )
        raise BuildError("pip", error.words, advice) from error


def _add_handler(path: str, handler: str) -> None:
    python = os.path.join(path, "bin", "python")
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    package = os.path.join(_do([python, "-c", where]).strip(), "systemd_handler")
    if os.path.lexists(package):
        shutil.rmtree(package)  # the one from an index: the role's own comes last
    shutil.copytree(handler, package)
    # What `pip install` of the package puts there: it does nothing until $SYSTEMD_HANDLER asks.
    startup = os.path.join(os.path.dirname(package), "systemd_handler.pth")
    shutil.copyfile(os.path.join(package, "startup.pth"), startup)
    # The service cannot write here: without this, every start would compile it anew.
    _do([python, "-m", "compileall", "-q", package])
    _do([python, "-c", "import systemd_handler"])


def _python(layout: Layout, environment: str) -> str:
    return os.path.join(layout.environment(environment), "bin", "python")


def _version(layout: Layout, environment: str) -> str | None:
    """Version of the environment's interpreter as far as it names directories, ``3.11``."""
    probe = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return run([_python(layout, environment), "-c", probe]).stdout.strip()
    except OSError:
        return None


def _do(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a step of a build, which ends with us: a later build must not meet a running one."""
    libc = ctypes.CDLL(None)
    result = run(
        command,
        more=environment or {},
        preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    if result.returncode != 0:
        words = (result.stdout + result.stderr).strip().splitlines()
        raise BuildError("pip" if "install" in command else " ".join(command), words)
    return result.stdout
