"""A release and its venv are put on a host, each whole or not at all; pip is a stand-in."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from lab.fake import FakeAccounts, ourselves

from python_service.module_utils.python_service.archive import pack
from python_service.module_utils.python_service.controller.configuration import source_of
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import builder, python, venv
from python_service.module_utils.python_service.host.releases import read_release
from python_service.module_utils.python_service.host.staging import stage
from python_service.module_utils.python_service.layout import Layout
from python_service.module_utils.python_service.model import Prepared, Process, Release, Venv
from python_service.module_utils.python_service.source import scan

ID, VENV = "0123456789ab", "ba9876543210"
#: The host's, which only root can change, wherever these tests lie.
PYTHON = os.path.realpath(sys.executable)
#: What is called as pip; what it was told lies beside the host. It makes the wheels that it is told to.
PIP = """
import json, os, sys, zipfile
with open({calls!r}, "a") as file:
    told = [sys.argv[1:], os.environ.get("PIP_CONFIG_FILE")]
    file.write(json.dumps(told) + "\\n")
wheels = sys.argv[sys.argv.index("--wheel-dir") + 1]
os.makedirs(wheels, exist_ok=True)
PROJECT = "--no-deps" in sys.argv
def wheel(name, **files):
    with zipfile.ZipFile(os.path.join(wheels, name + "-1-py3-none-any.whl"), "w") as file:
        info = name + "-1.dist-info/"
        file.writestr(info + "METADATA", "Name: " + name + "\\nVersion: 1\\nLicense-Expression: MIT\\n")
        file.writestr(info + "WHEEL", "Wheel-Version: 1.0\\n")
        file.writestr(info + "RECORD", "")
        for path, text in files.items():
            file.writestr(path, text)
{does}
"""


class Made:
    """What is sent to a host: the parts of a release."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.layout = Layout("/opt", "demo", str(directory / "host"))
        self.parts = directory / "parts"
        self.calls = directory / "calls"
        self.write("app/main.py", "print()\n")
        self.write("app/broken.py", "(\n")
        self.write("handler/systemd_handler/__init__.py", "")
        self.write("handler/systemd_handler/startup.pth", "\n")
        self.pip()

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        path = self.parts / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def pip(self, does: str = "") -> None:
        self.write("installer/pip/__main__.py", PIP.format(calls=str(self.calls), does=does))

    def release(self, **changes: object) -> Release:
        made_from = Venv(VENV, PYTHON)
        python = os.path.join(self.layout.venv(VENV), "bin", "python")
        found = Release(
            id=ID,
            source=scan(str(self.parts / "app"), may_be_empty=True).digest,
            venv=made_from,
            project=False,
            units={"demo.service": "text\n"},
            processes=(Process("demo.service", program=python, settle=1),),
            origin={},
        )
        return replace(found, **changes)  # type: ignore[arg-type]

    def stage(self, release: Release, etc: Mapping[str, str] = MappingProxyType({})) -> list[str]:
        archive = self.directory / "archive.tar.gz"
        sources = {part.name: scan(str(part), may_be_empty=True) for part in self.parts.iterdir()}
        with archive.open("wb") as file:
            pack(sources, {f"etc/{path}": text for path, text in etc.items()}, file)
        return stage(self.layout, release, str(archive), FakeAccounts())

    def told(self) -> str:
        return self.calls.read_text() if self.calls.exists() else ""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    # Waits for all the disks of the machine that the tests run on.
    monkeypatch.setattr(os, "sync", lambda: None)
    monkeypatch.setattr(builder, "_free_number", ourselves)
    umask = os.umask(0o077)
    yield Made(tmp_path)
    os.umask(umask)


def test_a_release_is_whole_and_for_its_service_alone_to_read(made: Made) -> None:
    made.write("app/secret", "s3cret\n", 0o600)
    made.stage(made.release(units={"demo.service": "Group=demo\n"}))
    layout = made.layout
    assert read_release(layout, ID)
    assert venv.is_whole(layout, VENV)
    assert sorted(os.listdir(layout.base)) == ["environments", "releases"]
    for directory in (layout.releases, layout.venvs):
        assert stat.filemode(os.stat(directory).st_mode) == "drwxr-xr-x"
    for directory in (layout.release(ID), layout.venv(VENV)):
        assert stat.filemode(os.stat(directory).st_mode) == "drwxr-x---"
        for path in Path(directory).rglob("*"):
            if not path.is_symlink():
                mode = stat.filemode(path.stat().st_mode)
                assert mode[4:6] == "r-", f"{path}: {mode}"
                assert mode[8] == "-", f"{path}: {mode}"
                assert mode[6] == "x" or not path.is_dir(), f"{path}: {mode}"


FILES = {"conf/deeper/app.toml": "a = 1", "log.ini": ""}


def test_its_configuration_files_are_for_its_service_alone_to_read(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = os.getegid() + 1
    monkeypatch.setattr(FakeAccounts, "number", lambda *_: group)
    units = {"demo.service": "Group=demo\n"}
    made.stage(made.release(units=units, files=source_of(FILES).digest), FILES)
    etc = Path(made.layout.etc(ID))
    assert {
        str(path.relative_to(etc)): path.read_text() for path in etc.rglob("*") if path.is_file()
    } == FILES
    for path in [etc, *etc.rglob("*")]:
        mode = "drwxr-x---" if path.is_dir() else "-rw-r-----"
        assert stat.filemode(path.stat().st_mode) == mode, path
        assert path.stat().st_gid == group, path
    assert read_release(made.layout, ID)


def test_a_release_that_lost_them_is_made_anew(made: Made) -> None:
    release = made.release(files=source_of(FILES).digest)
    made.stage(release, FILES)
    shutil.rmtree(made.layout.etc(ID))
    assert read_release(made.layout, ID) is None
    made.stage(release, FILES)
    assert read_release(made.layout, ID)


def test_a_venv_that_a_service_of_another_group_has_opens_for_both(made: Made) -> None:
    made.stage(made.release())
    venv.open_to(made.layout, VENV, os.getegid())
    assert stat.filemode(os.stat(made.layout.venv(VENV)).st_mode) == "drwxr-x---"
    venv.open_to(made.layout, VENV, os.getegid() + 1)
    assert stat.filemode(os.stat(made.layout.venv(VENV)).st_mode) == "drwxr-xr-x"


def test_its_source_is_compiled_under_its_final_name(made: Made) -> None:
    made.stage(made.release())
    (compiled,) = Path(made.layout.app(ID), "__pycache__").iterdir()
    assert os.fsencode(os.path.join(made.layout.app(ID), "main.py")) in compiled.read_bytes()


def test_the_handler_is_in_its_venv(made: Made) -> None:
    made.stage(made.release())
    (packages,) = Path(made.layout.venv(VENV), "lib").glob("python3.*/site-packages")
    assert (packages / "systemd_handler" / "__init__.py").exists()
    assert (packages / "systemd_handler.pth").exists()


def test_pip_is_not_called_where_there_are_no_requirements(made: Made) -> None:
    made.stage(made.release())
    assert made.told() == ""


def test_requirements_are_installed_from_what_came_along(made: Made) -> None:
    made.write("requirements/0.txt", "demo\n")
    made.write("wheelhouse/demo-1-py3-none-any.whl", "")
    made.stage(made.release(venv=Venv(VENV, PYTHON, require_hashes=True)))
    told = made.told()
    for word in ("wheel", "--require-hashes", "--no-index", "--find-links", "0.txt", os.devnull):
        assert word in told


def test_an_index_is_asked_where_no_wheels_came_along(made: Made) -> None:
    made.write("requirements/0.txt", "demo\n")
    made.stage(made.release())
    assert "--no-index" not in made.told()
    assert "--require-hashes" not in made.told()


def test_a_pip_that_comes_as_a_wheel_is_run_from_it(made: Made) -> None:
    path = made.parts / "installer" / "pip-1-py3-none-any.whl" / "pip"
    path.mkdir(parents=True)
    (made.parts / "installer" / "pip" / "__main__.py").rename(path / "__main__.py")
    made.write("requirements/0.txt", "demo\n")
    made.stage(made.release())
    assert "wheel" in made.told()


@pytest.mark.parametrize("require_hashes", [True, False])
def test_a_project_is_installed_beside_its_venv(made: Made, require_hashes: bool) -> None:
    made.write("app/setup.py", "")
    made.write("requirements/0.txt", "shop\n")
    made.write("requirements/pip.json", json.dumps({"projects": ["app"]}))
    made.pip("wheel(*(['own'] if PROJECT else ['shop']), **{'code.py': ''})")
    made_from = Venv(VENV, PYTHON, require_hashes)
    made.stage(made.release(project=True, venv=made_from))
    library = Path(made.layout.release(ID), "lib")
    assert sorted(os.listdir(library)) == ["__pycache__", "code.py", "own-1.dist-info"]
    (compiled,) = (library / "__pycache__").iterdir()
    assert os.fsencode(library / "code.py") in compiled.read_bytes()
    assert "--no-deps" in made.told()
    assert ("--no-build-isolation" in made.told()) == require_hashes


def facts(made: Made, release: str = ID) -> dict[str, Any]:
    text = Path(made.layout.release(release), "release.json").read_text()
    told: dict[str, Any] = json.loads(text)
    return told


class TestWhatIsInstalled:
    """It is on record in the release."""

    @pytest.fixture(autouse=True)
    def _installs(self, made: Made) -> None:
        made.write("requirements/0.txt", "shop\n")
        made.write("requirements/pip.json", json.dumps({"projects": ["app"], "fixed": []}))
        made.write("app/setup.py", "")
        made.pip("wheel('own' if PROJECT else 'shop')")

    def test_of_the_venv_and_of_the_project_itself(self, made: Made) -> None:
        made.stage(made.release(project=True))
        assert facts(made)["installed"] == {"own": "1", "shop": "1"}
        assert self.materials(made, ID) == [
            ("cpython", False),
            ("shop", True),
            ("own", False),
        ]

    @staticmethod
    def materials(made: Made, release: str) -> list[tuple[str, bool]]:
        """Names in the bill of a release, and whether an index has them."""
        text = Path(made.layout.release(release), "bom.json").read_text()
        found = json.loads(text)["components"]
        return [(one["name"], one.get("purl", "").startswith("pkg:pypi/")) for one in found]

    def test_what_had_no_version_is_told_where_it_is_built_and_never_again(
        self, made: Made
    ) -> None:
        (said,) = made.stage(made.release())
        assert "installed were shop 1, and" in said
        (one,) = Path(made.layout.venv(VENV)).glob("lib/python3*/site-packages/shop-1.dist-info")
        (one / "METADATA").unlink()
        # Another release shares the venv, whose packages are known by now.
        other = "f" * 12
        assert made.stage(made.release(id=other)) == []
        assert facts(made, other)["installed"] == {"shop": "1"}
        assert self.materials(made, other)[1:] == [("shop", True)]

    def test_the_bill_of_the_same_release_has_the_same_bytes(self, made: Made) -> None:
        path = Path(made.layout.release(ID), "bom.json")
        texts = []
        for _ in range(2):
            made.stage(made.release(project=True))
            texts.append(path.read_bytes())
            for directory in (path.parent, Path(made.layout.venv(VENV))):
                shutil.rmtree(directory)
        assert texts[0] == texts[1]

    def test_a_venv_of_before_is_looked_at(self, made: Made) -> None:
        made.stage(made.release())
        mark = Path(made.layout.venv(VENV), "environment.json")
        noted = json.loads(mark.read_text())
        del noted["packages"]
        mark.write_text(json.dumps(noted))
        other = "f" * 12
        made.stage(made.release(id=other))
        assert facts(made, other)["installed"] == {"shop": "1"}


def test_pip_is_told_what_came_along_and_nobody_else(made: Made) -> None:
    told = {
        "arguments": ["--pre"],
        "environment": {"PIP_INDEX_URL": "https://token@x.invalid/"},
        "netrc": "machine x.invalid login me password s3cret\n",
        "projects": ["app", "projects/0 ; os_name == 'posix'"],
        "build": {"PBR_VERSION": "1.2"},
    }
    made.write("app/setup.cfg", "")
    made.write("projects/0/setup.py", "")
    made.write("requirements/0.txt", "demo\n")
    made.write("requirements/pip.json", json.dumps(told))
    made.pip(
        "home = os.environ['HOME']\n"
        f"with open({str(made.calls)!r}, 'a') as file:\n"
        "    directory = os.path.dirname(home)\n"
        "    status = [os.stat(one).st_mode & 0o777 for one in (directory, home + '/.netrc')]\n"
        "    keys = ('PIP_INDEX_URL', 'PBR_VERSION')\n"
        "    told = [status, [os.environ.get(key) for key in keys], open(home + '/.netrc').read()]\n"
        "    file.write(json.dumps(told) + '\\n')\n"
        "    one = directory + '/copies/app/pyproject.toml'\n"
        "    file.write(json.dumps(os.path.exists(one) and open(one).read()) + '\\n')\n"
    )
    made.stage(made.release(project=True))
    words, seen, _, project, again, backend = map(json.loads, made.told().splitlines())
    assert "--pre" in words[0]
    assert "token" not in str(words)
    place = "https://token@x.invalid/"
    assert seen == [[0o710, 0o600], [place, None], told["netrc"]]
    assert again == [[0o710, 0o600], [place, "1.2"], told["netrc"]]
    assert project[0][-2].endswith("/copies/app")
    assert project[0][-1].endswith("/copies/projects/0 ; os_name == 'posix'")
    assert "setuptools.build_meta" in backend
    left = subprocess.run(
        ["grep", "-rE", "s3cret|token", made.layout.base],
        capture_output=True,
        check=False,
        text=True,
    )
    assert left.stdout == ""


class TestFailures:
    """What cannot be made leaves nothing, and says why."""

    def error(self, made: Made, release: Release | None = None) -> str:
        with pytest.raises(ServiceError) as raised:
            made.stage(release or made.release())
        assert os.listdir(made.layout.releases) == []
        assert not [name for name in os.listdir(made.layout.base) if name.startswith(".")]
        return str(raised.value)

    def test_pips_own_words_are_given(self, made: Made) -> None:
        made.write("requirements/0.txt", "demo\n")
        made.pip("sys.exit('ERROR: No matching distribution found for demo\\x1b')")
        words = self.error(made)
        assert words == "pip failed:\n  ERROR: No matching distribution found for demo\\x1b"
        assert os.listdir(made.layout.venvs) == []

    def test_only_the_last_lines_of_many_are_given(self, made: Made) -> None:
        made.write("requirements/0.txt", "demo\n")
        made.pip("print('\\n'.join(map(str, range(100)))); sys.exit(1)")
        words = self.error(made).splitlines()
        assert (words[1], words[-1]) == ("  75", "  99")

    def test_an_interpreter_that_makes_no_venv(self, made: Made) -> None:
        words = self.error(made, made.release(venv=Venv(VENV, "/bin/false")))
        assert words.startswith("python_service_python: /bin/false is not a Python")

    def test_a_source_that_arrived_otherwise(self, made: Made) -> None:
        words = self.error(made, made.release(source="another"))
        assert words == "what arrived of the release is not what was sent; deploy again"

    @pytest.mark.parametrize(
        "arrived", [{}, {"log.ini": "b"}, {"log": ""}, {**FILES, "more": ""}], ids=str
    )
    def test_configuration_files_that_arrived_otherwise(
        self, made: Made, arrived: dict[str, str]
    ) -> None:
        with pytest.raises(ServiceError, match="is not what was sent; deploy again"):
            made.stage(made.release(files=source_of(FILES).digest), arrived)
        assert not os.path.lexists(made.layout.release(ID))

    def test_a_program_that_nothing_brought(self, made: Made) -> None:
        program = os.path.join(made.layout.venv(VENV), "bin", "gunicorn")
        release = made.release(processes=(Process("demo.service", program, 1),))
        words = self.error(made, release)
        assert words.startswith(
            "python_service_command: gunicorn is not in the virtual environment of demo"
        )

    def test_a_program_of_the_source_that_nobody_may_execute(self, made: Made) -> None:
        program = os.path.join(made.layout.app(ID), "main.py")
        release = made.release(processes=(Process("demo.service", program, 1),))
        assert "main.py is not in the virtual environment" in self.error(made, release)

    @pytest.mark.parametrize(
        ("program", "words"),
        [
            ("alembic", "alembic is not in the virtual environment of demo; add the package"),
            ("/no/psql", "/no/psql is not a program on this host; install it there"),
        ],
    )
    def test_a_program_of_a_command_before_it(self, made: Made, program: str, words: str) -> None:
        path = os.path.join(made.layout.venv(VENV), "bin", program)
        release = made.release(prepare=(Prepared("x", f"{path} x", once=True, timeout=1.0),))
        assert self.error(made, release).startswith(f"python_service_prepare: {words}")

    def test_an_archive_that_is_none(self, made: Made) -> None:
        (made.directory / "archive").write_bytes(b"nonsense")
        with pytest.raises(tarfile.ReadError):
            stage(made.layout, made.release(), str(made.directory / "archive"), FakeAccounts())
        assert sorted(os.listdir(made.layout.base)) == ["environments", "releases"]

    def test_nothing_was_sent_since_it_was_there_a_moment_ago(self, made: Made) -> None:
        with pytest.raises(
            ServiceError, match="disappeared from the host during the deploy; run this"
        ):
            stage(made.layout, made.release(), None, FakeAccounts())


def test_an_empty_source_is_a_release_whose_program_comes_from_elsewhere(made: Made) -> None:
    for path in (made.parts / "app").iterdir():
        path.unlink()
    made.stage(made.release())
    assert read_release(made.layout, ID)


def test_what_is_whole_is_not_made_again(made: Made) -> None:
    made.stage(made.release())
    inodes = [os.stat(path).st_ino for path in (made.layout.release(ID), made.layout.venv(VENV))]
    made.stage(made.release())
    again = [os.stat(path).st_ino for path in (made.layout.release(ID), made.layout.venv(VENV))]
    assert inodes == again


def test_what_a_run_left_is_cleared_away(made: Made) -> None:
    Path(made.layout.base, ".incoming-x", "release").mkdir(parents=True)
    Path(made.layout.base, ".current.new").symlink_to("releases/x")
    Path(made.layout.units).mkdir(parents=True)
    for name in (".demo.new", ".demo-web.new"):
        Path(made.layout.units, name).touch()
    made.stage(made.release())
    assert sorted(os.listdir(made.layout.base)) == ["environments", "releases"]
    assert os.listdir(made.layout.units) == [".demo-web.new"]


class TestWhole:
    """A venv is whole as long as its Python is the one that it was made from."""

    @pytest.mark.parametrize(
        "mark", ["", "{}", "[]", '{"version": null}', '{"version": "3.1"}'], ids=repr
    )
    def test_a_mark_that_says_something_else(self, made: Made, mark: str) -> None:
        made.stage(made.release())
        Path(made.layout.venv(VENV), "environment.json").write_text(mark)
        assert not venv.is_whole(made.layout, VENV)

    def test_a_venv_without_a_mark_or_without_anything(self, made: Made) -> None:
        assert not venv.is_whole(made.layout, VENV)
        made.stage(made.release())
        Path(made.layout.venv(VENV), "environment.json").unlink()
        assert not venv.is_whole(made.layout, VENV)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
    @pytest.mark.parametrize("kind", ["right", "pipe"])
    def test_a_mark_that_a_package_made(self, made: Made, kind: str) -> None:
        """Its making was cut off before root took it over, and the builder can still write to it."""
        made.stage(made.release())
        if kind == "pipe":  # whoever reads it waits for ever
            mark = Path(made.layout.venv(VENV), "environment.json")
            mark.unlink()
            os.mkfifo(mark)
        os.chown(made.layout.venv(VENV), 60578, -1)
        assert not venv.is_whole(made.layout, VENV)
        made.stage(made.release())
        assert os.stat(made.layout.venv(VENV)).st_uid == 0

    def test_a_python_that_is_gone(self, made: Made) -> None:
        made.stage(made.release())
        python = Path(made.layout.venv(VENV), "bin", "python")
        python.unlink()
        assert not venv.is_whole(made.layout, VENV)
        made.stage(made.release())
        assert venv.is_whole(made.layout, VENV)

    def test_a_python_of_another_version(self, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
        # Everybody may write to where tests make their files.
        monkeypatch.setattr(python, "weakness", lambda *_: None)
        made.stage(made.release())
        other = made.directory / "python3.99"
        other.write_text("#!/bin/sh\necho cpython 3.99.1 .cpython-399.so $0\n")
        other.chmod(0o755)
        runs = Path(made.layout.venv(VENV), "bin", "python")
        runs.unlink()
        runs.symlink_to(other)
        assert not venv.is_whole(made.layout, VENV)


class TestWhatPackagesBring:
    """None of it is run by us, who may be root, nor lies where it does not belong."""

    @staticmethod
    def pip(made: Made, does: str) -> None:
        made.write("requirements/0.txt", "demo\n")
        made.pip(does)

    def test_what_an_interpreter_runs_when_it_starts(self, made: Made) -> None:
        marks = made.directory / "marks"
        line = f"import os; open({str(marks)!r}, 'a').write('ran')"
        self.pip(made, f"wheel('demo', **{{'bad.pth': {line!r} + chr(10)}})")
        made.stage(made.release())
        assert venv.is_whole(made.layout, VENV)
        assert not marks.exists()
        subprocess.run([f"{made.layout.venv(VENV)}/bin/python", "-c", ""], check=True)
        assert marks.exists()

    @pytest.mark.parametrize("path", ["bin/python", "pyvenv.cfg", "lib64", "bin"])
    def test_what_is_the_venvs_own_is_not_replaced(self, made: Made, path: str) -> None:
        self.pip(made, f"wheel('demo', **{{'demo-1.data/data/{path}': ''}})")
        words = f"the wheel demo-1-py3-none-any.whl would put something into the place of {path}"
        with pytest.raises(ServiceError, match=words):
            made.stage(made.release())
        assert os.listdir(made.layout.venvs) == []

    def test_a_venv_that_cannot_be_made_anew_stays_as_it_was(self, made: Made) -> None:
        made.stage(made.release())
        mark = Path(made.layout.venv(VENV), "environment.json")
        mark.unlink()
        before = os.stat(made.layout.venv(VENV)).st_ino
        self.pip(made, "sys.exit('no')")
        with pytest.raises(ServiceError, match="pip failed"):
            made.stage(made.release())
        assert os.stat(made.layout.venv(VENV)).st_ino == before
