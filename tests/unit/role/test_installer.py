"""Which pip goes along to a host."""

from __future__ import annotations

import importlib.util
import zipfile
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from packaging.version import Version

from python_service.module_utils.python_service.controller import installer
from python_service.module_utils.python_service.controller.installer import find_installer
from python_service.module_utils.python_service.errors import ServiceError


def metadata(version: str, pythons: str) -> str:
    return f"Metadata-Version: 2.1\nName: pip\nVersion: {version}\nRequires-Python: {pythons}\n"


def wheel(directory: Path, version: str, pythons: str) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / f"pip-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"pip-{version}.dist-info/METADATA", metadata(version, pythons))
    return path


def package(directory: Path, version: str, pythons: str) -> Path:
    """A pip as it is installed."""
    path = directory / "pip"
    path.mkdir(parents=True)
    facts = directory / f"pip-{version}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(metadata(version, pythons))
    return path


class Controller:
    """A controller with nothing but what a test gives it."""

    def __init__(self, directory: Path) -> None:
        self.wheelhouse, self.wheels = directory / "wheelhouse", directory / "wheels"
        self.packages, self.bundled = directory / "site-packages", directory / "bundled"
        self.found = {"pip": self.packages / "pip", "ensurepip._bundled": self.bundled}

    def find_spec(self, name: str) -> ModuleSpec | None:
        if self.found[name].exists():
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(self.found[name])]
            return spec
        if name.startswith("ensurepip"):
            raise ModuleNotFoundError(name)  # as where the package it is in is missing
        return None


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Controller:
    found = Controller(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", found.find_spec)
    monkeypatch.setattr(installer, "_WHEELS", str(found.wheels))
    return found


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        ((3, 8, 1), "23.2.1"),
        ((3, 9, 2), "26.0.1"),
        ((3, 9), "26.0.1"),
        ((3, 10, 0), "26.3"),
        ((3, 14, 0), "26.3"),
    ],
    ids=str,
)
def test_the_newest_that_is_for_the_hosts_python_is_taken(
    controller: Controller, python: tuple[int, ...], expected: str
) -> None:
    places = {
        "26.3": package(controller.packages, "26.3", ">=3.10"),
        "26.0.1": wheel(controller.wheelhouse, "26.0.1", ">=3.9"),
        "23.2.1": wheel(controller.bundled, "23.2.1", ">=3.7"),
        "22.3": wheel(controller.wheels, "22.3", ">=3.7"),
    }
    found = find_installer(python, str(controller.wheelhouse))
    assert (found.path, found.version) == (str(places[expected]), Version(expected))


@pytest.mark.parametrize("place", ["wheelhouse", "bundled", "wheels"])
def test_a_wheel_is_enough_wherever_it_lies(controller: Controller, place: str) -> None:
    path = wheel(getattr(controller, place), "26.0.1", ">=3.9")
    assert find_installer((3, 9), str(controller.wheelhouse)).path == str(path)


def test_versions_are_compared_as_versions(controller: Controller) -> None:
    wheel(controller.wheels, "9.0.3", ">=3.7")
    wheel(controller.wheels, "26.0", ">=3.9")
    wheel(controller.wheels, "26.0rc1", ">=3.9")
    assert find_installer((3, 9)).version == Version("26.0")


def test_what_is_no_pip_is_not_taken(controller: Controller) -> None:
    wheel(controller.wheelhouse, "99.2", "something")
    (controller.wheelhouse / "pip-99.1-py3-none-any.whl").write_bytes(b"no archive")
    (controller.wheelhouse / "pip-99.3-py3-none-any.whl").mkdir()
    (controller.wheelhouse / "pip-99.4.whl").write_bytes(b"")
    with zipfile.ZipFile(controller.wheelhouse / "pip-99.5-py3-none-any.whl", "w"):
        pass
    good = wheel(controller.wheelhouse, "26.0.1", ">=3.9")
    assert find_installer((3, 9), str(controller.wheelhouse)).path == str(good)


def test_a_pip_without_word_of_its_pythons_is_no_candidate(controller: Controller) -> None:
    controller.found["pip"].mkdir(parents=True)  # such as one that was copied
    path = wheel(controller.bundled, "26.0.1", ">=3.9")
    assert find_installer((3, 9)).path == str(path)


def test_where_none_is_for_the_hosts_python_the_versions_and_the_cure_are_named(
    controller: Controller,
) -> None:
    package(controller.packages, "26.3", ">=3.10")
    wheel(controller.bundled, "26.2", ">=3.10")
    wheel(controller.wheels, "26.2", ">=3.10")
    with pytest.raises(ServiceError) as refusal:
        find_installer((3, 9, 2))
    assert str(refusal.value) == (
        "python_service_requirements: the host has Python 3.9.2, and the controller has "
        "pip 26.2, which asks for Python >=3.10, pip 26.3, which asks for Python >=3.10; "
        "install one for 3.9.2 in Ansible's own Python, or add its wheel to "
        "python_service_wheelhouse. This fetches it: "
        "python3 -m pip download --no-deps --python-version 3.9.2 pip"
    )


def test_a_pip_that_cannot_be_read_is_named_where_no_other_is_there(controller: Controller) -> None:
    controller.wheelhouse.mkdir()
    broken = controller.wheelhouse / "pip-26.0-py3-none-any.whl"
    broken.write_bytes(b"half of it")
    with pytest.raises(ServiceError) as refusal:
        find_installer((3, 9), str(controller.wheelhouse))
    why = f"the controller has {broken}, which cannot be read (File is not a zip file); install one"
    assert why in str(refusal.value)


def test_a_controller_without_any_pip_says_so(controller: Controller) -> None:
    with pytest.raises(ServiceError, match=r"the controller has no pip; install one for 3\.9 in"):
        find_installer((3, 9))


def test_a_pip_is_found_on_this_very_controller() -> None:
    found = find_installer((3, 12))
    assert found.pythons.contains("3.12")
    assert Path(found.path).name == "pip" or Path(found.path).suffix == ".whl"
