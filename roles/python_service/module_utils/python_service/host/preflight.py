# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Look at a host before a deploy: what stands in the way, and what the deploy would do."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..foreign import printable
from ..interpreter import PROBE, Interpreter, interpreter_of
from ..layout import Layout
from . import lock, record
from .accounts import Accounts
from .activation import unfinished
from .changes import changes
from .decide import Desired, Observed
from .files import read
from .isolation import on_this_host
from .listening import listening_problems
from .machine import Machine
from .observe import observe, owner
from .outcome import predict
from .processes import told_of
from .programs import run
from .reach import READ, Rights, barrier, files_of, hidden
from .record import Record
from .systemd import Systemd
from .trust import weakness

OLDEST_PYTHON = (3, 9)
#: The oldest that the settings of the units are known to.
OLDEST_SYSTEMD = 247


@dataclass(frozen=True)
class Needs:
    """What a deploy needs of the host beside systemd.

    ``python`` is the path of the interpreter. ``files`` are what `changes` compares, where a diff
    is asked for. ``done`` says that the parts of a deploy that come before those which are
    to be done have to be done by now.
    """

    python: str
    files: Mapping[str, Mapping[str, str]] | None = None
    done: bool = False


def look(layout: Layout, desired: Desired, needs: Needs, machine: Machine) -> dict[str, Any]:
    """What stands in the way as ``problems``, or what the host lacks and a deploy would do.

    What a deploy needs is looked for only where there is something to do.
    """
    if not machine.systemd.is_running():
        words = "the host was not booted with systemd, which is to run the service"
        return {"problems": [words]}
    problems = _root_problems(layout)
    if problems:  # before anything that lies there is believed
        return {"problems": problems}
    noted = record.read_record(layout)
    desired = on_this_host(layout, machine, desired)
    observed = observe(layout, machine, desired)
    problems = [
        *_lock_problems(layout),
        *_name_problems(layout, noted, observed),
        *_data_problems(layout, noted, desired, machine.accounts),
        *_runtime_problems(layout, desired, observed, machine.accounts),
        *_user_problems(desired, machine.accounts),
        *_path_problems(desired),
    ]
    if needs.done:
        problems += filter(None, [unfinished(layout, observed, desired)])
    outcome = predict(layout, observed, desired)
    python: Interpreter | None = None
    complaints: list[str] = []
    if outcome.steps:
        python, python_problems = _python(needs.python)
        if not python_problems:
            python_problems = _reach_problems(needs.python, desired, machine.accounts)
        refusals, complaints = _verified(layout, desired, machine.systemd)
        problems += [
            *_version_problems(machine.systemd.version()),
            *python_problems,
            *_program_problems(layout, desired, machine.accounts),
            *_schedule_problems(layout, desired, machine.systemd),
            *(listening_problems(layout, desired.release, observed) if desired.release else ()),
            *refusals,
        ]
    if problems:
        return {"problems": problems}
    if desired.release and not outcome.steps:
        outcome.processes = told_of(layout, machine.systemd, desired.release)
    found: dict[str, Any] = {
        "problems": [],
        "complaints": complaints,
        "python": python._asdict() if python else None,
        "outcome": outcome.facts(),
    }
    if desired.release and not observed.staged:
        found["lacks_venv"] = not observed.built
    if needs.files is not None:
        found["changes"] = changes(layout, needs.files)
    return found


def _verified(layout: Layout, desired: Desired, systemd: Systemd) -> tuple[list[str], list[str]]:
    """What systemd refuses and warns of in those units that are not installed already."""
    units = desired.release.units if desired.release else {}
    new = {name: text for name, text in units.items() if read(layout.unit(name)) != text}
    # These are named by themselves.
    known = [f"'{name}'" for name in desired.not_honoured]
    refusals, warnings = (
        [line for line in lines if not any(name in line for name in known)]
        for lines in (systemd.verify(new) if new else ([], []))
    )
    if refusals:
        words = "\n".join(f"  {line}" for line in refusals)
        refusal = (
            "systemd refuses the unit; correct python_service_unit_options or "
            f"python_service_command:\n{words}"
        )
        return [refusal], []
    return [], warnings


def _lock_problems(layout: Layout) -> list[str]:
    words = lock.refusal(layout)
    return [words] if words else []


def _user_problems(desired: Desired, accounts: Accounts) -> list[str]:
    return [
        f"python_service_user: {name} could write the service's own code; name an account "
        "without such rights, and give it what it needs with AmbientCapabilities= in "
        "python_service_unit_options"
        for kind, name in desired.accounts
        if kind == "user" and accounts.is_root(name)
    ]


def _path_problems(desired: Desired) -> list[str]:
    """Refuse paths that are to be writable and are not there: systemd would not start the service."""
    release = desired.release
    units = [release.units[process.unit] for process in release.processes] if release else []
    return [
        f"python_service_writable or ReadWritePaths: {path} is not on the host; make it before the "
        "deploy, with a right to write there for the service's account"
        for unit in units
        for path in re.findall(r"^ReadWritePaths=(/.*)$", unit, re.MULTILINE)
        if not os.path.exists(path)
    ]


def _program_problems(layout: Layout, desired: Desired, accounts: Accounts) -> Iterator[str]:
    """What keeps processes from programs that are the host's own."""
    user, group = _names(desired)
    for process in desired.release.processes if desired.release else ():
        program, variable = process.program, layout.variable(process.unit, "command")
        if program.startswith(f"{layout.base}/"):
            continue
        if not (os.path.isfile(program) and os.access(program, os.X_OK)):
            yield (
                f"{variable}: {program} is not a program on this host; install it there, "
                "or name one that the release provides"
            )
            continue
        unit = desired.texts[process.unit]
        more = " ".join(re.findall(r"^SupplementaryGroups=(.*)$", unit, re.MULTILINE)).split()
        rights = Rights(None, _numbers([group, *more], accounts))
        if accounts.exists("user", user):
            groups = rights.groups.union(accounts.groups_of(user))
            rights = Rights(accounts.number("user", user), groups)
        why = barrier(program, rights) or hidden(program, unit)
        instead = "correct that, or name another program"
        yield from _closed(variable, program, why, desired, instead)


def _schedule_problems(layout: Layout, desired: Desired, systemd: Systemd) -> Iterator[str]:
    """What systemd does not understand of the times at which jobs are to run."""
    for process in desired.release.processes if desired.release else ():
        text = desired.texts[process.timer] if process.timer else ""
        for schedule in re.findall(r"^OnCalendar=(.+)$", text, re.MULTILINE):
            said = systemd.calendar_problem(schedule)
            if said:
                yield (
                    f"{layout.variable(process.unit, 'schedule')}: {said}; write such as 'daily' or "
                    "'Mon *-*-* 03:00', see systemd.time(7)"
                )


def _version_problems(version: int) -> list[str]:
    if version < OLDEST_SYSTEMD:
        return [f"the host has systemd {version}; the role needs {OLDEST_SYSTEMD} or newer"]
    return []


def _name_problems(layout: Layout, noted: Record | None, observed: Observed) -> list[str]:
    """Refuse to take over what somebody else made."""
    found = []
    if noted and noted.root != layout.root:
        elsewhere = layout._replace(root=noted.root)
        if os.path.lexists(elsewhere.releases):
            found.append(
                f"python_service_root: {layout.name} is in {noted.root} on this host; "
                "write that, or remove the service there first (python_service_state: absent)"
            )
    if noted is None and _is_used(layout.base):
        found.append(
            f"python_service_name: {layout.base} exists and was not made by this role; "
            "take another name, or move it away"
        )
    elif noted and os.path.lexists(layout.current) and not os.path.islink(layout.current):
        found.append(f"python_service_name: {layout.current} is not a link; remove it")
    for name, unit in observed.units.items():
        installed = layout.unit(name)
        path = installed if os.path.lexists(installed) else unit.fragment
        whose = owner(name, read(path) or "") if path and os.path.lexists(path) else layout.name
        if whose != layout.name:
            said = f"of the service {whose}" if whose else f"that this role did not make, {path}"
            way_out = "move it away" if "/" in name else "disable that unit and remove it"
            found.append(
                f"{_naming(layout, name)}: the host has a {os.path.basename(name)} {said}; "
                f"take another name, or {way_out}"
            )
    return found


def _naming(layout: Layout, unit: str) -> str:
    """The variable by which a unit has its name."""
    further = unit.startswith(f"{layout.name}-")
    return "python_service_processes" if further else "python_service_name"


def _is_used(path: str) -> bool:
    """Whether there is something, and more than an empty directory."""
    return os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path))


def _data_problems(
    layout: Layout, noted: Record | None, desired: Desired, accounts: Accounts
) -> Iterator[str]:
    """Refuse directories of data that systemd would hand over to the account, with all that is in them.

    What an administrator has given to the account before is the service's.
    """
    user, group = _names(desired)
    for path in layout.data if noted is None else ():
        foreign = _foreign(path, desired, accounts) if _is_used(path) else None
        if foreign:
            yield (
                f"python_service_name: {path} exists and was not made by this role, and {foreign} is "
                f"not {user}'s; take another name, move it away, or, if the service is to have "
                f"it, make the account {user} first and give it all: "
                f"chown -R {user}:{group} {path}"
            )


def _names(desired: Desired) -> tuple[str, str]:
    """The user and the group that a service runs as."""
    names_of = dict(desired.accounts)
    return names_of["user"], names_of["group"]


def _foreign(path: str, desired: Desired, accounts: Accounts) -> str | None:
    """What is not the service's account's of all that lies at ``path``, if there is such."""
    known = all(accounts.exists(*account) for account in desired.accounts)
    if not known or os.path.islink(path) or not os.path.isdir(path):
        return path
    group, user = (accounts.number(*account) for account in desired.accounts)
    # Where the directory itself has another group, systemd changes that of everything.
    if os.lstat(path).st_gid != group:
        return path
    for directory, folders, files in os.walk(path):
        for name in [directory, *(os.path.join(directory, name) for name in folders + files)]:
            if os.lstat(name).st_uid != user:
                return printable(name)
    return None


def _runtime_problems(
    layout: Layout, desired: Desired, observed: Observed, accounts: Accounts
) -> Iterator[str]:
    """Refuse a directory in /run that is somebody else's: systemd would give it to the account."""
    user, _ = _names(desired)
    for process in desired.release.processes if desired.release else ():
        name = process.unit.rpartition(".")[0]
        path = layout.runtime_directory(name)
        unit = observed.units.get(process.unit)
        before = _made_in_run((unit and unit.text) or "")
        wanted = _made_in_run(desired.texts[process.unit])
        if name in before or name not in wanted or not os.path.lexists(path):
            continue
        is_the_accounts = (
            not os.path.islink(path)
            and accounts.exists("user", user)
            and os.lstat(path).st_uid == accounts.number("user", user)
        )
        if not is_the_accounts:
            yield (
                f"python_service_name: {path} exists and was not made by this role, which would give "
                "it to the service; take another name, or write another RuntimeDirectory into "
                f"{layout.variable(process.unit, 'unit_options')}"
            )


def _made_in_run(unit: str) -> list[str]:
    """What systemd makes for a unit in /run."""
    return " ".join(re.findall(r"^RuntimeDirectory=(.*)$", unit, re.MULTILINE)).split()


def _root_problems(layout: Layout) -> list[str]:
    """What is root's must not lie where somebody else can put another in its place."""
    path = layout.releases
    while path != layout.host:
        if os.path.lexists(path) and (os.path.islink(path) or not os.path.isdir(path)):
            return [f"python_service_root: {path} is not a directory; name one that is"]
        path = os.path.dirname(path)
    untrusted = weakness(layout.releases, layout.host)
    if untrusted:
        return [
            (
                f"python_service_root: {untrusted}, who could replace the service's code; "
                "name a directory that only root can write"
            )
        ]
    return []


def _python(python: str) -> tuple[Interpreter | None, list[str]]:
    """An interpreter by its path, and what keeps it from making venvs."""
    untrusted = weakness(python) if os.path.lexists(python) else None
    if untrusted:
        words = f"root would run {python}, and {untrusted}; name an interpreter that only root can change"
        return None, [f"python_service_python: {words}"]
    try:
        result = run([python, "-I", "-S", "-c", PROBE])
    except OSError as error:
        others = sorted(
            glob.glob("/usr/bin/python3*[0-9]") + glob.glob("/usr/local/bin/python3*[0-9]")
        )
        instead = " or ".join(others) if others else "the path of a Python that you install there"
        words = f"{python} cannot be run on this host ({error.strerror}); write {instead}"
        return None, [f"python_service_python: {words}"]
    found = interpreter_of(result.stdout)
    if result.returncode != 0 or not found:
        said = printable(result.stderr.strip()) or "it is not a Python"
        return None, [f"python_service_python: {python} cannot make virtual environments: {said}"]
    if found.version < OLDEST_PYTHON:
        words = (
            f"{python} is Python {'.'.join(map(str, found.version))}; "
            f"name one that is {'.'.join(map(str, OLDEST_PYTHON))} or newer"
        )
        return None, [f"python_service_python: {words}"]
    return found, []


def _reach_problems(python: str, desired: Desired, accounts: Accounts) -> list[str]:
    """What keeps the service's account from an interpreter, its libraries and its modules."""
    _, group = _names(desired)
    # The account that builds the venv is in no other group, and is not the user.
    rights = Rights(None, _numbers([group], accounts))
    processes = desired.release.processes if desired.release else ()
    units = [desired.texts[process.unit] for process in processes]
    files = files_of(python)
    reasons = [
        barrier(python, rights),
        *(barrier(file, rights, READ) for file in files),
        *(hidden(file, unit) for file in [python, *files] for unit in units),
    ]
    instead = (
        "install one that it can execute, as by UV_PYTHON_INSTALL_DIR=/opt/python uv python install, "
        "and write its path"
    )
    return _closed(
        "python_service_python", python, next(filter(None, reasons), None), desired, instead
    )


def _closed(variable: str, path: str, why: str | None, desired: Desired, instead: str) -> list[str]:
    """The problem with a program that the service's account cannot execute, if there is a reason."""
    user, _ = _names(desired)
    words = f"{path} cannot be executed by the service's account {user}: {why}; {instead}"
    return [f"{variable}: {words}"] if why else []


def _numbers(groups: Iterable[str], accounts: Accounts) -> frozenset[int]:
    """Numbers of those groups that the host has."""
    there = (name for name in groups if accounts.exists("group", name))
    return frozenset(accounts.number("group", name) for name in there)
