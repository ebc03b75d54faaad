"""What a release is made of: found on the controller, and packed for a host."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from builders import settings
from python_service.module_utils.python_service.controller.contents import gather, pack_contents
from python_service.module_utils.python_service.errors import ServiceError

PROJECT = """\
[build-system]
requires = []
[project]
name = "shop"
version = "1"
dependencies = ["flask"]
[project.scripts]
serve = "shop:main"
"""


@pytest.fixture
def src(tmp_path: Path) -> Path:
    directory = tmp_path / "src"
    directory.mkdir()
    (directory / "main.py").write_text("print()\n")
    return directory


def packed(archive: Path) -> set[str]:
    with tarfile.open(archive) as tar:
        return set(tar.getnames())


def test_the_source_is_what_is_not_excluded(src: Path) -> None:
    (src / "notes.md").touch()
    found = gather(settings(src=str(src), exclude=["*.md"])).source
    assert found
    assert [entry.path for entry in found.entries] == ["main.py"]


KEY = "-----BEGIN {}PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END {}PRIVATE KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


class TestWhatNobodyMeansToShip:
    """Secrets, development databases and node_modules stay behind, and it is said."""

    @pytest.fixture
    def full(self, src: Path) -> Path:
        (src / "node_modules" / "left-pad").mkdir(parents=True)
        (src / "node_modules" / "left-pad" / "index.js").touch()
        (src / "conf").mkdir()
        for name in (
            *(".env", ".env.local", "conf/.env", ".env.example", "production.env"),
            *("db.sqlite3", "cities.sqlite3", "store.p12", "id_list"),
        ):
            (src / name).touch()
        (src / "ca.pem").write_text(CERTIFICATE)
        (src / "server.pem").write_text(CERTIFICATE + KEY.format("", ""))
        (src / "conf" / "id_rsa").write_text(KEY.format("OPENSSH ", "OPENSSH "))
        (src / "test_keys.py").write_text(repr(KEY))
        return src

    def shipped(self, src: Path, exclude: list[str] | None = None) -> tuple[set[str], str]:
        changes = {} if exclude is None else {"exclude": exclude}
        made_of = gather(settings(src=str(src), **changes))
        assert made_of.source
        return {entry.path for entry in made_of.source.entries}, "".join(made_of.warnings)

    ORDINARY = frozenset(
        {"main.py", "conf", ".env.example", "production.env", "cities.sqlite3", "id_list"}
        | {"ca.pem", "test_keys.py"}
    )

    def test_they_stay_behind_with_a_word(self, full: Path) -> None:
        shipped, said = self.shipped(full)
        assert shipped == self.ORDINARY
        assert said.startswith(
            "python_service_src: not shipped: .env, .env.local, conf/.env, conf/id_rsa, "
            "db.sqlite3, node_modules, server.pem, store.p12, since "
        )
        assert "write '!.env' into python_service_exclude" in said

    def test_a_source_without_them_has_no_warning(self, src: Path) -> None:
        assert self.shipped(src) == ({"main.py"}, "")

    def test_what_is_asked_for_is_shipped(self, full: Path) -> None:
        (full / ".git").mkdir()
        shipped, said = self.shipped(full, ["!conf/.env", "!db.*", "!server.pem", "!node_modules"])
        assert shipped - self.ORDINARY == {
            *("conf/.env", "db.sqlite3", "server.pem", "node_modules", "node_modules/left-pad"),
            "node_modules/left-pad/index.js",
        }
        assert "not shipped: .env, .env.local, conf/id_rsa, store.p12, since" in said

    def test_they_stay_behind_whatever_else_does(self, full: Path) -> None:
        shipped, said = self.shipped(full, ["*.sqlite3"])
        assert shipped == self.ORDINARY - {"cities.sqlite3"}
        assert "db.sqlite3" not in said.partition("since")[0]
        assert self.shipped(full, [])[0] == self.ORDINARY

    def test_what_is_excluded_is_not_told_of(self, full: Path) -> None:
        names = [".env", ".env.*", "*.p12", "node_modules", "id_rsa", "server.pem", "db.sqlite3"]
        shipped, said = self.shipped(full, names)
        assert shipped == self.ORDINARY - {".env.example"}
        assert said == ""

    def test_of_many_the_first_are_named(self, src: Path) -> None:
        for number in range(15):
            (src / f".env.{number:02}").touch()
        _, said = self.shipped(src)
        assert ".env.09, 5 more, since" in said

    def test_one_file_is_shipped_whatever_it_is_called(self, src: Path) -> None:
        (src / "main.py").rename(src / "dev.db.py")
        assert self.shipped(src / "dev.db.py") == ({"dev.db.py"}, "")


def test_a_program_of_the_requirements_has_no_source() -> None:
    made_of = gather(settings(src="", requirements=["demo"]))
    assert (made_of.source, made_of.project) == (None, None)
    assert made_of.installs


def test_nothing_is_installed_for_a_source_that_asks_for_nothing(src: Path) -> None:
    assert not gather(settings(src=str(src))).installs


def test_no_requirements_may_be_written_as_an_empty_text(src: Path) -> None:
    assert gather(settings(src=str(src), requirements="")).requirements == ()


def test_a_project_brings_its_own_dependencies(src: Path) -> None:
    (src / "pyproject.toml").write_text(PROJECT)
    made_of = gather(settings(src=str(src)))
    assert made_of.project
    assert made_of.project.scripts == {"serve"}
    assert made_of.requirements == ("flask\n",)


def test_a_project_that_does_not_say_its_dependencies_is_refused(src: Path) -> None:
    (src / "pyproject.toml").write_text(
        PROJECT.replace("dependencies", 'dynamic = ["dependencies"]\n#')
    )
    with pytest.raises(ServiceError, match=r"^python_service_src: .* \(dynamic\); run '"):
        gather(settings(src=str(src)))
    assert gather(settings(src=str(src), requirements=["flask"])).requirements == ("flask\n",)


def test_requirements_take_the_place_of_a_projects_dependencies(src: Path) -> None:
    (src / "pyproject.toml").write_text(PROJECT)
    assert gather(settings(src=str(src), requirements=["flask==3.1"])).requirements == (
        "flask==3.1\n",
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"src": "/nowhere"}, "python_service_src: /nowhere does not exist"),
        ({"wheelhouse": "/nowhere"}, "python_service_wheelhouse: /nowhere does not exist"),
    ],
)
def test_what_is_missing_is_named_by_its_variable(
    src: Path, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(ServiceError, match=words):
        gather(settings(**{"src": str(src), **changes}))


def test_the_handler_is_the_roles_own_package(src: Path, tmp_path: Path) -> None:
    names = {entry.path for entry in gather(settings(src=str(src))).handler.entries}
    assert {"systemd_handler/__init__.py", "systemd_handler/startup.pth"} <= names
    (tmp_path / "files" / "__pycache__").mkdir(parents=True)
    (tmp_path / "files" / "__pycache__" / "a.pyc").touch()
    (tmp_path / "files" / "a.py").touch()
    other = gather(settings(src=str(src)), files=tmp_path / "files").handler
    assert [entry.path for entry in other.entries] == ["a.py"]


def test_an_archive_of_a_plain_source_has_it_and_the_handler(src: Path, tmp_path: Path) -> None:
    with (tmp_path / "a.tar.gz").open("wb") as archive:
        pack_contents(gather(settings(src=str(src))), None, archive)
    names = packed(tmp_path / "a.tar.gz")
    assert "app/main.py" in names
    assert {name.split("/")[0] for name in names} == {"app", "handler"}


def test_an_archive_of_what_is_installed_has_all_that_pip_needs(tmp_path: Path) -> None:
    wheels, pip = tmp_path / "wheels", tmp_path / "pip"
    for directory in (wheels, pip):
        directory.mkdir()
    (wheels / "demo-1-py3-none-any.whl").touch()
    (pip / "__main__.py").touch()
    made_of = gather(settings(src="", requirements=["demo"], wheelhouse=str(wheels)))
    with (tmp_path / "a.tar.gz").open("wb") as archive:
        pack_contents(made_of, str(pip), archive)
    names = packed(tmp_path / "a.tar.gz")
    assert {
        *("requirements/0.txt", "wheelhouse/demo-1-py3-none-any.whl"),
        "installer/pip/__main__.py",
    } <= names
    assert not any(name.startswith("app") for name in names)


def test_a_pip_that_is_a_wheel_is_packed_by_its_name(src: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "pip-25.3-py3-none-any.whl"
    wheel.touch()
    with (tmp_path / "a.tar.gz").open("wb") as archive:
        pack_contents(gather(settings(src=str(src))), str(wheel), archive)
    assert "installer/pip-25.3-py3-none-any.whl" in packed(tmp_path / "a.tar.gz")
