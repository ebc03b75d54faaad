"""Commands that people run in the current release: what they have, on pipes and terminals, and how long it stays."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import termios
from collections.abc import Callable

import pytest
from lab import PROJECT
from lab.deploys import Player, Service, make_wheel
from lab.playbooks import Run
from lab.wheels import SERVICES
from testinfra.host import Host

#: Two that can do little, with systemds that know little, and one that can do all.
HOSTS = ("debian-11", "debian-12", "debian-testing-full")
RUN = "/opt/ran/run"
#: Seconds. It guards against hanging alone.
_PATIENCE = 120
ODD = [
    "$HOME",
    "a${HOME}$$b$",
    "%n %%",
    'it\'s "so"',
    "",
    "two\nlines",
    "\\n\\",
    " ü☃ ",
    "\x01",
    "-x",
]
Deploy = Callable[..., Run]


@pytest.fixture(scope="module")
def deploy(host: Host, module_player: Player, tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """Deploys versions of the service, of which the first is there."""
    source = tmp_path_factory.mktemp("source") / "ran"
    shutil.copytree(SERVICES / "ran", source)
    wheels = tmp_path_factory.mktemp("wheels")
    more = {"greeting.py": "def main():\n    print('hello')\n"}
    make_wheel(wheels, "1.0", more=more)

    def deploy(version: str) -> Run:
        (source / "version").write_text(version)
        return module_player.role(
            name="ran",
            src=str(source),
            command="python main.py",
            settle=1,
            requirements=["greeting==1.0"],
            wheelhouse=str(wheels),
            environment={"OWN": "its own: 100 % $HOME"},
            secrets={"KEY": "kept"},
            keep_releases=1,
        ).succeeded()

    deploy("1")
    return deploy


def start(host_name: str, *words: str) -> subprocess.Popen[bytes]:
    """Start a command whose standard input, output and errors are pipes."""
    command = ["docker", "exec", "--interactive", host_name, *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)


def run(host_name: str, *words: str, given: bytes = b"") -> tuple[int, bytes, bytes]:
    """Exit status, output and errors of a command that is given something."""
    process = start(host_name, RUN, *words)
    said, complained = process.communicate(given, timeout=_PATIENCE)
    return process.returncode, said, complained


def commands(host: Host) -> list[str]:
    """Units of commands that run."""
    listed = host.check_output("systemctl list-units --all --no-legend --plain 'ran.run-*'")
    return [line.split()[0] for line in listed.splitlines()]


@pytest.mark.usefixtures("deploy")
def test_a_command_has_what_the_service_has_and_no_more(host: Host, host_name: str) -> None:
    has = json.loads(host.check_output("cat /var/lib/ran/told"))
    status, said, complained = run(host_name, "python", "look.py")
    assert (status, complained) == (0, b"")
    assert json.loads(said) == has
    assert (has["account"], has["secret"]) == ("ran", "kept")
    assert has["writable"] == ["/tmp", "/var/lib/ran"]
    # A console script; what people call with a path; what is no program of the environment.
    assert run(host_name, "greeting-serve") == (0, b"hello\n", b"")
    assert run(host_name, "sh", "-c", "echo $OWN") == (0, b"its own: 100 % $HOME\n", b"")
    assert host.file("/run/ran").exists  # what ends takes nothing of the service away


@pytest.mark.usefixtures("deploy")
def test_what_goes_through_pipes_arrives_as_it_is(host: Host, host_name: str) -> None:
    data = os.urandom(1 << 20)
    assert run(host_name, "cat", given=data) == (0, data, b"")
    echo = "import json, sys; print(json.dumps(sys.argv[1:]))"
    status, said, _ = run(host_name, "python", "-c", echo, *ODD)
    assert (status, json.loads(said)) == (0, ODD)
    both = "import sys; print('said'); print('complained', file=sys.stderr); sys.exit(7)"
    assert run(host_name, "python", "-c", both) == (7, b"said\n", b"complained\n")
    for words, status in (
        (["sh", "-c", "kill -KILL $$"], 137),
        (["sh", "-c", "kill -TERM $$"], 143),
        (["absent"], 127),
        ([], 2),
    ):
        assert run(host_name, *words)[0] == status, words
    assert commands(host) == []


@pytest.mark.usefixtures("deploy")
def test_root_alone_runs_commands(host: Host) -> None:
    refused = host.run(f"runuser -u nobody -- {RUN} true")
    assert (refused.rc, refused.stdout) == (126, "")
    assert refused.stderr == f"only root can run commands of ran: sudo {RUN} COMMAND\n"


@pytest.mark.usefixtures("deploy")
def test_nothing_is_run_without_what_confines_it(host: Host, host_name: str) -> None:
    kept = "/etc/systemd/system/ran.run-.service.d"
    host.check_output(f"mv {kept} /root/kept && systemctl daemon-reload")
    status, said, complained = run(host_name, "id")
    host.check_output(f"mv /root/kept {kept} && systemctl daemon-reload")
    assert (status, said) == (126, b"")
    assert complained == b"ran has no release on this host; deploy it\n"


WAITS = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
print("waits", flush=True)
sys.stdin.read()
"""


@pytest.mark.usefixtures("deploy")
@pytest.mark.parametrize(("name", "status"), [("TERM", 5), ("INT", 130), ("HUP", 129)])
def test_a_signal_reaches_the_command(host: Host, host_name: str, name: str, status: int) -> None:
    with start(host_name, "sh", "-c", f'echo $$; exec {RUN} python -c "$0"', WAITS) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        assert process.stdout.readline() == b"waits\n"
        host.check_output(f"kill -{name} {pid}")
        assert process.wait(_PATIENCE) == status
    assert commands(host) == []


@pytest.mark.usefixtures("deploy")
def test_a_command_ends_with_whoever_called_it(
    host: Host, host_name: str, service: Callable[[str], Service]
) -> None:
    with start(host_name, "sh", "-c", f'echo $$; exec {RUN} python -c "$0"', WAITS) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        assert process.stdout.readline() == b"waits\n"
        host.check_output(f"kill -KILL {pid}")
        service("ran").eventually(lambda: not commands(host))


@pytest.mark.usefixtures("deploy")
def test_a_terminal_is_the_commands(host: Host, host_name: str) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("docker", ["docker", "exec", "-it", host_name, RUN, "./manage.py"])
    said = b""

    def resize(columns: int, lines: int) -> None:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(words: bytes) -> None:
        nonlocal said
        while words not in said:
            said += os.read(terminal, 65536)

    until(b"terminal True True True\r\n")
    until(b"size ")
    resize(111, 33)
    until(b"size 111 33\r\n")
    resize(99, 40)
    until(b"size 99 40\r\n")
    os.write(terminal, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    os.close(terminal)
    assert commands(host) == []


def test_an_upgrade_leaves_the_release_of_a_command_until_it_ends(
    host: Host, host_name: str, deploy: Deploy
) -> None:
    app = run(host_name, "pwd")[1].decode().strip()
    with start(host_name, RUN, "sh", "-c", "pwd; read word; cat version; read word") as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline().decode().strip() == app
        # The release before is there to go back to, the one before that is not.
        deploy("2")
        deploy("3")
        process.stdin.write(b"go on\n")
        process.stdin.flush()
        assert process.stdout.read(1) == b"1"
        assert run(host_name, "cat", "version") == (0, b"3", b"")
    deploy("3")
    assert not host.file(app).exists


def test_the_playbook_runs_a_command_on_all_hosts(deploy: Deploy, player: Player) -> None:
    group = player.in_group("python_service")

    def play(command: str, *options: str) -> Run:
        given = json.dumps({"python_service_name": "ran", "python_service_run": command})
        return group.playbook(PROJECT / "playbooks" / "run.yml", "--extra-vars", given, *options)

    ran = play("python -c \"print('$HOME', 1 + 1)\"").succeeded()
    assert ["$HOME 2"] in [result.get("msg") for _, result in ran.tasks]
    failed = play("python -c 'import sys; sys.exit(\"no good\")'")
    assert '"rc": 1' in failed.output
    assert "no good" in failed.output
    play("touch /var/lib/ran/touched", "--check").succeeded()
    assert run(group.host, "ls", "/var/lib/ran/touched")[0] == 2


def test_a_removal_ends_commands_and_leaves_nothing_of_them(
    host: Host, host_name: str, deploy: Deploy, module_player: Player
) -> None:
    with start(host_name, RUN, "python", "-c", WAITS) as process:
        assert process.stdout
        assert process.stdout.readline() == b"waits\n"
        check = module_player.role(
            "--check", "--diff", name="ran", state="absent", remove_data=True
        )
        assert RUN in check.succeeded().output
        module_player.role(name="ran", state="absent", remove_data=True).succeeded()
        assert process.wait(_PATIENCE) == 5
    assert not host.file("/opt/ran").exists
    assert host.check_output("ls -d /etc/systemd/system/ran* 2>/dev/null || true") == ""
