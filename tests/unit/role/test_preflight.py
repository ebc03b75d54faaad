"""What stands in the way of a deploy, each with what to do about it."""

from __future__ import annotations

import functools
import glob
import os
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lab.fake import FakeHost, Program, make_release

from python_service.module_utils.python_service.host import preflight, reach, record
from python_service.module_utils.python_service.host.decide import Desired
from python_service.module_utils.python_service.host.lock import locked
from python_service.module_utils.python_service.host.preflight import Needs, look
from python_service.module_utils.python_service.host.programs import run
from python_service.module_utils.python_service.host.trust import weakness
from python_service.module_utils.python_service.model import PARTS, Release

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="looks for who owns directories")


@pytest.fixture(autouse=True)
def trusted_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter of these tests, wherever somebody has cloned the project to."""
    monkeypatch.setattr(
        preflight,
        "weakness",
        lambda path, host="/": None if path == sys.executable else weakness(path, host),
    )
    monkeypatch.setattr(preflight, "barrier", lambda *_: None)


@pytest.fixture
def release(host: FakeHost) -> Release:
    os.chmod(os.path.dirname(host.root), 0o755)
    os.chmod(host.root, 0o755)
    return make_release(host, "demo", Program())


def found(
    host: FakeHost,
    release: Release,
    *,
    root: str = "/opt",
    user: str = "demo",
    parts: Sequence[str] = PARTS,
    **needs: Any,
) -> dict[str, Any]:
    desired = Desired.of(release, started=True, enabled=True, keep=5)
    desired = replace(desired, accounts=(("group", "demo"), ("user", user)), parts=parts)
    wanted = Needs(**{"python": sys.executable, **needs})
    return look(host.layout("demo")._replace(root=root), desired, wanted, host.machine)


def with_program(release: Release, program: str) -> Release:
    """The release, whose main process runs this program."""
    main, *others = release.processes
    return replace(release, processes=(replace(main, program=program), *others))


def problem(host: FakeHost, release: Release, **options: Any) -> str:
    (only,) = found(host, release, **options)["problems"]
    return str(only)


def test_a_host_that_never_saw_the_service_needs_all_of_it(
    host: FakeHost, release: Release
) -> None:
    answer = found(host, release)
    assert answer["problems"] == answer["complaints"] == []
    assert answer["python"]["version"] == sys.version_info[:3]
    assert answer["python"]["extension"] == sysconfig.get_config_var("EXT_SUFFIX")
    assert answer["lacks_venv"]
    steps = answer["outcome"]["steps"]
    assert steps[:4] == ["claim", "make group demo", "make user demo", f"stage {release.id}"]
    assert "changes" not in answer


def test_what_was_not_staged_cannot_be_activated_but_in_check_mode(
    host: FakeHost, release: Release
) -> None:
    words = f"release {release.id} of demo is not staged on this host; include the role with"
    assert problem(host, release, parts=PARTS[2:], done=True).startswith(words)
    predicted = found(host, release, parts=PARTS[2:])["outcome"]["steps"]
    assert predicted == found(host, release)["outcome"]["steps"][4:]


def test_a_host_that_has_it_needs_nothing_and_is_asked_nothing_more(
    host: FakeHost, release: Release
) -> None:
    host.deploy(release)
    answer = found(host, release, python="/not/there", files={"app": {}})
    assert answer["problems"] == []
    assert (answer["outcome"]["steps"], answer["python"]) == ([], None)
    assert "lacks_venv" not in answer
    assert answer["changes"]["app"]["removed"] == ["main.py"]


def test_a_release_alone_is_lacking_where_another_has_its_venv(
    host: FakeHost, release: Release
) -> None:
    host.deploy(release)
    other = make_release(host, "demo", Program(), source="2")
    assert found(host, other)["lacks_venv"] is False


def test_a_host_without_systemd(host: FakeHost, release: Release) -> None:
    host.systemd.is_running = lambda: False  # type: ignore[method-assign]
    assert "was not booted with systemd" in problem(host, release)


def test_an_old_systemd(host: FakeHost, release: Release) -> None:
    host.systemd.version = lambda: 246  # type: ignore[method-assign]
    assert problem(host, release) == "the host has systemd 246; the role needs 247 or newer"


def test_somebody_at_work(host: FakeHost, release: Release) -> None:
    with locked(host.layout("demo"), "eve@there"):
        assert "demo is being changed by eve@there" in problem(host, release)


def test_root_as_the_account(host: FakeHost, release: Release) -> None:
    assert problem(host, release, user="root").startswith("python_service_user: root could write")


def test_a_program_that_the_host_lacks(host: FakeHost, release: Release) -> None:
    lacks = with_program(release, "/not/there")
    assert "python_service_command: /not/there is not a program" in problem(host, lacks)
    assert found(host, with_program(release, "/bin/sh"))["problems"] == []


def test_a_program_of_a_further_process_that_the_host_lacks(host: FakeHost) -> None:
    release = make_release(host, "demo", Program(), Program(name="worker"))
    main, worker = release.processes
    lacks = replace(release, processes=(main, replace(worker, program="/not/there")))
    assert "python_service_processes.worker.command: /not/there is not" in problem(host, lacks)


def test_a_schedule_that_systemd_does_not_understand(host: FakeHost) -> None:
    job = Program(name="job", type="oneshot", timer="nonsense", stays=False)
    release = make_release(host, "demo", Program(), job)
    words = "\n".join(found(host, release)["problems"])
    assert "python_service_processes.job.schedule: Failed to parse calendar expression" in words


def test_a_program_that_the_account_cannot_execute(
    host: FakeHost, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir(mode=0o700)
    program = tmp_path / "bin" / "serve"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    real = functools.partial(reach.barrier, host=f"{tmp_path}/bin")
    monkeypatch.setattr(preflight, "barrier", real)
    release = with_program(release, str(program))
    words = problem(host, release)
    assert words.startswith(
        f"python_service_command: {program} cannot be executed by the service's account demo: it "
        f"may not enter {tmp_path}/bin (drwx------ root:root); "
    )
    # Its own group is root's here.
    (tmp_path / "bin").chmod(0o750)
    host.accounts.made |= {("group", "demo"), ("user", "demo")}
    assert found(host, release)["problems"] == []


def test_a_unit_that_systemd_refuses(host: FakeHost, release: Release) -> None:
    bad = make_release(host, "demo", Program("nonsense"))
    words = problem(host, bad)
    assert words.startswith("systemd refuses the unit; correct python_service_unit_options")
    assert words.endswith("  demo.service: nonsense")


def test_what_the_host_does_not_know_is_no_reason_for_a_refusal(
    host: FakeHost, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host.systemd, "version", lambda: 247)
    unit = release.units["demo.service"] + "PrivateIPC=yes\n"
    release = replace(release, units={"demo.service": unit})
    said = ["demo.service:9: Unknown key name 'PrivateIPC' in section", "demo.service: nonsense"]
    monkeypatch.setattr(host.systemd, "verify", lambda _units: (said, []))
    assert problem(host, release).splitlines()[1:] == ["  demo.service: nonsense"]


class TestNames:
    """What bears the name of the service and is somebody else's."""

    @pytest.mark.parametrize("which", ["base", "data"])
    def test_a_directory(self, host: FakeHost, release: Release, which: str) -> None:
        layout = host.layout("demo")
        path = Path(layout.base if which == "base" else layout.data[1])
        path.mkdir(parents=True)
        assert found(host, release)["problems"] == []  # an empty one is nobody's
        (path / "file").touch()
        words = f"python_service_name: {path} exists and was not made by this role"
        assert problem(host, release).startswith(words)

    def test_data_that_was_given_to_the_account_before_is_taken_over(
        self, host: FakeHost, release: Release
    ) -> None:
        path = Path(host.layout("demo").data[0])
        (path / "deep").mkdir(parents=True)
        (path / "deep" / "backup").touch()
        words = problem(host, release)
        assert words.startswith(f"python_service_name: {path} exists and was not made by this role")
        assert words.endswith(f"chown -R demo:demo {path}")
        host.accounts.made |= {("user", "demo"), ("group", "demo")}
        assert found(host, release)["problems"] == []
        os.chown(path / "deep" / "backup", 65534, -1)
        assert f"and {path}/deep/backup is not demo's" in problem(host, release)
        os.chown(path / "deep" / "backup", 0, 65534)
        assert found(host, release)["problems"] == []

    def test_data_of_which_systemd_would_change_the_group_is_refused(
        self, host: FakeHost, release: Release
    ) -> None:
        host.accounts.made |= {("user", "demo"), ("group", "demo")}
        path = Path(host.layout("demo").data[0])
        path.mkdir(parents=True)
        (path / "backup").touch()
        os.chown(path, -1, 65534)
        assert f"and {path} is not demo's" in problem(host, release)

    def test_data_behind_a_link_is_refused(self, host: FakeHost, release: Release) -> None:
        host.accounts.made |= {("user", "demo"), ("group", "demo")}
        path = Path(host.layout("demo").data[0])
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "elsewhere").mkdir()
        (path.parent / "elsewhere" / "backup").touch()
        path.symlink_to("elsewhere")
        assert f"and {path} is not demo's" in problem(host, release)

    @pytest.fixture
    def with_sockets(self, release: Release) -> Release:
        units = {"demo.service": release.units["demo.service"] + "RuntimeDirectory=demo\n"}
        return replace(release, units=units)

    def test_a_directory_in_run(self, host: FakeHost, with_sockets: Release) -> None:
        path = Path(host.layout("demo").sockets)
        path.mkdir(parents=True)
        words = problem(host, with_sockets)
        assert words.startswith(f"python_service_name: {path} exists and was not made by this role")
        assert "write another RuntimeDirectory into python_service_unit_options" in words

    def test_a_directory_in_run_that_the_service_does_not_want(
        self, host: FakeHost, release: Release
    ) -> None:
        Path(host.layout("demo").sockets).mkdir(parents=True)
        assert found(host, release)["problems"] == []

    def test_a_directory_in_run_of_the_account(self, host: FakeHost, with_sockets: Release) -> None:
        Path(host.layout("demo").sockets).mkdir(parents=True)
        host.accounts.made.add(("user", "demo"))
        assert found(host, with_sockets)["problems"] == []

    def test_a_directory_in_run_that_systemd_makes_for_the_service(
        self, host: FakeHost, with_sockets: Release
    ) -> None:
        host.deploy(with_sockets)
        path = Path(host.layout("demo").sockets)
        path.mkdir(parents=True)
        os.chown(path, 65534, -1)
        assert found(host, with_sockets)["problems"] == []

    def test_a_unit_of_the_administrators(self, host: FakeHost, release: Release) -> None:
        path = Path(host.layout("demo").unit("demo.service"))
        path.write_text("[Service]\n")
        assert f"the host has a demo.service that this role did not make, {path}" in problem(
            host, release
        )

    def test_a_script_of_the_administrators(self, host: FakeHost, release: Release) -> None:
        host.deploy(release)
        path = Path(host.layout("demo").run)
        path.write_text("#!/bin/sh\n")
        assert problem(host, release) == (
            "python_service_name: the host has a run that this role did not make, "
            f"{path}; take another name, or move it away"
        )

    def test_a_unit_of_the_distributions(self, host: FakeHost, release: Release) -> None:
        path = Path(host.root, "run/systemd/system/demo.service")
        path.write_text("[Service]\n")
        assert f"the host has a demo.service that this role did not make, {path}" in problem(
            host, release
        )

    def test_a_unit_that_was_masked(self, host: FakeHost, release: Release) -> None:
        os.symlink("/dev/null", host.layout("demo").unit("demo.service"))
        assert "the host has a demo.service that this role did not make" in problem(host, release)

    def test_a_unit_of_another_service_of_the_role(self, host: FakeHost, release: Release) -> None:
        host.deploy(make_release(host, "demo-web", Program()))
        both = make_release(host, "demo", Program(), Program(name="web"))
        assert problem(host, both).startswith(
            "python_service_processes: the host has a demo-web.service of the service demo-web;"
        )

    def test_a_current_that_is_no_link(self, host: FakeHost, release: Release) -> None:
        host.deploy(release)
        path = Path(host.layout("demo").current)
        path.unlink()
        path.mkdir()
        assert f"{path} is not a link; remove it" in problem(host, release)

    def test_the_service_itself_in_another_place(self, host: FakeHost, release: Release) -> None:
        host.deploy(release)
        assert "demo is in /opt on this host" in problem(host, release, root="/srv")

    def test_a_record_of_nothing_in_another_place_is_no_matter(
        self, host: FakeHost, release: Release
    ) -> None:
        record.claim(host.layout("demo"), [])
        assert found(host, with_program(release, "/bin/sh"), root="/srv")["problems"] == []


class TestRoot:
    """Where the service's code is to lie."""

    def test_a_directory_that_others_can_write(self, host: FakeHost, release: Release) -> None:
        path = Path(host.root, "opt")
        path.mkdir(mode=0o755)
        path.chmod(0o777)
        assert f"python_service_root: {path} can be written by others" in problem(host, release)

    def test_a_directory_of_somebody_else(self, host: FakeHost, release: Release) -> None:
        path = Path(host.root, "opt")
        path.mkdir(mode=0o755)
        os.chown(path, 65534, -1)
        assert f"python_service_root: {path} can be written by others" in problem(host, release)

    @pytest.mark.parametrize("kind", ["file", "link"])
    def test_what_is_no_directory(self, host: FakeHost, release: Release, kind: str) -> None:
        path = Path(host.root, "opt")
        path.touch() if kind == "file" else path.symlink_to("/srv")
        assert f"python_service_root: {path} is not a directory" in problem(host, release)


class TestPython:
    """The interpreter that venvs are made from."""

    @pytest.fixture
    def directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        # Everybody may write above where tests make their files.
        monkeypatch.setattr(
            preflight, "weakness", lambda path, host=str(tmp_path): weakness(path, host)
        )
        return tmp_path

    def python(self, directory: Path, script: str) -> str:
        path = directory / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    def test_packages_that_it_has_are_not_run(
        self, host: FakeHost, release: Release, directory: Path
    ) -> None:
        """As those of another service, whose virtual environment it is of."""
        run(
            [
                os.path.realpath(sys.executable),
                "-I",
                "-m",
                "venv",
                "--without-pip",
                str(directory / "venv"),
            ]
        )
        (packages,) = (directory / "venv" / "lib").glob("python3*/site-packages")
        (packages / "tell.pth").write_text(f"import os; os.mkdir({str(directory / 'ran')!r})\n")
        answer = found(host, release, python=f"{directory}/venv/bin/python")
        assert answer["python"]["version"] == sys.version_info[:3]
        assert not (directory / "ran").exists()

    def test_one_that_others_could_change_is_not_run(
        self, host: FakeHost, release: Release, directory: Path
    ) -> None:
        python = self.python(directory, f"touch {directory}/ran; echo 3 12 0 .so")
        os.chown(python, 65534, -1)
        words = problem(host, release, python=python)
        assert words.startswith(f"python_service_python: root would run {python}, and {python} can")
        assert not (directory / "ran").exists()

    def test_one_that_is_not_there(self, host: FakeHost, release: Release) -> None:
        words = problem(host, release, python="/not/there")
        assert words.startswith("python_service_python: /not/there cannot be run on this host (No")

    def test_the_others_of_the_host_are_named(
        self, host: FakeHost, release: Release, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        both = ["/usr/bin/python3.9", "/usr/bin/python3.11"]
        monkeypatch.setattr(glob, "glob", lambda pattern: both if "/usr/bin" in pattern else [])
        assert "write /usr/bin/python3.11 or /usr/bin/python3.9" in problem(
            host, release, python="/no"
        )
        monkeypatch.setattr(glob, "glob", lambda _: [])
        assert "write the path of a Python that you install" in problem(host, release, python="/no")

    def test_one_that_cannot_make_venvs(
        self, host: FakeHost, release: Release, directory: Path
    ) -> None:
        python = self.python(directory, "echo No module named venv >&2; exit 1")
        words = problem(host, release, python=python)
        assert words.endswith("cannot make virtual environments: No module named venv")

    def test_what_is_none(self, host: FakeHost, release: Release, directory: Path) -> None:
        words = problem(host, release, python=self.python(directory, "echo hello"))
        assert words.endswith("cannot make virtual environments: it is not a Python")

    def test_an_old_one(self, host: FakeHost, release: Release, directory: Path) -> None:
        words = problem(host, release, python=self.python(directory, "echo 3 8 10 .so"))
        assert words.endswith("is Python 3.8.10; name one that is 3.9 or newer")

    @pytest.mark.parametrize("closed", ["packages", "lib", "bin", "."])
    def test_one_that_the_account_cannot_execute(
        self,
        host: FakeHost,
        release: Release,
        directory: Path,
        monkeypatch: pytest.MonkeyPatch,
        closed: str,
    ) -> None:
        """As one of uv's below root's home: it can be closed itself, its libraries or its modules."""
        prefix = directory / "cpython-3.12"
        for name in ("bin", "lib", "packages"):
            (prefix / name).mkdir(parents=True)
        files = [prefix / "lib" / "libpython.so", prefix / "packages" / "venv.py"]
        for file in files:
            file.touch()
        (directory / "python").symlink_to("cpython-3.12/bin/python")
        # It is asked for its version, and for files that it has in use.
        told = "\n".join(map(str, files))
        script = f"case $4 in *maps*) echo '{told}' ;; *) echo 3 12 0 .so ;; esac"
        self.python(prefix / "bin", script)
        real = functools.partial(reach.barrier, host=str(directory / "cpython"))
        monkeypatch.setattr(preflight, "barrier", real)
        python = str(directory / "python")
        assert found(host, release, python=python)["problems"] == []
        (prefix / closed).chmod(0o700)
        words = problem(host, release, python=python)
        assert words.startswith(
            f"python_service_python: {python} cannot be executed by the service's account demo: "
            f"it may not enter {prefix / closed} (drwx------ root:root); install one "
        )
        assert "UV_PYTHON_INSTALL_DIR=/opt/python uv python install, " in words
