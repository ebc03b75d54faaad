"""Wheels that the controller gathers: which interpreter it takes, what it builds, what goes to the host."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import sysconfig
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from lab.deploys import make_wheel
from lab.index import Index
from lab.sources import backend, make_project, make_repository, make_sdist, over_ssh

from builders import settings
from python_service.module_utils.python_service.controller import wheels
from python_service.module_utils.python_service.controller.contents import Contents, gather
from python_service.module_utils.python_service.controller.installer import find_installer
from python_service.module_utils.python_service.controller.run_cache import RunCache
from python_service.module_utils.python_service.controller.wheels import (
    Gathering,
    find_interpreter,
    pack_gathered,
)
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.interpreter import Interpreter

EXTENSION = sysconfig.get_config_var("EXT_SUFFIX")
OWN = Interpreter(tuple(sys.version_info[:3]), EXTENSION, (2, 28))
MACHINE = os.uname().machine


class Gathered:
    """What is in an archive of gathered wheels."""

    def __init__(self, archive: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            self.files = {
                member.name: (tar.extractfile(member) or io.BytesIO()).read()
                for member in tar
                if member.isfile()
            }

    @property
    def wheels(self) -> list[str]:
        return sorted(name for name in self.files if name.startswith("wheelhouse/"))

    @property
    def requirements(self) -> str:
        return self.files["requirements/0.txt"].decode()

    @property
    def pip(self) -> dict[str, Any]:
        return dict(json.loads(self.files["requirements/pip.json"]))

    def pin(self, name: str) -> str:
        """The line of a wheel that is in the archive."""
        digest = hashlib.sha256(self.files[f"wheelhouse/{name}"]).hexdigest()
        project, version, *_ = name.split("-")
        return f"{project}=={version} --hash=sha256:{digest}\n"


class Controller:
    """A controller with a wheelhouse, and sources that lie on it."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.house = directory / "house"
        self.house.mkdir()
        self.source = directory / "source"
        # What pip was told here, and whom it would ask, is no part of it.
        for name in [name for name in os.environ if name.startswith(("PIP_", "GIT_"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(directory))
        monkeypatch.setenv("XDG_CACHE_HOME", str(directory / "cache"))
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_NO_INDEX", "1")

    def contents(self, **changes: Any) -> Contents:
        own = {"src": "", "command": "x", "gather_wheels": True}
        if self.source.exists():
            own["src"] = str(self.source)
        return gather(settings(**{**own, **changes}))

    def gather(self, host: Interpreter = OWN, *, venv: bool = True, **changes: Any) -> Gathered:
        contents = self.contents(**changes)
        pip = find_installer(host.version).path
        hashes = changes.get("require_hashes", False)
        archive = io.BytesIO()
        pack_gathered(contents, Gathering(sys.executable, host, venv, hashes), pip, archive)
        return Gathered(archive.getvalue())

    def from_house(self, *requirements: str, **changes: Any) -> Gathered:
        return self.gather(requirements=list(requirements), wheelhouse=str(self.house), **changes)

    def refused(self, *requirements: str, **changes: Any) -> str:
        with pytest.raises(ServiceError) as raised:
            self.from_house(*requirements, **changes)
        return str(raised.value)


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Controller:
    return Controller(tmp_path, monkeypatch)


class TestTheInterpreter:
    """It takes the same wheels as the host's."""

    @pytest.fixture
    def tools(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        directory = tmp_path / "tools"
        directory.mkdir()
        monkeypatch.setenv("PATH", f"{directory}:{os.defpath}")
        monkeypatch.setattr(wheels, "find_tool", lambda name: str(directory / name))
        return directory

    def tool(self, path: Path, script: str) -> str:
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    def find(self, tmp_path: Path, version: int, extension: str = "") -> str:
        extension = extension or f".cpython-3{version}{EXTENSION[EXTENSION.index('-', 9) :]}"
        return find_interpreter(Interpreter((3, version, 1), extension), RunCache(str(tmp_path)))

    def test_ansibles_own_will_do_where_it_is_of_the_same_version(self, tmp_path: Path) -> None:
        assert find_interpreter(OWN, RunCache(str(tmp_path))) == sys.executable

    def test_one_on_path_that_answers(self, tools: Path, tmp_path: Path) -> None:
        extension = ".cpython-399-x86_64-linux-gnu.so"
        (tmp_path / "shims").mkdir()
        self.tool(tmp_path / "shims" / "python3.99", "echo no such version >&2; exit 127")
        (tmp_path / "others").mkdir()
        self.tool(tmp_path / "others" / "python3.99", "echo 3 99 0 .cpython-399-mips-linux-gnu.so")
        right = self.tool(tools / "python3.99", f"echo 3 99 0 {extension} 2.36")
        os.environ["PATH"] = f"{tmp_path}/shims:{tmp_path}/others:{os.environ['PATH']}"
        assert self.find(tmp_path, 99, extension) == right

    def test_one_of_uv_which_fetches_none(self, tools: Path, tmp_path: Path) -> None:
        extension = ".cpython-399-x86_64-linux-gnu.so"
        right = self.tool(tools / "of-uv", f"echo 3 99 0 {extension}")
        self.tool(tools / "uv", f'echo "$@" > {tmp_path}/asked; echo {right}')
        assert self.find(tmp_path, 99, extension) == right
        asked = (tmp_path / "asked").read_text().split()
        assert {"--offline", "--no-python-downloads"} <= set(asked)
        assert asked[-1] == "3.99"

    def test_it_is_looked_for_once_in_a_run(self, tools: Path, tmp_path: Path) -> None:
        extension = ".cpython-399-x86_64-linux-gnu.so"
        self.tool(tools / "python3.99", f"echo >> {tmp_path}/asked; echo 3 99 0 {extension}")
        assert len({self.find(tmp_path, 99, extension) for _ in range(2)}) == 1
        assert (tmp_path / "asked").read_text() == "\n"

    def test_where_none_is_it_says_which_to_install(self, tools: Path, tmp_path: Path) -> None:
        with pytest.raises(ServiceError) as refusal:
            self.find(tmp_path, 99)
        assert str(refusal.value).startswith(
            "python_service_gather_wheels: the host has Python 3.99, and the controller has none "
            "that takes the same wheels"
        )
        assert "'uv python install 3.99'" in str(refusal.value)

    def test_a_host_of_another_kind_is_refused(self, tools: Path, tmp_path: Path) -> None:
        with pytest.raises(ServiceError) as refusal:
            self.find(tmp_path, 99, ".cpython-399-mips-linux-gnu.so")
        own = wheels._kind(EXTENSION)
        assert f"is for mips-linux-gnu and this controller is {own}" in str(refusal.value)


class TestWhatIsRequired:
    """It is fetched or built here, and the host gets wheels with their digests."""

    def test_wheels_and_what_they_need_are_named_by_their_digests(
        self, controller: Controller
    ) -> None:
        facts = "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\nRequires-Dist: extra\n"
        make_wheel(controller.house, "1.0", more={"greeting-1.0.dist-info/METADATA": facts})
        make_wheel(controller.house, "1.0", "extra")
        make_wheel(controller.house, "1.0", "unused")
        found = controller.from_house("greeting", "unused; python_version < '3'")
        names = ["extra-1.0-py3-none-any.whl", "greeting-1.0-py3-none-any.whl"]
        assert found.wheels == [f"wheelhouse/{name}" for name in names]
        assert found.requirements == "".join(map(found.pin, names))

    def test_with_a_wheelhouse_nothing_else_is_used(
        self, controller: Controller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_wheel(controller.house, "1.0")
        (controller.directory / "mine").mkdir()
        make_wheel(controller.directory / "mine", "2.0")
        monkeypatch.setenv("PIP_FIND_LINKS", str(controller.directory / "mine"))
        found = controller.from_house("greeting")
        assert found.wheels == ["wheelhouse/greeting-1.0-py3-none-any.whl"]

    def test_a_repository_that_is_reached_by_ssh(
        self, controller: Controller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = make_repository(make_project(controller.directory / "private", "private", "3.1"))
        over_ssh(controller.directory, monkeypatch)
        found = controller.gather(requirements=[f"private @ git+ssh://git@git.invalid{path}"])
        name = "private-3.1-py3-none-any.whl"
        assert found.requirements == found.pin(name)
        assert b"git.invalid" not in b"".join(found.files.values())

    @pytest.mark.parametrize("kind", ["index", "git"])
    def test_a_password_is_told_to_pip_and_git_by_nothing_that_others_see(
        self, controller: Controller, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PIP_NO_INDEX")
        password = f"s3cr3t{os.getpid()}"
        served = controller.directory / "served"
        project = make_project(controller.directory / "private", "private", "3.1")
        if kind == "git":
            make_repository(project)
            served = controller.directory
        else:
            (served / "private").mkdir(parents=True)
            make_sdist(project, served / "private", "private", "3.1")
        with Index("127.0.0.1", served, login=f"me:{password}").served() as index:
            url = index.url.replace("://", f"://me:{password}@")
            lines = [f"--index-url {url}", "private"]
            if kind == "git":
                lines = [f"private @ git+{url}private/.git"]
            index.hold()
            with ThreadPoolExecutor() as pool:
                result = pool.submit(controller.gather, requirements=lines)
                while not index.asked.wait(0.1):
                    assert not result.done(), result.result()
                shown = b"".join(map(Path.read_bytes, Path("/proc").glob("[0-9]*/cmdline")))
                index.release()
                found = result.result()
        assert b"wheel-dir" in shown
        assert password.encode() not in shown
        assert found.requirements == found.pin("private-3.1-py3-none-any.whl")
        assert found.pip["netrc"] == ""
        assert password.encode() not in b"".join(found.files.values())

    def test_only_wheels_for_the_hosts_c_library(self, controller: Controller) -> None:
        for version, tag in (("1.0", "2_17"), ("1.1", "2_28"), ("1.2", "2_29")):
            wheel = make_wheel(controller.house, version)
            wheel.rename(str(wheel).replace("none-any", f"none-manylinux_{tag}_{MACHINE}"))
        found = {
            glibc: controller.from_house("greeting", host=OWN._replace(glibc=glibc)).wheels
            for glibc in ((2, 17), (2, 28))
        }
        named = "wheelhouse/greeting-{}-py3-none-manylinux_{}_" + f"{MACHINE}.whl"
        assert found == {
            (2, 17): [named.format("1.0", "2_17")],
            (2, 28): [named.format("1.1", "2_28")],
        }

    @pytest.mark.parametrize(
        ("version", "fits"), [("2.2.5", True), ("2.28", True), ("2.34", False)]
    )
    def test_what_was_compiled_here_must_run_on_the_hosts_c_library(
        self, controller: Controller, version: str, fits: bool
    ) -> None:
        compiled = {"greeting.so": f"GLIBC_2.4 GLIBC_{version} GLIBC_PRIVATE"}
        wheel = make_wheel(controller.house, "1.0", more=compiled)
        name = f"greeting-1.0-py3-none-linux_{MACHINE}.whl"
        wheel.rename(wheel.parent / name)
        if fits:
            assert controller.from_house("greeting").wheels == [f"wheelhouse/{name}"]
        else:
            assert controller.refused("greeting").startswith(
                f"python_service_gather_wheels: {name} was compiled on the controller and needs "
                "glibc 2.34, and the host has 2.28; deploy from a machine that is no newer"
            )

    def test_hashes_hold_for_what_is_fetched(self, controller: Controller) -> None:
        sdist = make_sdist(
            make_project(controller.source, "greeting"), controller.house, "greeting"
        )
        digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
        given = {"src": "", "require_hashes": True}
        found = controller.from_house(f"greeting==1.0 --hash=sha256:{digest}", **given)
        assert digest not in found.requirements
        assert found.requirements == found.pin("greeting-1.0-py3-none-any.whl")
        words = controller.refused(f"greeting==1.0 --hash=sha256:{'0' * 64}", **given)
        assert "DO NOT MATCH THE HASHES" in words
        assert "Hashes are required" in controller.refused("greeting==1.0", **given)

    def test_what_pip_says_where_it_fails_is_told(self, controller: Controller) -> None:
        line = "missing @ https://s3cr3t@127.0.0.1:9/missing-1.0.tar.gz"
        with pytest.raises(ServiceError) as raised:
            controller.gather(requirements=[line], pip_options=["--retries 0"])
        words = str(raised.value)
        first, *rest = words.splitlines()
        assert first == (
            "python_service_gather_wheels: pip could not gather the wheels on the controller:"
        )
        assert any("127.0.0.1" in line for line in rest)
        assert "s3cr3t" not in words

    def test_an_index_that_asks_for_a_password_is_not_waited_for(
        self, controller: Controller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PIP_NO_INDEX")
        with Index("127.0.0.1", controller.house, login="me:right").served() as index:
            url = index.url.replace("://", "://me:wrong@")
            with pytest.raises(ServiceError, match="asks for a name and a password, which it was"):
                controller.gather(requirements=[f"--index-url {url}", "private"])

    def test_nothing_of_an_interpreter_that_cannot_be_run(self, controller: Controller) -> None:
        how = Gathering("/no/python", OWN, venv=True, require_hashes=False)
        with pytest.raises(ServiceError, match=r"gather the wheels on the controller:\n.*/no/py"):
            pack_gathered(controller.contents(requirements=["a"]), how, "/no/pip", io.BytesIO())

    def test_where_the_venv_is_there_nothing_is_fetched_and_no_password_told(
        self, controller: Controller
    ) -> None:
        lines = [
            "--index-url https://me:s3cr3t@git.invalid/",
            "x @ https://s3cr3t@git.invalid/x.zip",
        ]
        found = controller.gather(requirements=lines, venv=False)
        assert found.wheels == []
        assert found.requirements.endswith("\nx @ https://git.invalid/x.zip\n")
        assert b"s3cr3t" not in b"".join(found.files.values())


class TestProjects:
    """The source itself, and what lies beside it, are built here as well."""

    def test_they_go_as_wheels_of_their_own(self, controller: Controller) -> None:
        make_project(controller.source, "shop", "1.0")
        make_project(controller.source / "core", "core", "2.0")
        make_project(controller.source / "windows", "windows", "2.0")
        make_wheel(controller.house, "1.0")
        lines = ["./core", "./windows ; os_name == 'nt'", "greeting"]
        (controller.source / "requirements.txt").write_text("\n".join(lines))
        found = controller.from_house()
        projects = [
            "wheelhouse/projects/core-2.0-py3-none-any.whl",
            "wheelhouse/projects/shop-1.0-py3-none-any.whl",
        ]
        assert found.pip["projects"] == projects
        assert found.wheels == ["wheelhouse/greeting-1.0-py3-none-any.whl", *projects]
        assert found.requirements == found.pin("greeting-1.0-py3-none-any.whl")
        # The program itself lies in the release, as it is.
        assert "app/shop.py" in found.files
        assert not any(name.startswith(("projects/", "app/build")) for name in found.files)

    def test_where_the_venv_is_there_nothing_else_is_fetched(self, controller: Controller) -> None:
        make_project(controller.source, "shop", "1.0")
        found = controller.gather(requirements=["nowhere"], venv=False)
        assert found.wheels == ["wheelhouse/projects/shop-1.0-py3-none-any.whl"]

    def test_those_that_are_for_other_hosts_alone(self, controller: Controller) -> None:
        make_project(controller.source / "windows", "windows")
        (controller.source / "requirements.txt").write_text("./windows ; os_name == 'nt'\n")
        found = controller.gather()
        assert found.wheels == []
        assert found.pip["projects"] == ["projects/0 ; os_name == 'nt'"]
        assert "projects/0/windows.py" in found.files

    def test_what_is_not_shipped_is_not_built(self, controller: Controller) -> None:
        make_project(controller.source, "shop", "1.0")
        (controller.source / "node_modules").mkdir()
        file = controller.source / "backend.py"
        file.write_text(
            "import os\nassert not os.path.exists('node_modules')\nos.makedirs('built', exist_ok=True)\n"
            + backend("shop")
        )
        assert controller.gather().wheels == ["wheelhouse/projects/shop-1.0-py3-none-any.whl"]
        assert not (controller.source / "built").exists()

    def test_a_setup_cfg_alone(self, controller: Controller) -> None:
        make_project(controller.source, "shop", "1.0")
        (controller.source / "pyproject.toml").unlink()
        (controller.source / "setup.cfg").write_text("[metadata]\nname = shop\nversion = 1.0\n")
        make_wheel(
            controller.house,
            "99.0",
            "setuptools",
            more={"setuptools/__init__.py": "", "setuptools/build_meta.py": backend("shop")},
        )
        found = controller.from_house()
        assert found.pip["projects"] == ["wheelhouse/projects/shop-1.0-py3-none-any.whl"]

    def test_with_hashes_the_build_system_is_one_that_has_one(self, controller: Controller) -> None:
        make_project(controller.source, "shop", "1.0", requires=["builder"])
        builder = make_wheel(controller.house, "1.0", "builder")
        digest = hashlib.sha256(builder.read_bytes()).hexdigest()
        hashed = f"builder==1.0 --hash=sha256:{digest}"
        other = make_wheel(controller.house, "1.0", "other")
        # Also where the venv is there.
        found = controller.from_house(hashed, require_hashes=True, venv=False)
        assert found.pip["projects"] == ["wheelhouse/projects/shop-1.0-py3-none-any.whl"]
        hashed = f"other==1.0 --hash=sha256:{hashlib.sha256(other.read_bytes()).hexdigest()}"
        words = controller.refused(hashed, require_hashes=True)
        assert "No matching distribution found for builder" in words
