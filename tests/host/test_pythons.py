"""On the Python of each host: the package's own tests, and CPython's of the handler it replaces."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import lab
import pytest
import testinfra
from lab import PROJECT
from testinfra.backend.base import CommandResult
from testinfra.host import Host

HOSTS = ("debian-11", "debian-12", "debian-13", "debian-testing")

DATA = Path(__file__).resolve().parent / "data"
CACHE = lab.CACHE / "pythons"
#: Seconds, for a host; it guards against hanging alone, and timeout(1) says 124 then.
LIMIT = 1800

#: The project's tree on a host, as much of it as the tests look at.
TREE = "/opt/project"
PARTS = (
    "pyproject.toml",
    "tests/unit/systemd_handler",
    "docs/logging.md",
    "roles/python_service/files/systemd_handler",
)

#: What the tests need: pytest, hypothesis, and what these two need on Python 3.11 and later.
REQUIRED = {
    "hypothesis",
    "iniconfig",
    "packaging",
    "pluggy",
    "pygments",
    "pytest",
    "sortedcontainers",
}

FETCH_CPYTHONS_TESTS = """
set -e
cd "$(mktemp -d)"
apt-get -qq -o Acquire::Check-Valid-Until=false update >&2
apt-get -qq -o APT::Sandbox::User=root download libpython{version}-testsuite >&2
dpkg-deb --fsys-tarfile ./*.deb >tests.tar
tar -x --to-stdout -f tests.tar ./usr/lib/python{version}/test/test_logging.py
"""


class Results(NamedTuple):
    """What came of the runs on one host."""

    of_the_package: CommandResult
    of_cpython: CommandResult


@pytest.fixture(scope="module")
def results(host_name: str) -> Results:
    return run(host_name)


def test_the_packages_own_tests_pass(results: Results) -> None:
    passed(results.of_the_package)


def test_cpythons_tests_of_stream_handlers_pass_with_systemd_handler(results: Results) -> None:
    passed(results.of_cpython)


def passed(result: CommandResult) -> None:
    if result.rc == 124:
        pytest.fail(f"did not end within {LIMIT} s:\n{result.stdout}", pytrace=False)
    if result.rc != 0:
        pytest.fail(f"{result.stdout}{result.stderr}", pytrace=False)


def run(name: str) -> Results:
    """Bring to a host what it needs, and run both."""
    host = testinfra.get_host(f"docker://{name}")
    version = host.check_output("python3 -c 'import sys; print(*sys.version_info[:2], sep=\".\")'")
    # Nothing stays of a run before: copied over itself, a directory would end up in itself.
    host.check_output(f"rm -rf {TREE}")
    for part in PARTS:
        host.check_output(f"mkdir -p $(dirname {TREE}/{part})")
        copy(PROJECT / part, name, part)
    copy(packages(version), name, "packages")
    copy(DATA / "cpython_cases.py", name, "cpython_cases.py")
    copy(cpythons_tests(host, version), name, "test_logging.py")
    path = f"PYTHONPATH={TREE}/packages:{TREE}/roles/python_service/files"
    return Results(
        host.run(f"cd {TREE} && {path} timeout {LIMIT} python3 -m pytest --quiet tests/unit"),
        host.run(f"cd {TREE} && {path} timeout {LIMIT} python3 cpython_cases.py"),
    )


def copy(source: Path, host: str, target: str) -> None:
    subprocess.run(["docker", "cp", "--quiet", source, f"{host}:{TREE}/{target}"], check=True)


def packages(version: str) -> Path:
    """The directory of what the tests import, for a version of Python."""
    lock = requirements(version)
    digest = hashlib.sha256(lock.encode()).hexdigest()[:12]

    def install(directory: Path) -> None:
        pins = directory / "requirements.lock"
        pins.write_text(lock)
        options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-compile"]
        options += ["--no-deps", "--require-hashes", "--requirement", str(pins)]
        options += ["--only-binary", ":all:", "--python-version", version]
        options += ["--platform", f"manylinux2014_{os.uname().machine}"]
        subprocess.run(
            [sys.executable, "-m", "pip", "install", *options, "--target", directory],
            check=True,
        )

    return cached(f"packages-{version}-{digest}", install)


def requirements(version: str) -> str:
    """Pins with hashes for a version of Python, those of the controller where they fit."""
    own = DATA / f"requirements-{version}.lock"
    if own.exists():
        return own.read_text()
    lock = (PROJECT / "requirements.lock").read_text()
    entries = re.findall(r"^(([\w.-]+)==.*\n(?:    .*\n)*)", lock, re.MULTILINE)
    return "".join(entry for entry, name in entries if name in REQUIRED)


def cpythons_tests(host: Host, version: str) -> Path:
    """CPython's tests of logging, from the same release of Debian as the host's Python."""
    package = host.check_output(
        f"dpkg-query --show --showformat '${{Version}}' libpython{version}-stdlib"
    )

    def fetch(directory: Path) -> None:
        text = host.check_output(FETCH_CPYTHONS_TESTS.format(version=version))
        (directory / "test_logging.py").write_text(text, encoding="utf-8")

    return cached(f"cpython-{package}", fetch) / "test_logging.py"


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """A directory that `make` fills, once."""
    directory = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    if not directory.exists():
        new = Path(tempfile.mkdtemp(dir=CACHE))
        try:
            make(new)
            new.chmod(0o755)
            new.rename(directory)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return directory
