"""Where a program lives: its home, its caches, its sockets, its data, and who else may read them."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import PROJECT
from lab.deploys import Player, Service
from testinfra.host import Host

HOST = "debian-11"
#: What systemd sets up is another matter in a newer one.
BOTH = pytest.mark.parametrize("host_name", [HOST, "debian-testing"], indirect=True, scope="module")

#: Answers over a Unix socket, by the name of the site alone.
SITE = """
import http.server, os, socketserver, sys
class Site(http.server.BaseHTTPRequestHandler):
    def address_string(self): return "socket"
    def do_GET(self):
        known = self.headers["Host"] == "shop.example"
        body = b"hello" if known else b"<h1>Bad Request (400)</h1>\\x1b[2J"
        self.send_response(200 if known else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer): pass
Server(os.environ["RUNTIME_DIRECTORY"] + "/http.sock", Site).serve_forever()
"""
#: nginx, as it is installed and started on Debian.
INSTALL_NGINX = """
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o Acquire::Check-Valid-Until=false update
apt-get -qq install --no-install-recommends nginx
"""
#: What is asked of it, and what it answers.
ASK = """
import sys, urllib.error, urllib.request
asked = urllib.request.Request("http://127.0.0.1:18080" + sys.argv[1], headers={"Host": "shop.example"})
try:
    print(urllib.request.urlopen(asked).read().decode())
except urllib.error.HTTPError as error:
    print(error.code)
"""
#: Tells what it finds, in its state directory, and stays.
TELLS = """
import json, os, pathlib, signal, sys, tempfile
def writable(path):
    try:
        pathlib.Path(path, "probe").write_text("x")
        return True
    except OSError:
        return False
names = ("HOME", "XDG_CACHE_HOME", "RUNTIME_DIRECTORY", "TMPDIR")
found = {name: [os.environ.get(name), writable(os.environ.get(name, "/"))] for name in names}
found["expanded"] = [os.path.expanduser("~"), True]
found["temporary"] = [tempfile.gettempdir(), True]
pathlib.Path(os.environ["STATE_DIRECTORY"], sys.argv[1]).write_text(json.dumps(found))
if len(sys.argv) == 2:
    signal.pause()
"""


class Deployer:
    """Deploys programs to a host, and removes them in the end."""

    def __init__(self, host: Host, player: Player, directory: Path) -> None:
        self._player = player
        self._directory = directory
        self.host = host
        self.names: list[str] = []

    def run(self, name: str, program: str, *options: str, **changes: Any) -> Any:
        source = self._directory / name
        source.mkdir(exist_ok=True)
        (source / "main.py").write_text(textwrap.dedent(program))
        self.names.append(name)
        given = {"name": name, "src": str(source), "command": "python main.py", "settle": 1}
        return self._player.role(*options, **{**given, **changes})

    def remove(self, name: str, **changes: Any) -> None:
        self._player.role(name=name, state="absent", **changes).succeeded()


@pytest.fixture
def deploy(host: Host, player: Player, tmp_path: Path) -> Iterator[Deployer]:
    made = Deployer(host, player, tmp_path)
    yield made
    for name in dict.fromkeys(made.names):
        made.remove(name, remove_data=True)


def as_user(host: Host, user: str, program: str) -> Any:
    """What becomes of a program that another account runs."""
    return host.run(f"runuser -u {user} -- python3 -c {shlex.quote(program)}")


@BOTH
def test_a_program_has_a_home_a_cache_and_a_place_for_sockets(
    host: Host, deploy: Deployer, service: Callable[[str], Service]
) -> None:
    check = {"command": "python main.py checked once"}
    deploy.run("home", TELLS, command="python main.py told", health=check).succeeded()
    told, checked = (
        json.loads(host.check_output(f"cat /var/lib/home/{name}")) for name in ("told", "checked")
    )
    assert told == {
        "HOME": ["/var/lib/home", True],
        "XDG_CACHE_HOME": ["/var/cache/home", True],
        "RUNTIME_DIRECTORY": ["/run/home", True],
        "TMPDIR": ["/tmp", True],
        "expanded": ["/var/lib/home", True],
        "temporary": ["/tmp", True],
    }
    assert checked == told
    # The end of the check has not taken away what the process has there.
    assert host.file("/run/home/probe").exists
    assert deploy.run("home", TELLS, command="python main.py told", health=check).changed == []
    deploy.remove("home")
    assert not host.file("/run/home").exists


@BOTH
def test_what_a_user_sets_wins(host: Host, deploy: Deployer) -> None:
    deploy.run(
        "mine",
        TELLS,
        command="python main.py told",
        environment={"HOME": "/var/log/mine", "TMPDIR": "/var/tmp"},
        unit_options={"Service": {"RuntimeDirectory": "mine/deeper"}},
    ).succeeded()
    told = json.loads(host.check_output("cat /var/lib/mine/told"))
    assert told["HOME"] == ["/var/log/mine", True]
    assert told["TMPDIR"] == ["/var/tmp", True]
    assert told["RUNTIME_DIRECTORY"] == ["/run/mine/deeper", True]


def test_a_program_that_writes_beside_itself_can_work_elsewhere(
    host: Host, deploy: Deployer
) -> None:
    program = "import signal\nopen('app.log', 'w').write(__file__)\nsignal.pause()\n"
    message = deploy.run("beside", program).message
    assert "/app/app.log is denied to it" in message.splitlines()[0]
    command = "python /opt/beside/releases/${PYTHON_SERVICE_RELEASE}/app/main.py"
    options = {"Service": {"WorkingDirectory": "/var/lib/beside"}}
    deploy.run("beside", program, command=command, unit_options=options).succeeded()
    assert host.check_output("cat /var/lib/beside/app.log").endswith("/app/main.py")


@pytest.fixture(scope="module")
def nginx(host: Host) -> Callable[[str], str]:
    """Has nginx be configured as the manual says for the shop; what it answers to a path."""
    host.check_output(f"sh -e -c {shlex.quote(INSTALL_NGINX)}")
    (locations,) = re.findall(
        r"```nginx\n(.*?)```", (PROJECT / "docs/places.md").read_text(), re.DOTALL
    )
    server = f"server {{\nlisten 127.0.0.1:18080;\n{locations}}}\n"
    host.check_output(f"printf %s {shlex.quote(server)} > /etc/nginx/conf.d/shop.conf")
    host.check_output("systemctl restart nginx")

    def answer(path: str) -> str:
        return str(host.check_output(f"python3 -c {shlex.quote(ASK)} {path}"))

    return answer


@pytest.mark.parametrize("way", ["in the group of the service", "the group is the web server's"])
def test_a_web_server_in_front_reads_sockets_and_static_files(
    host: Host, deploy: Deployer, nginx: Callable[[str], str], tmp_path: Path, way: str
) -> None:
    (tmp_path / "shop" / "static").mkdir(parents=True)
    (tmp_path / "shop" / "static" / "style.css").write_text("p {}")
    socket = "/run/shop/http.sock"
    changes: dict[str, Any] = {
        "unit_options": {"Service": {"UMask": "0007"}},
        "health": {
            "url": "http://localhost/",
            "socket": socket,
            "headers": {"Host": "shop.example"},
        },
    }
    if way.startswith("the group"):
        changes["group"] = "www-data"
    deploy.run("shop", SITE, **changes).succeeded()
    if way.startswith("in the group"):
        assert (nginx("/"), nginx("/static/style.css")) == ("502", "403")
        host.check_output("gpasswd --add www-data shop && systemctl restart nginx")
    assert (nginx("/"), nginx("/static/style.css")) == ("hello", "p {}")
    static = "/opt/shop/current/app/static/style.css"
    connect = f"import socket; socket.socket(socket.AF_UNIX).connect({socket!r})"
    assert as_user(host, "www-data", connect).rc == 0
    assert as_user(host, "nobody", connect).rc != 0
    assert as_user(host, "nobody", f"open({static!r})").rc != 0
    assert as_user(host, "www-data", "open('/opt/shop/current/app/x', 'w')").rc != 0


def test_a_health_check_of_a_socket_tells_what_was_answered(deploy: Deployer) -> None:
    health = {
        "url": "http://localhost/",
        "socket": "/run/picky/http.sock",
        "status": [200, 204],
        "timeout": 2,
    }
    message = deploy.run("picky", SITE, health=health).message
    assert (
        "picky.service is up, but not healthy: http://localhost/ at /run/picky/http.sock "
        "answers 400, not 200 or 204 | Server: "
    ) in message
    assert "It answers with:\n  <h1>Bad Request (400)</h1>\\x1b[2J" in message


APPENDS = """
import os, signal, sys
with open("/srv/shared/log", "a") as file:
    print(sys.argv[1], file=file)
signal.pause()
"""


def test_two_services_share_a_directory(host: Host, deploy: Deployer) -> None:
    host.check_output(
        "groupadd --force --system shared && mkdir -p /srv/shared && chgrp shared /srv/shared"
        " && chmod 2770 /srv/shared"
    )
    options = {
        "SupplementaryGroups": "shared",
        "UMask": "0007",
    }
    for name in ("one", "two"):
        deploy.run(
            name,
            APPENDS,
            command=f"python main.py {name}",
            unit_options={"Service": options},
            writable=["/srv/shared"],
        ).succeeded()
    assert host.check_output("cat /srv/shared/log").split() == ["one", "two"]
    assert as_user(host, "nobody", "open('/srv/shared/log')").rc != 0
    host.check_output("rm -r /srv/shared")


READS = """
import os, pathlib, signal
text = pathlib.Path("/var/lib/writer/data").read_text()
try:
    pathlib.Path("/var/lib/writer/data").write_text("mine")
    text = "written"
except OSError:
    pass
pathlib.Path(os.environ["STATE_DIRECTORY"], "read").write_text(text)
signal.pause()
"""


def test_a_service_reads_the_data_of_another(host: Host, deploy: Deployer) -> None:
    writes = "import os, pathlib, signal\n"
    writes += "pathlib.Path(os.environ['STATE_DIRECTORY'], 'data').write_text('precious')\n"
    deploy.run("writer", writes + "signal.pause()\n").succeeded()
    options = {"Service": {"SupplementaryGroups": "writer"}}
    deploy.run("reader", READS, unit_options=options).succeeded()
    assert host.check_output("cat /var/lib/reader/read") == "precious"
    deploy.remove("reader", remove_data=True)
    message = deploy.run("reader", READS).message
    assert "/var/lib/writer/data is denied to it" in message.splitlines()[0]


def test_data_of_before_are_taken_over_once_they_are_the_accounts(
    host: Host, deploy: Deployer
) -> None:
    host.check_output("mkdir -p /var/lib/old && echo precious > /var/lib/old/backup")
    program = "import os, signal\nprint(open(os.environ['STATE_DIRECTORY'] + '/backup').read())\n"
    program += "signal.pause()\n"
    message = deploy.run("old", program).message
    assert "python_service_name: /var/lib/old exists and was not made by this role" in message
    assert message.endswith(
        "make the account old first and give it all: chown -R old:old /var/lib/old"
    )
    host.check_output("useradd --system --user-group --home-dir /nonexistent old")
    assert "and /var/lib/old is not old's" in deploy.run("old", program).message
    host.check_output("chown old:old /var/lib/old")
    assert "/var/lib/old/backup is not old's" in deploy.run("old", program).message
    host.check_output("chown -R old:old /var/lib/old")
    deploy.run("old", program).succeeded()
    deploy.remove("old")
    # What the role did not make, it leaves.
    assert host.user("old").exists
    assert host.file("/var/lib/old/backup").user == "old"
    host.check_output("userdel old")


def test_a_directory_in_run_of_somebody_else_is_not_taken_over(
    host: Host, deploy: Deployer
) -> None:
    host.check_output("mkdir -p /run/busy")
    message = deploy.run("busy", "").message
    assert "python_service_name: /run/busy exists and was not made by this role" in message
    assert host.file("/run/busy").user == "root"
    host.check_output("rmdir /run/busy")


def test_a_file_of_variables_is_passed_on_purpose(
    host: Host, deploy: Deployer, tmp_path: Path
) -> None:
    (tmp_path / "dotenv").mkdir()
    (tmp_path / "dotenv" / ".env").write_text("TOKEN=developers\n")
    program = "import os, pathlib, signal\n"
    program += "found = [pathlib.Path('.env').exists(), os.environ.get('TOKEN')]\n"
    program += "pathlib.Path(os.environ['STATE_DIRECTORY'], 'found').write_text(str(found))\n"
    program += "signal.pause()\n"
    host.check_output(
        "install -m 600 /dev/null /etc/dotenv.env && echo TOKEN=its > /etc/dotenv.env"
    )
    options = {"Service": {"EnvironmentFile": "/etc/dotenv.env"}}
    run = deploy.run("dotenv", program, "--check", unit_options=options).succeeded()
    warnings = [text for _, result in run.tasks for text in result.get("warnings", [])]
    assert any(text.startswith("python_service_src: not shipped: .env, ") for text in warnings)
    deploy.run("dotenv", program, unit_options=options).succeeded()
    assert host.check_output("cat /var/lib/dotenv/found") == "[False, 'its']"
    deploy.run("dotenv", program, unit_options=options, exclude=["!.env"]).succeeded()
    assert host.check_output("cat /var/lib/dotenv/found") == "[True, 'its']"


#: Keeps what it was configured with, as it reads it when it starts.
CONFIGURED = """
import os, pathlib, signal, sys
text = pathlib.Path(sys.argv[1]).read_text()
if "bad" in text:
    sys.exit("the configuration is bad")
pathlib.Path(os.environ["STATE_DIRECTORY"], "read").write_text(text)
signal.pause()
"""


def diffs(run: Any) -> list[dict[str, str]]:
    return [diff for _, result in run.tasks for diff in result.get("diff", [])]


def test_configuration_files_go_forward_and_back_with_their_release(
    host: Host, deploy: Deployer, player: Player, service: Callable[[str], Service], tmp_path: Path
) -> None:
    template = tmp_path / "app.json.j2"

    def run(text: str, *options: str) -> Any:
        template.write_text(text)
        return deploy.run(
            "configured",
            CONFIGURED,
            "--diff",
            *options,
            command="python main.py ${CONFIGURATION_DIRECTORY}/conf/app.json",
            health={"command": "/bin/sh -c 'test -r $CONFIGURATION_DIRECTORY/conf/app.json'"},
            files={"conf/app.json": f"{{{{ lookup('ansible.builtin.template', '{template}') }}}}"},
        )

    def read() -> str:
        return str(host.check_output("cat /var/lib/configured/read"))

    one, two = '{"answer": 42}', '{"answer": 43}'
    predicted = run('{"answer": {{ 6 * 7 }}}', "--check").succeeded()
    assert not host.file("/opt/configured").exists
    first = run('{"answer": {{ 6 * 7 }}}').succeeded()
    assert diffs(predicted) == diffs(first)
    name = "$CONFIGURATION_DIRECTORY/conf/app.json"
    added = {"before_header": name, "after_header": name, "before": "", "after": one}
    assert added in diffs(first)
    assert read() == one

    path = "/opt/configured/current/etc/conf/app.json"
    assert host.check_output(f"stat --dereference --format '%U:%G %a' {path}") == (
        "root:configured 640"
    )
    assert as_user(host, "configured", f"open({path!r})").rc == 0
    assert as_user(host, "configured", f"open({path!r}, 'a')").rc != 0
    assert as_user(host, "nobody", f"open({path!r})").rc != 0

    main = service("configured")
    before = main.pid
    assert run(one).changed == []
    assert main.pid == before
    changed = run(two).succeeded()
    assert {**added, "before": one, "after": two} in diffs(changed)
    assert (main.pid != before, read()) == (True, two)

    assert "the configuration is bad" in run('{"bad": true}').message
    assert (host.check_output(f"cat {path}"), read()) == (two, two)
    role = {"name": "python_service", "tasks_from": "rollback"}
    tasks = [{"ansible.builtin.include_role": role}]
    player.play(tasks, python_service_name="configured").succeeded()
    assert (host.check_output(f"cat {path}"), read()) == (one, one)
