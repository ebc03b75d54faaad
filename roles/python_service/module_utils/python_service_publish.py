# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Put a release and its environment on the host, each whole or not at all.

Nothing that runs is touched here. A release is made aside and renamed into
place; an environment is built where it stays, since scripts in it name their
interpreter by path, and marked when it is whole.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

from .python_service_host import Layout, read_made, run, write
from .python_service_source import scan, unpack


class PublishError(Exception):
    """A release or an environment that could not be made; says why."""


def publish(layout: Layout, archive: str, release: Mapping[str, Any]) -> None:
    """Make what is missing of a release, from an archive of ``app/`` and ``handler/``.

    ``release`` is the content of its release.json (see `python_service_publish`),
    and ``units`` in it are the texts of its unit files by name.
    """
    for directory in (layout.base, layout.releases, layout.environments):
        os.makedirs(directory, mode=0o755, exist_ok=True)
        os.chmod(directory, 0o755)  # whatever the umask
    if read_made(layout) is None:
        write(layout.made, json.dumps({"users": [], "groups": []}) + "\n")
    incoming = tempfile.mkdtemp(prefix=".incoming-", dir=layout.base)
    try:
        unpack(archive, incoming)
        if not os.path.exists(layout.environment_mark(release["environment"])):
            _build_environment(layout, release, os.path.join(incoming, "handler"))
        if not os.path.isdir(layout.release(release["id"])):
            _place_release(layout, release, incoming)
    finally:
        shutil.rmtree(incoming)


def _place_release(layout: Layout, release: Mapping[str, Any], incoming: str) -> None:
    if scan(os.path.join(incoming, "app")).digest != release["source"]:
        raise PublishError("the source arrived other than it was sent; deploy again")
    whole = os.path.join(incoming, "release")
    for directory in (whole, os.path.join(whole, "units")):
        os.mkdir(directory)
        os.chmod(directory, 0o755)
    os.rename(os.path.join(incoming, "app"), os.path.join(whole, "app"))
    for name, text in release["units"].items():
        write(os.path.join(whole, "units", name), text)
    facts = {key: value for key, value in release.items() if key != "units"}
    write(os.path.join(whole, "release.json"), json.dumps(facts, indent=2) + "\n")
    # A power failure must not leave a release of empty files under its final name.
    os.sync()
    os.rename(whole, layout.release(release["id"]))


def _build_environment(layout: Layout, release: Mapping[str, Any], handler: str) -> None:
    path = layout.environment(release["environment"])
    if os.path.lexists(path):
        shutil.rmtree(path)  # half built by a run that died
    previous_umask = os.umask(0o022)
    try:
        _do([release["python"], "-m", "venv", "--without-pip", path])
        python = os.path.join(path, "bin", "python")
        libraries = _do(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        ).strip()
        package = os.path.join(libraries, "systemd_handler")
        shutil.copytree(os.path.join(handler, "systemd_handler"), package)
        # The service cannot write here: without this, every start would compile anew.
        _do([python, "-m", "compileall", "-q", package])
        _do([python, "-c", "import systemd_handler"])
    finally:
        os.umask(previous_umask)
    facts = {"id": release["environment"], "python": release["python"]}
    write(layout.environment_mark(release["environment"]), json.dumps(facts) + "\n")


def _do(command: list[str]) -> str:
    result = run(command)
    if result.returncode != 0:
        words = (result.stderr or result.stdout).strip()
        raise PublishError(f"{' '.join(command)} failed: {words}")
    return result.stdout
