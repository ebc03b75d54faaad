# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""The wheels that a venv and a release are made of: pip resolves, fetches and builds them, and installs nothing.

It runs as the builder, and its wheels are taken over by root when it has ended.
"""

from __future__ import annotations

import glob
import inspect
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import ServiceError
from ..model import Pip
from . import locked
from .builder import Builder
from .files import write
from .store import Store
from .unpacking import Unpacked

_WITHOUT_DISTUTILS = "import sysconfig; sysconfig._PIP_USE_SYSCONFIG = True\n"


class Incoming(NamedTuple):
    """What came along for a deploy: where it was unpacked, and what pip is told."""

    directory: str
    pip: Pip = Pip()

    @property
    def requirements(self) -> str:
        return os.path.join(self.directory, "requirements", "0.txt")

    @property
    def installer(self) -> str:
        """Where pip is imported from."""
        directory = os.path.join(self.directory, "installer")
        return next(iter(glob.glob(os.path.join(directory, "*.whl"))), directory)


class Wheels:
    """Gets wheels for the interpreter ``python``, of the series ``3.11``, from what came along."""

    def __init__(
        self, python: str, series: str, incoming: Incoming, builder: Builder, *, hashes: bool
    ) -> None:
        self._python = python
        self._series = series
        self._incoming = incoming
        self._builder = builder
        self._hashes = hashes

    def required(self, store: Store) -> list[Unpacked]:
        """All that the requirements name; what is in the store, as a lock says it, is not fetched."""
        if not os.path.isfile(self._incoming.requirements):
            return []
        found = self._locked(store) if self._incoming.pip.locked else None
        if found is None:
            options = ["--require-hashes"] if self._hashes else []
            found = store.add(self.fetch([*options, "--requirement", self._incoming.requirements]))
        return found

    def _locked(self, store: Store) -> list[Unpacked] | None:
        """The wheels that a lock names; None where it is for pip to say what is wrong with them."""
        options = [line for line in self._incoming.pip.locked if line.startswith("-")]
        lines = [line for line in self._incoming.pip.locked if not line.startswith("-")]
        digests = {
            one.partition("sha256:")[2] for line in lines for one in line.split(" --hash=")[1:]
        }
        built: list[str] = []
        while True:
            there = {digest: store.find(digest) for digest in sorted(digests)}
            # Where there is none of them, there is nothing to choose.
            chosen = self._choose(lines, there, built) if any(there.values()) else ([], lines)
            if chosen is None or (chosen[1] and built):
                return None
            if not chosen[1]:
                found = [there[digest] for digest in chosen[0]]
                return sorted(filter(None, found), key=lambda wheel: wheel.wheel)
            rest = os.path.join(self._incoming.directory, "requirements", "rest.txt")
            write(rest, "\n".join([*options, *chosen[1]]) + "\n")
            fetched = self.fetch(["--require-hashes", "--no-deps", "--requirement", rest])
            store.add(fetched)
            built = list(fetched)
            digests.update(built)

    def _choose(
        self, lines: list[str], there: Mapping[str, Unpacked | None], built: list[str]
    ) -> tuple[list[str], list[str]] | None:
        """What `locked.choose` says; None where it cannot."""
        program, question = (
            os.path.join(self._incoming.directory, name) for name in ("locked.py", "locked.json")
        )
        write(program, inspect.getsource(locked))
        facts = {
            digest: {"name": found.name, "version": found.version, "requires": found.requires}
            for digest, found in there.items()
            if found
        }
        write(question, json.dumps({"lines": lines, "there": facts, "built": built}))
        command = [self._python, "-I", program, self._incoming.installer, question]
        try:
            chosen, missing = json.loads(self._builder.run(command, {}, "reading the lock"))
        except ServiceError:
            return None
        return chosen, missing

    def fetch(
        self, options: Sequence[str], more: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Paths of the wheels that ``pip wheel`` gets for these options, by digest.

        Its command line can be read by everyone on the host, and its environment
        and files by nobody but root and the builder.
        """
        directory = self._incoming.directory
        target = os.path.join(self._builder.directory, f"wheels-{uuid.uuid4().hex}")
        environment = {**self._incoming.pip.environment, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        environment.update(more or {})
        command = [self._python, os.path.join(self._incoming.installer, "pip"), "wheel"]
        command += ["--wheel-dir", target, "--src", os.path.join(self._builder.directory, "src")]
        command += ["--no-input", "--no-cache-dir", "--progress-bar", "off", "--retries", "2"]
        command += self._incoming.pip.arguments
        if self._series == "3.9":
            # Debian 11 has distutils in a package of its own. This is how a distribution tells pip to
            # do without; it has to reach the pips as well that a pip runs to build something.
            helper = os.path.join(directory, "helper")
            os.makedirs(helper, exist_ok=True)
            write(os.path.join(helper, "sitecustomize.py"), _WITHOUT_DISTUTILS)
            environment["PYTHONPATH"] = helper
        wheelhouse = os.path.join(directory, "wheelhouse")
        if os.path.isdir(wheelhouse):
            command += ["--no-index", "--find-links", wheelhouse]
            environment["PIP_CONFIG_FILE"] = os.devnull  # these files, and no index of the host's
        self._builder.run([*command, *options], environment, step="pip")
        return self._builder.take(target, directory)
