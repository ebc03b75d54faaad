"""Programs, packages and hosts that mean harm or are broken: root does nothing for them, and all goes back."""

from __future__ import annotations

import functools
import textwrap
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from lab.deploys import Run, Versioned, make_wheel, prefixed, role_task
from testinfra.host import Host

HOST = "debian-12"

#: Tells who runs it, wherever everybody may write.
TELL = "import os; open(f'{marks}/{{os.getuid()}}', 'a').close()"
#: A build system that comes with the project that it builds.
BACKEND = """
import os, zipfile
{tell}
def build_wheel(directory, *_):
    name = "own-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.writestr("own.py", "")
        wheel.writestr("own-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: own\\nVersion: 1.0\\n")
        wheel.writestr("own-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("own-1.0.dist-info/RECORD", "")
    return name
"""
#: Puts a link to a file of root's among the wheels that root copies, where pip was told to make them.
LINKS = """
import contextlib, glob, os
for path in glob.glob("/proc/[0-9]*/cmdline"):
    with contextlib.suppress(OSError):
        words = open(path).read().split(chr(0))
        wheels = words[words.index("--wheel-dir") + 1] if "--wheel-dir" in words else ""
        if wheels.startswith(os.environ["HOME"]):
            os.makedirs(wheels, exist_ok=True)
            os.symlink("{secret}", wheels + "/stolen-1.0-py3-none-any.whl")
"""
PROJECT = """
[project]
name = "own"
version = "1.0"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    path = tmp_path / "wheelhouse"
    path.mkdir()
    return path


def deploy_program(versioned: Versioned, program: str, **changes: Any) -> Run:
    """Deploy a bad version, with a program that begins with these lines."""
    versioned.write("bad")
    main = versioned.source / "main.py"
    main.write_text(textwrap.dedent(program) + main.read_text())
    return versioned.player.role(**versioned.variables(**changes))


def expect_safe(text: str) -> None:
    """Nothing in it steers a terminal."""
    kinds = {unicodedata.category(character) for character in text if character not in "\n\t"}
    assert not kinds & {"Cc", "Cf", "Cs", "Co"}


class TestWhatPackagesBring:
    """It is run while it is built and whenever an interpreter starts, and never by root."""

    @pytest.fixture
    def marks(self, host: Host, versioned: Versioned) -> str:
        path = f"/var/tmp/{versioned.service.name}"
        host.check_output(f"install -d -m 1777 {path}")
        return path

    def test_a_package_and_a_build_system_that_tell_who_runs_them(
        self, host: Host, versioned: Versioned, wheelhouse: Path, marks: str
    ) -> None:
        tell = TELL.format(marks=marks)
        make_wheel(wheelhouse, "1.0", more={"tell.pth": f"{tell}\n"})
        (versioned.source / "pyproject.toml").write_text(PROJECT)
        (versioned.source / "backend.py").write_text(BACKEND.format(tell=tell))
        given = {"requirements": ["greeting"], "wheelhouse": str(wheelhouse)}
        for version, options in (("one", []), ("two", []), ("two", []), ("three", ["--check"])):
            versioned.deploy(version, *options, **given).succeeded()
        # As root looks at what was damaged by hand, as well.
        host.check_output(f"rm /opt/{versioned.service.name}/environments/*/environment.json")
        versioned.deploy("two", **given).succeeded()
        users = host.check_output(f"ls {marks}").split()
        account = host.check_output(f"id -u {versioned.service.name}")
        assert versioned.serves() == "two"
        assert "0" not in users
        assert [user for user in users if user != account], "the build told nothing"

    def test_a_build_system_that_plants_a_link(
        self, host: Host, versioned: Versioned, wheelhouse: Path
    ) -> None:
        versioned.deploy("one").succeeded()
        secret = f"/root/{versioned.service.name}"
        host.check_output(f"umask 077; echo s3cret > {secret}")
        make_wheel(wheelhouse, "1.0")
        (versioned.source / "pyproject.toml").write_text(PROJECT)
        (versioned.source / "backend.py").write_text(
            BACKEND.format(tell=LINKS.format(secret=secret))
        )
        run = versioned.deploy("two", wheelhouse=str(wheelhouse))
        assert "not its own: " in run.message
        assert "s3cret" not in run.output
        assert (
            host.run(f"grep -rq s3cret /opt/{versioned.service.name} /opt/python_service.d").rc == 1
        )
        assert versioned.serves() == "one"


class TestWhatAProgramSays:
    """Its words reach a terminal as text, and in a size that a person reads."""

    def test_escape_sequences_and_an_entry_of_a_hundred_thousand_lines(
        self, host: Host, versioned: Versioned
    ) -> None:
        program = r"""
            import logging, systemd_handler
            handler = systemd_handler.NativeHandler()
            log = logging.Logger("attack")
            log.addHandler(handler)
            log.error("\x1b]0;title\x07\x1b[2J\x1b]52;c;Y2xpcGJvYXJk\x07\u202e")
            log.error("\n".join(["line"] * 100_000))
            log.error("https://user:s3cret@index.example/simple is away")
            raise SystemExit(1)
            """
        run = deploy_program(versioned, program)
        assert "\\x1b]0;title" in run.message
        assert len(run.message.encode()) <= 20 * 1024
        expect_safe(run.message)
        assert "s3cret" not in run.output
        (line,) = host.check_output(f"cat /opt/{versioned.service.name}/history.jsonl").splitlines()
        assert len(line) <= 30 * 1024

    def test_one_that_prints_on_and_on(self, versioned: Versioned) -> None:
        versioned.deploy("good").succeeded()
        program = """
            import threading
            def flood():
                while True:
                    print("x" * 2000, flush=True)
            threading.Thread(target=flood, daemon=True).start()
            """
        url = f"http://127.0.0.1:{versioned.variables()['environment']['PORT']}/"
        health = {"url": url, "timeout": 3}
        run = deploy_program(versioned, program, health=health, environment={"STATUS": "500"})
        assert "is up, but not healthy" in run.message
        assert "xxx" in run.message
        assert versioned.serves() == "good"


class TestAnswers:
    """A health check is answered by whatever the program says."""

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            ("sock.sendall(b'220 mail ready\\x1b[2J\\r\\n')", "220 mail ready\\x1b[2J"),
            ("[(sock.sendall(b'HTTP/1.0 200 '), time.sleep(.3)) for _ in iter(int, 1)]", "within"),
        ],
        ids=["no HTTP", "drop by drop"],
    )
    def test_which_is_no_answer(self, versioned: Versioned, answer: str, words: str) -> None:
        versioned.deploy("good").succeeded()
        program = f"""
            import os, socket, time, systemd_handler
            server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
            systemd_handler.notify(READY=1)
            while True:
                sock, _ = server.accept()
                try: {answer}
                except OSError: pass
                sock.close()
            """
        url = f"http://127.0.0.1:{versioned.variables()['environment']['PORT']}/"
        # What people look at is gone, and what ran is known all the same.
        versioned.host.check_output(f"rm /opt/{versioned.service.name}/current")
        run = deploy_program(versioned, program, health={"url": url, "timeout": 3})
        assert words in run.message
        expect_safe(run.message)
        assert "runs again" in run.message
        assert versioned.serves() == "good"


class TestUnitsThatSystemdDoesNotStart:
    """What is proven is the invocation that this deploy started, of this release."""

    def test_a_dependency_that_fails(self, host: Host, versioned: Versioned) -> None:
        dependency = f"{versioned.service.name}-database.service"
        text = "[Service]\\nType=oneshot\\nExecStart=/bin/false"
        host.check_output(f"printf '{text}' > /run/systemd/system/{dependency}")
        versioned.deploy("good").succeeded()
        options = {"Unit": {"Requires": dependency, "After": dependency}}
        run = versioned.deploy("bad", unit_options=options)
        assert "ependency" in run.message
        assert "ended by itself" not in run.message
        assert versioned.serves() == "good"
        host.check_output(f"rm /run/systemd/system/{dependency} && systemctl daemon-reload")

    @pytest.mark.parametrize("kind", ["notify", "exec", "oneshot"])
    def test_an_assertion_that_does_not_hold(self, versioned: Versioned, kind: str) -> None:
        run = versioned.deploy(
            "bad", type=kind, unit_options={"Unit": {"AssertPathExists": "/no/such/path"}}
        )
        assert "ssertion" in run.message
        assert "nothing runs" in run.message

    def test_a_condition_that_does_not_hold(self, versioned: Versioned) -> None:
        versioned.deploy("good").succeeded()
        unmet = {"Unit": {"ConditionPathExists": "/no/such/path"}}
        run = versioned.deploy("bad", unit_options=unmet)
        assert "a condition of its unit is not met" in run.message
        assert versioned.serves() == "good"

    def test_a_file_of_variables_that_is_not_there(self, versioned: Versioned) -> None:
        run = versioned.deploy("bad", unit_options={"Service": {"EnvironmentFile": "/no/such"}})
        assert "systemd says" in run.message
        assert "No such file or directory" in run.message


def test_what_is_staged_is_for_root_and_the_services_group(
    host: Host, versioned: Versioned
) -> None:
    secret = versioned.source / "secret.env"
    secret.write_text("password")
    secret.chmod(0o600)
    versioned.deploy("one").succeeded()
    path = f"/opt/{versioned.service.name}/current/app/secret.env"
    assert host.run(f"runuser -u nobody -- cat {path}").rc != 0
    assert host.check_output(f"runuser -u {versioned.service.name} -- cat {path}") == "password"
    assert host.run(f"runuser -u {versioned.service.name} -- touch {path}").rc != 0


def test_whoever_ends_the_step_on_the_host_has_it_go_back(versioned: Versioned) -> None:
    versioned.deploy("good").succeeded()
    versioned.write("bad")
    url = f"http://127.0.0.1:{versioned.variables()['environment']['PORT']}/"
    variables = versioned.variables(
        health={"url": url, "timeout": 600}, environment={"STATUS": "500"}
    )
    started = versioned.player.start(versioned.player.role_playbook(**variables))
    lock = f"/run/python_service/{versioned.service.name}.lock"
    holder = f"for fd in /proc/[0-9]*/fd/*; do [ $fd -ef {lock} ] && echo $fd | cut -d/ -f3; done"
    versioned.service.eventually(lambda: one_of(versioned, ["bad"]))
    versioned.host.check_output(f"kill -TERM $({holder})")
    output, _ = started.communicate()
    assert "it was ended by SIGTERM" in output
    assert versioned.serves() == "good"


#: Stands before systemctl in the PATH, and does once what the file of a verb's name says.
SYSTEMCTL = """\
#!/bin/sh
cd {directory}/verbs
for word; do
    if [ -f "$word" ]; then act=$(cat "$word"); rm "$word"; eval "$act"; fi
done
exec /usr/bin/systemctl "$@"
"""
FAILS, KILLS = "echo injected >&2; exit 1", "kill -9 $PPID"


def test_calls_of_systemctl_that_are_lost(host: Host, versioned: Versioned) -> None:
    """As each thing that a deploy does is in the unit tests; here on a real host."""
    directory = f"/run/{versioned.service.name}-faults"
    script = SYSTEMCTL.format(directory=directory)
    host.check_output(
        f"mkdir -p {directory}/verbs && printf '%s' '{script}' > {directory}/systemctl && "
        f"chmod 755 {directory}/systemctl"
    )
    path = f"{directory}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
    versioned.deploy("good").succeeded()
    served = "good"
    for verb in ("daemon-reload", "restart"):
        for act in (FAILS, KILLS):
            new = f"{verb}-{len(act)}"
            host.check_output(f"echo '{act}' > {directory}/verbs/{verb}")
            versioned.write(new)
            run = versioned.player.play(
                [{"block": [role_task()], "environment": {"PATH": path}}],
                **prefixed(versioned.variables()),
            )
            assert host.check_output(f"ls {directory}/verbs") == ""
            assert run.status != 0
            assert act == KILLS or "injected" in run.message
            expected = [served, new] if act == KILLS else [served]
            served = versioned.service.eventually(functools.partial(one_of, versioned, expected))
    versioned.deploy("better").succeeded()
    assert versioned.serves() == "better"


def one_of(versioned: Versioned, versions: list[str]) -> str | None:
    """The version that is served if it is one of these; a restart may be under way."""
    try:
        found = versioned.serves()
    except ConnectionError:
        return None
    return found if found in versions else None
