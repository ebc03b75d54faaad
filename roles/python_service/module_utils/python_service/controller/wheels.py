# Copyright (c) 2026 the python_service authors
# SPDX-License-Identifier: MIT
"""Wheels that the controller gathers for a host, which then needs no index, no keys and no compiler.

pip fetches and builds them, run by an interpreter that takes the same wheels as
the host's: so it answers markers as the host would, and what it compiles fits.
What goes to the host are the wheels and their digests: nothing else could be
installed there, and nothing that it took to fetch them is told.
"""

from __future__ import annotations

import hashlib
import netrc
import os
import re
import shlex
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, NamedTuple

from packaging.utils import parse_wheel_filename

from ..archive import pack, unpack
from ..building import buildable
from ..errors import ServiceError
from ..foreign import last_lines, printable
from ..interpreter import PROBE, Interpreter, interpreter_of
from ..model import Pip
from ..source import combined_digest, scan
from .contents import Contents, pack_contents, shipped_sources
from .pip_options import anonymous
from .problems import problem
from .projects.exports import find_tool
from .run_cache import RunCache

#: Seconds that an interpreter takes to answer, and that pip or a compiler may take.
_ANSWER = 60
_PATIENCE = 7200
_LINES = 25
#: How pip ends that has nobody to ask.
_ASKED = re.compile(r"^User for .*^EOFError", re.MULTILINE | re.DOTALL)
#: What would have an interpreter look for packages that are another's.
_OTHERS = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
#: What compiled code asks of the C library, by the names of the versions of its symbols.
_GLIBC = re.compile(rb"GLIBC_(\d+)\.(\d+)")
#: Asked by pip for each kind of wheel (PEP 600): those of a newer C library are none for the host.
_MANYLINUX = """\
def manylinux_compatible(major, minor, architecture):
    return None if (major, minor) <= {glibc} else False
"""
#: Tells git what a netrc says: gitcredentials(7). Git itself would read that of the home alone.
_CREDENTIALS = """\
import netrc, os, sys
asked = dict(line.rstrip().split("=", 1) for line in sys.stdin if "=" in line)
found = netrc.netrc(os.environ["NETRC"]).authenticators(asked.get("host", "").partition(":")[0])
if sys.argv[1] == "get" and found:
    print(f"username={found[0]}", f"password={found[2]}", sep="\\n")
"""


class Gathering(NamedTuple):
    """How wheels are gathered.

    ``python`` is the interpreter on the controller that does it, and ``host`` the
    one that the wheels are for. With ``venv`` they are for a venv too, and not
    for the projects of a release alone.
    """

    python: str
    host: Interpreter
    venv: bool
    require_hashes: bool


def find_interpreter(host: Interpreter, cache: RunCache) -> str:
    """Path of an interpreter on the controller that takes the same wheels as the host's.

    Raises `ServiceError` where there is none.
    """
    name = combined_digest(["python", host.extension])
    return cache.text(name, lambda: _found(host))


def _found(host: Interpreter) -> str:
    version = ".".join(map(str, host.version[:2]))
    for path in _candidates(version):
        found = _asked(path)
        if found and found.extension == host.extension:
            return path
    own = _asked(sys.executable)
    theirs = _kind(host.extension)
    if own and _kind(own.extension) != theirs:
        said = (
            f"the host's Python is for {theirs} and this controller is {_kind(own.extension)}, "
            "where no wheels for it can be built; deploy from a machine of the host's kind, or "
            "put wheels for it into python_service_wheelhouse and leave this out"
        )
    else:
        said = (
            f"the host has Python {version}, and the controller has none that takes the same "
            f"wheels ({host.extension}); install one there: 'uv python install {version}', or a "
            f"package that brings python{version}"
        )
    raise ServiceError(problem("gather_wheels", printable(said)))


def pack_gathered(contents: Contents, how: Gathering, installer: str, archive: IO[bytes]) -> None:
    """Write what a host needs into ``archive``, as `contents.pack_contents` does, with wheels gathered.

    The ``installer`` is the pip that goes along, and that gathers them.
    """
    with tempfile.TemporaryDirectory(prefix="python_service-") as directory:
        pip = _Pip(contents, how, installer, directory)
        pack_contents(_gathered(contents, how, pip), installer, archive)


def _gathered(contents: Contents, how: Gathering, pip: _Pip) -> Contents:
    """Contents of wheels alone, and of nothing that it took to fetch them."""
    projects = contents.pip.projects
    # Where they are not gathered, they are installed already.
    requirements = tuple(map(anonymous, contents.requirements))
    if requirements and (how.venv or (projects and how.require_hashes)):
        pip.gather()
        requirements = (pip.pins(),)
    if projects:
        pip.build_projects()
    wheels = scan(pip.wheels, (), may_be_empty=True)
    built = tuple(f"wheelhouse/{entry.path}" for entry in wheels.entries if "/" in entry.path)
    return contents._replace(
        requirements=requirements,
        wheelhouse=wheels,
        # Where none was built, they are for other hosts, as pip finds there as well.
        libraries=() if built else contents.libraries,
        pip=Pip(projects=built or projects),
    )


class _Pip:
    """pip on the controller: what it makes lies in ``wheels``, and that of projects in a directory there."""

    def __init__(self, contents: Contents, how: Gathering, installer: str, directory: str) -> None:
        self._contents = contents
        self._how = how
        self._installer = installer
        self._directory = directory
        self.wheels = self._made("wheelhouse")

    def gather(self) -> None:
        """Fetch or build a wheel of everything that is required."""
        directory = self._made("requirements")
        for number, text in enumerate(self._contents.requirements):
            _write(os.path.join(directory, f"{number}.txt"), text)
        options = ["--requirement", os.path.join(directory, "0.txt")]
        if self._how.require_hashes:
            options.append("--require-hashes")
        house = self._contents.wheelhouse
        self._run(self.wheels, options, house.root if house else None, {})

    def build_projects(self) -> None:
        """Build a wheel of the source itself, and of those beside it that are for the host."""
        sources = shipped_sources(self._contents)
        # Build systems leave things in the directory that they build, and see what is shipped alone.
        copies = self._made("copies")
        archive = os.path.join(self._directory, "copies.tar.gz")
        with open(archive, "wb") as file:
            pack(sources, {}, file)
        unpack(archive, copies)
        wanted = [buildable(project, copies) for project in self._contents.pip.projects]
        house = self._contents.wheelhouse.root if self._contents.wheelhouse else None
        if self._how.require_hashes:
            # Nothing that no hash vouches for: the build system is among the requirements.
            house = self.wheels
        built = self._made("wheelhouse/projects")
        self._run(built, ["--no-deps", *wanted], house, self._contents.pip.build)

    def pins(self) -> str:
        """Requirement lines that say which wheels these are."""
        lines = []
        for name in _wheels(self.wheels):
            project, version, *_ = parse_wheel_filename(name)
            with open(os.path.join(self.wheels, name), "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            lines.append(f"{project}=={version} --hash=sha256:{digest}\n")
        return "".join(lines)

    def _run(
        self, target: str, options: Sequence[str], house: str | None, more: Mapping[str, str]
    ) -> None:
        """Have wheels made in ``target``; from the directory ``house`` alone, if there is one."""
        command = [self._how.python, self._program(), "wheel", "--wheel-dir", target]
        # Not with --no-input: pip would take another ssh than whoever deploys has chosen.
        command += ["--progress-bar", "off", *self._contents.pip.arguments]
        environment = dict(os.environ)
        if house:
            command += ["--no-index", "--find-links", house]
            environment = {k: v for k, v in environment.items() if not k.startswith("PIP_")}
            environment["PIP_CONFIG_FILE"] = os.devnull
        for name in _OTHERS:
            environment.pop(name, None)
        environment.update(self._environment(), **more)
        try:
            result = subprocess.run(
                [*command, *options],
                cwd=self._directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="backslashreplace",
                timeout=_PATIENCE,
                check=False,
                # Away from the terminal, where nobody would see what ssh asks for.
                start_new_session=True,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _failed(str(error)) from error
        if result.returncode != 0 and _ASKED.search(result.stdout):
            raise _failed(
                "  an index asks for a name and a password, which it was not given or does not take; "
                "write them into its address in python_service_pip_options"
            )
        if result.returncode != 0:
            lines = result.stdout.strip().splitlines()[-_LINES:]
            raise _failed("\n".join(f"  {line}" for line in last_lines(lines)))
        for name in _wheels(target):
            _check(os.path.join(target, name), self._how.host)

    def _program(self) -> str:
        """What the interpreter runs, from where none of another's packages are beside it."""
        if os.path.isfile(self._installer):
            return os.path.join(self._installer, "pip")  # in a wheel
        path = os.path.join(self._directory, "installer", "pip")
        if not os.path.lexists(path):
            os.mkdir(os.path.dirname(path))
            os.symlink(self._installer, path)
        return path

    def _environment(self) -> dict[str, str]:
        helper = self._made("helper")
        if self._how.host.glibc:
            text = _MANYLINUX.format(glibc=self._how.host.glibc)
            _write(os.path.join(helper, "_manylinux.py"), text)
        return {
            "LC_ALL": "C.UTF-8",
            "GIT_TERMINAL_PROMPT": "0",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_REQUIRE_VIRTUALENV": "0",
            "PIP_SRC": os.path.join(self._directory, "checkouts"),
            "PYTHONPATH": helper,
            "TMPDIR": self._made("temporary"),
            **self._contents.pip.environment,
            **self._logins(helper),
        }

    def _logins(self, helper: str) -> dict[str, str]:
        """Variables by which pip and git find the passwords, beside those of whoever deploys."""
        if not self._contents.pip.netrc:
            return {}
        passwords, program = (os.path.join(helper, name) for name in (".netrc", "credentials.py"))
        _write(passwords, _own_netrc() + self._contents.pip.netrc)
        _write(program, _CREDENTIALS)
        # Those that are set already stay.
        number = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
        return {
            "NETRC": passwords,
            "GIT_CONFIG_COUNT": str(number + 1),
            f"GIT_CONFIG_KEY_{number}": "credential.helper",
            f"GIT_CONFIG_VALUE_{number}": f"!{shlex.join([self._how.python, '-I', program])}",
        }

    def _made(self, name: str) -> str:
        path = os.path.join(self._directory, name)
        os.makedirs(path, exist_ok=True)
        return path


def _candidates(version: str) -> Iterator[str]:
    """Paths of what may be a Python of that version."""
    yield sys.executable
    for directory in os.get_exec_path():
        path = os.path.join(directory, f"python{version}")
        if os.access(path, os.X_OK):
            yield path
    uv = find_tool("uv")
    if uv:
        # Those of its own: with others in the way that cannot be run, it looks no further.
        words = ["python", "find", "--managed-python", "--no-python-downloads", version]
        found = _output([uv, "--no-config", "--offline", *words])
        if found:
            yield found.strip()


def _asked(path: str) -> Interpreter | None:
    return interpreter_of(_output([path, "-I", "-S", "-c", PROBE]))


def _output(command: Sequence[str]) -> str:
    """What a program prints; nothing where it fails."""
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout if result.returncode == 0 else ""


def _kind(extension: str) -> str:
    """The machine and the system that an interpreter is for: x86_64-linux-gnu."""
    return extension.partition("-")[2].partition("-")[2].removesuffix(".so") or extension


def _check(wheel: str, host: Interpreter) -> None:
    """Refuse a wheel that was compiled here for a newer C library than the host's.

    The names of others say which one they are for, by which pip has chosen.
    """
    name = os.path.basename(wheel)
    *_, tags = parse_wheel_filename(name)
    if not host.glibc or not any(tag.platform.startswith("linux_") for tag in tags):
        return
    wanted = _glibc_of(wheel)
    if wanted > host.glibc:
        needed, there = (".".join(map(str, version)) for version in (wanted, host.glibc))
        said = (
            f"{name} was compiled on the controller and needs glibc {needed}, and the host has "
            f"{there}; deploy from a machine that is no newer than the host, or put a wheel for it "
            "into python_service_wheelhouse"
        )
        raise ServiceError(problem("gather_wheels", said))


def _glibc_of(wheel: str) -> tuple[int, ...]:
    """The newest version of the C library that compiled code in a wheel asks for."""
    found: list[tuple[int, ...]] = [(0, 0)]
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if re.search(r"\.so(\.|$)", name):
                found += [(int(a), int(b)) for a, b in _GLIBC.findall(archive.read(name))]
    return max(found)


def _own_netrc() -> str:
    """The netrc of whoever deploys, which pip would read."""
    path = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
    try:
        netrc.netrc(path)
        with open(path, encoding="utf-8") as file:
            return file.read().rstrip("\n") + "\n"
    except (OSError, UnicodeDecodeError, netrc.NetrcParseError):
        return ""


def _wheels(directory: str) -> list[str]:
    return sorted(name for name in os.listdir(directory) if name.endswith(".whl"))


def _failed(words: str) -> ServiceError:
    said = f"pip could not gather the wheels on the controller:\n{words}"
    return ServiceError(problem("gather_wheels", said))


def _write(path: str, text: str) -> None:
    """Write a file that nobody else can read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
