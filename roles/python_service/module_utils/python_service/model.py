# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""What a release is, as both sides know it, and how it is written as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .source import combined_digest

#: Field of the journal, and variable of a process, that names the release of an invocation.
RELEASE_FIELD = "PYTHON_SERVICE_RELEASE"
#: Likewise, that names the instance of a process of which several run.
INSTANCE_FIELD = "PYTHON_SERVICE_INSTANCE"
#: The directive by which systemd is told of a secret: systemd.exec(5).
DELIVERY = "LoadCredential"
#: Variable of a process: names of the credentials that it finds in ``os.environ``, parted by spaces.
SECRET_ENVIRONMENT = "PYTHON_SERVICE_SECRET_ENVIRONMENT"  # noqa: S105 - no secret, but where some are named
#: Lines of a unit that nothing is started from.
_NOT_STARTED_FROM = ("#", "PartOf=")
#: What a deploy is made of, in order. By the first two nothing changes that runs.
PARTS = ("stage", "prepare", "activate")
_NAMED_RELEASE = re.compile(rf"^Environment={RELEASE_FIELD}=(\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class Health:
    """What a process that is up must answer: ``url`` with one of ``status``, or ``command`` with 0.

    ``timeout`` is in seconds, from the moment at which the process is up. ``headers`` are
    sent along. With a ``socket``, the path of a Unix socket, that is where ``url`` is asked for.
    """

    timeout: float
    url: str | None = None
    status: tuple[int, ...] = (200,)
    command: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    socket: str | None = None


@dataclass(frozen=True)
class Process:
    """One program of a service: its unit, what starts that, and what is proven of it.

    ``program`` is the path of what the unit runs. ``settle`` are the seconds
    for which a process without readiness has to stay up. A process with a
    ``socket`` is started with it; one with a ``timer`` is a job, and only the
    timer is started. ``secrets`` are the names of those that it is given. ``handover``
    says that two of it may run at once while one takes the place of the other.
    """

    unit: str
    program: str
    settle: float
    health: Health | None = None
    socket: str | None = None
    timer: str | None = None
    secrets: tuple[str, ...] = ()
    handover: bool = True


@dataclass(frozen=True)
class Prepared:
    """A command that runs in a release before it is activated.

    ``command`` is as it was written, ``line`` what ``ExecStart=`` has, ``timeout`` in
    seconds. Of the hosts of one play, ``once`` runs it on one alone.
    """

    command: str
    line: str
    once: bool
    timeout: float


@dataclass(frozen=True)
class Venv:
    """A virtual environment: its ``id`` is the digest of all that determines it.

    ``python`` is the path of the interpreter that it is made from.
    """

    id: str
    python: str
    require_hashes: bool = False


@dataclass(frozen=True)
class Pip:
    """What pip is told on a host besides the requirements; for the deploy alone, since it may hold passwords.

    ``arguments`` are words of its command line, ``environment`` variables, and
    ``netrc`` is the text of such a file. ``projects`` are built and installed
    into the release itself, with the variables ``build``: directories of the
    archive, each perhaps with a marker, as in ``projects/0 ; os_name == 'posix'``,
    or wheels, where the controller has built them. ``fixed`` are the normal names
    of packages in one version alone, None where no other can come of any.
    ``locked`` are the lines of the requirements where each has a version and
    hashes, as in ``demo==1 --hash=sha256:…``, and of what is told about indexes.
    """

    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    netrc: str = ""
    projects: tuple[str, ...] = ()
    build: Mapping[str, str] = field(default_factory=dict)
    fixed: Sequence[str] | None = None
    locked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Release:
    """Everything that determines what runs.

    ``source`` is the digest of the source, ``project`` says that the source is
    installed as well, or projects beside it, ``units`` are texts by file name.
    ``beside`` is the digest of what is built with it: those projects, and the
    version that it takes. ``files`` is that of its configuration files, empty
    where there are none. ``prepare`` are the commands that come before its
    activation, in order. ``origin`` is for people, outside the id: ``created``
    (ISO 8601, UTC), ``by`` (user@controller), ``revision`` (a commit) and
    ``requirements`` (where they came from).
    """

    id: str
    source: str
    venv: Venv
    project: bool
    units: Mapping[str, str]
    processes: tuple[Process, ...]
    origin: Mapping[str, Any]
    beside: str = ""
    files: str = ""
    prepare: tuple[Prepared, ...] = ()

    @property
    def secrets(self) -> set[str]:
        """Names of the secrets that its processes are given."""
        return {name for process in self.processes for name in process.secrets}

    def fingerprint(self, unit: str) -> str:
        """Digest of what a process of ``unit`` is started from; equal in releases that start the same."""
        parts = [self.source, self.venv.id, anonymous(self.units[unit])]
        return combined_digest([*parts, *filter(None, [self.beside, self.files])])


def anonymous(text: str) -> str:
    """The lines of a unit for which a process is started anew when they change.

    The id of the release is not in them, which tells only where things lie; nor
    are comments, nor what it is stopped with.
    """
    named = _NAMED_RELEASE.search(text)
    lines = (text.replace(named[1], "") if named else text).split("\n")
    return "\n".join(line for line in lines if line and not line.startswith(_NOT_STARTED_FROM))


def release_to_json(release: Release) -> dict[str, Any]:
    """A release as JSON has it."""
    return asdict(release)


def release_from_json(data: Mapping[str, Any]) -> Release:
    """The release that `release_to_json` made ``data`` of.

    Raises `KeyError`, `TypeError` or `ValueError` for anything else.
    """
    return Release(
        id=data["id"],
        source=data["source"],
        venv=Venv(**data["venv"]),
        project=data["project"],
        units=dict(data["units"]),
        processes=tuple(_process(process) for process in data["processes"]),
        origin=dict(data["origin"]),
        beside=data.get("beside", ""),
        files=data.get("files", ""),
        # Releases of before 0.2 have none.
        prepare=tuple(Prepared(**one) for one in data.get("prepare", ())),
    )


def _process(data: Mapping[str, Any]) -> Process:
    health = data["health"]
    return Process(
        **{
            **data,
            "health": _health(health) if health else None,
            # Releases of before 0.2 have none.
            "secrets": tuple(data.get("secrets", ())),
        }
    )


def _health(data: Mapping[str, Any]) -> Health:
    status = data["status"]
    # Releases of before 0.2 have one number.
    return Health(**{**data, "status": tuple(status) if isinstance(status, list) else (status,)})
