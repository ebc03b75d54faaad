"""A deploy that fails for one of the usual reasons names it in the first line of its error."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from lab.deploys import Player, make_wheel
from testinfra.host import Host

HOSTS = ("debian-11", "debian-testing")
LISTENS = "import socket; socket.create_server(('127.0.0.1', 18099)).accept()"
RUNS = "import signal; signal.pause()"
#: A program, what its deploy has besides, and words of the first line.
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("import redis", {}, "the module redis is not found; add the package"),
    (RUNS, {"command": "python -m redis"}, "the module redis is not found; add the package"),
    ("open('app.log', 'a')", {}, "/app/app.log is denied to it: a release is never changed"),
    (
        "import logging; logging.FileHandler('app.log')",
        {"logging": "off"},
        "/app/app.log is denied to it: a release is never changed",
    ),
    ("open('main.py', 'a')", {}, "/app/main.py is denied to it: a release is never changed"),
    (
        "import sqlite3; sqlite3.connect('db.sqlite3').execute('create table a (b)')",
        {},
        "a SQLite database cannot be opened or written (unable to open database file)",
    ),
    ("open('/srv/x', 'w')", {}, "/srv/x cannot be written: the service may write to $STATE"),
    ("open('/etc/shadow')", {}, "/etc/shadow is denied to it: its account has no right to it"),
    (
        "import socket; socket.create_server(('127.0.0.1', 18099))",
        {},
        "the address that it listens on is taken; ",
    ),
    (
        "import asyncio; asyncio.run(asyncio.start_server(print, '127.0.0.1', 18099))",
        {},
        "port 18099 is taken; stop what listens there",
    ),
    ("x = 1\ny := 2\n", {}, "/app/main.py, line 2, is not Python as /usr/bin/python3 reads it"),
    (
        RUNS,
        {"unit_options": {"Service": {"EnvironmentFile": "/etc/no/such.env"}}},
        "EnvironmentFile=/etc/no/such.env cannot be read (No such file or directory); ",
    ),
    (RUNS, {"command": "./run"}, "/app/run cannot be executed: No such file or directory; "),
    (
        RUNS,
        {"unit_options": {"Service": {"BindReadOnlyPaths": "/srv/none"}}},
        "/srv/none is not on the host, ",
    ),
    (
        "import mmap; mmap.mmap(-1, 4096, prot=7)",
        {},
        "memory that is writable and executable is denied to it (MemoryDenyWriteExecute=); ",
    ),
    (
        "import socket; socket.create_connection(('192.0.2.1', 9), timeout=5)",
        {"network": "none"},
        "the network is denied to it (PrivateNetwork=); write python_service_network: full",
    ),
    (
        RUNS,
        {"unit_options": {"Service": {"SupplementaryGroups": "nosuchgroup"}}},
        "an account or a group that the unit names, ",
    ),
    (
        RUNS,
        {"type": "notify", "unit_options": {"Service": {"TimeoutStartSec": 2}}},
        (
            "it did not say READY=1 within 2s; a program that does not speak to systemd needs "
            "python_service_type: exec"
        ),
    ),
]
NAMED = {f"bad{number}": case for number, case in enumerate(CASES)}


def given(directory: Path, name: str, program: str, **changes: Any) -> dict[str, Any]:
    """Variables of a service whose program is written to a directory."""
    directory.mkdir()
    (directory / "main.py").write_text(textwrap.dedent(program))
    (directory / "run").write_text("#!/no/such/python\n")
    (directory / "run").chmod(0o755)
    # It ends as soon as the program does, however slowly that starts.
    return {
        "name": name,
        "src": str(directory),
        "command": "python main.py",
        "settle": 60,
        **changes,
    }


@pytest.fixture(scope="module")
def errors(
    host: Host, module_player: Player, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The errors of all cases, by the names of their services, where somebody listens on a port."""
    host.check_output(f'systemd-run --quiet --unit taken python3 -c "{LISTENS}"')
    directory = tmp_path_factory.mktemp("sources")
    services = {
        name: given(directory / name, name, program, **changes)
        for name, (program, changes, _) in NAMED.items()
    }
    return module_player.errors(services)


@pytest.mark.parametrize(
    "name", NAMED, ids=[f"{program[:40]}-{words[:40]}" for program, _, words in CASES]
)
def test_the_first_line_says_why(errors: dict[str, str], name: str) -> None:
    first, *rest = errors[name].splitlines()
    assert first.startswith("Release ")
    assert " was not accepted: " in first
    assert NAMED[name][2] in first
    assert rest[0].startswith(f"{name}.service did not stay up: ")
    assert rest[-1] == "It was the first one, so nothing runs, and nothing starts at boot."


def test_a_package_for_another_python_is_named(player: Player, tmp_path: Path) -> None:
    wheelhouse = tmp_path / "wheelhouse"
    wheelhouse.mkdir()
    metadata = "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\nRequires-Python: >=3.99\n"
    make_wheel(wheelhouse, "1.0", more={"greeting-1.0.dist-info/METADATA": metadata})
    changes = {"requirements": ["greeting"], "wheelhouse": str(wheelhouse)}
    run = player.role(**given(tmp_path / "source", "bad", RUNS, **changes))
    first, *_, last = run.message.splitlines()
    assert first.startswith("The release of bad could not be staged: what is to be installed needs")
    assert ">=3.99" in first
    assert last == "What runs is untouched."


def test_what_systemd_expands_in_a_command(host: Host, player: Player, tmp_path: Path) -> None:
    """As the messages of the plan and the manual say it."""
    program = (
        "import os, pathlib, signal, sys, systemd_handler\n"
        "pathlib.Path(os.environ['STATE_DIRECTORY'], 'given').write_text('|'.join(sys.argv[1:]))\n"
        "systemd_handler.notify(READY=1)\n"
        "signal.pause()\n"
    )
    command = "python main.py $WORDS ${WORDS} --bind=0.0.0.0:${PORT} '0.0.0.0:$PORT' $HOME"
    changes: dict[str, Any] = {
        "command": f"{command} $RUNTIME_DIRECTORY '>'",
        "type": "notify",
        "environment": {"PORT": 80, "WORDS": "a b"},
    }
    player.role(**given(tmp_path / "source", "expands", program, **changes)).succeeded()
    words = host.check_output("cat /var/lib/expands/given").split("|")
    own = ["/var/lib/expands", "/run/expands", ">"]
    assert words == ["a", "b", "a b", "--bind=0.0.0.0:80", "0.0.0.0:$PORT", *own]
