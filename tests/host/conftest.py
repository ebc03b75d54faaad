"""The hosts of the tests, and services on them.

A module says in ``HOST`` which host its tests deploy to, or in ``HOSTS`` on which
each of them runs. Hosts are started when the first test asks for them, and removed
after the last one, or with the run where processes that run tests share them. The
tests of a module run one after the other on each of its hosts, unless it is one of
`SIDE_BY_SIDE`: there each test has services of its own, and only cases of one test
share some.
"""

from __future__ import annotations

import os
import re
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import testinfra
from lab import CACHE, PROJECT
from lab.deploys import Player, Service, Versioned, make_versioned, make_wheel
from lab.index import Index
from testinfra.host import Host
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

#: Seconds. It guards against hanging alone.
_LIMIT = 1800
#: Another clone of the project has hosts of its own.
_CLONE = f"{zlib.crc32(str(PROJECT).encode()):08x}"
SIDE_BY_SIDE = ("test_attacks.py", "test_faults.py", "test_going_back.py")
SIDE_BY_SIDE += ("test_places.py", "test_projects.py", "test_venvs.py")
_STARTED = CACHE / "hosts-of-tests"


def pytest_configure(config: pytest.Config) -> None:
    # xdist would begin with those groups that have the most tests, however quick they are.
    config.option.loadscopereorder = False
    if not hasattr(config, "workerinput"):
        _remove_hosts()  # of a run that was killed


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _remove_hosts()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    hosts = getattr(metafunc.module, "HOSTS", None)
    if hosts and "host_name" in metafunc.fixturenames:
        metafunc.parametrize("host_name", hosts, indirect=True, scope="module")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Those that have to wait for each other first: the others fill what time is left beside them.
    items.sort(key=lambda item: item.path.name in SIDE_BY_SIDE)


class _ByHost(LoadScopeScheduling):
    """Gives all tests that share what is on a host to one process."""

    def _split_scope(self, nodeid: str) -> str:
        path, _, test = nodeid.partition("::")
        if Path(path).name in SIDE_BY_SIDE:
            return nodeid.partition("[")[0]
        release = re.search(r"\[(debian-\w+(?:-full)?)", test)
        return f"{path} {release[1] if release else ''}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    # Its own groups do not work with pytest 9.
    return _ByHost(config, log)


@pytest.fixture(scope="module")
def host_name(request: pytest.FixtureRequest) -> Iterator[str]:
    """Name of the container that the tests of a module deploy to."""
    wanted = getattr(request, "param", None) or request.module.HOST
    topic = request.module.__name__.removeprefix("test_")
    name = start(topic, wanted)
    yield name
    if request.path.name not in SIDE_BY_SIDE:  # other processes have no test for it
        _remove_hosts(name)


@pytest.fixture(scope="module")
def another() -> Callable[[str, str], str]:
    """How to start one more host, which goes with the run."""
    return start


@pytest.fixture(scope="module")
def host(host_name: str) -> Host:
    return testinfra.get_host(f"docker://{host_name}")


@pytest.fixture
def player(host_name: str, tmp_path: Path) -> Player:
    return Player(host_name, tmp_path)


@pytest.fixture(scope="module")
def module_player(host_name: str, tmp_path_factory: pytest.TempPathFactory) -> Player:
    """A player for what the tests of a module share."""
    return Player(host_name, tmp_path_factory.mktemp("player"))


@pytest.fixture
def versioned(
    host: Host, host_name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Versioned]:
    """A service of the test's own, which runs no longer than it; its host goes with the run."""
    digest = zlib.crc32(request.node.name.encode())
    found = make_versioned(host, host_name, tmp_path, f"t{digest:08x}", 20000 + digest % 10000)
    yield found
    host.run(f"systemctl disable --quiet --now {found.service.name}")


@pytest.fixture(scope="module")
def service(host: Host) -> Callable[[str], Service]:
    def named(name: str) -> Service:
        return Service(host, name)

    return named


def start(topic: str, release: str) -> str:
    """Have a host for a topic run; ``release`` is such as ``debian-12`` or ``debian-12-full``. Gives its name."""
    name = f"test-{topic.replace('_', '-')}-{release}-{_CLONE}"
    _STARTED.mkdir(parents=True, exist_ok=True)
    (_STARTED / name).touch()
    debian, version, *kind = release.split("-")
    _script_host("up", name, "--image", f"{debian}:{version}", *(f"--{word}" for word in kind))
    return name


def _remove_hosts(*names: str) -> None:
    """Remove those of these names, or all that were started."""
    names = names or tuple(path.name for path in _STARTED.glob("*"))
    if names:
        _script_host("down", *names)
    for name in names:
        (_STARTED / name).unlink(missing_ok=True)


def _script_host(*arguments: str) -> None:
    result = subprocess.run(
        [PROJECT / "script" / "host", *arguments],
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    assert result.returncode == 0, result.stdout


@pytest.fixture
def index(host: Host, tmp_path: Path) -> Iterator[Index]:
    """An index on the controller that has version 1.0 of ``greeting``."""
    files = tmp_path / "index" / "greeting"
    files.mkdir(parents=True)
    make_wheel(files, "1.0")
    gateway = host.check_output("ip route show default").split()[2]
    with Index(gateway, tmp_path / "index").served() as served:
        yield served
