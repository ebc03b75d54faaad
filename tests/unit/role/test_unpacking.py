"""Wheels are unpacked as their format says, and never beyond the place that is theirs."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NoReturn

import pytest

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host.unpacking import (
    Place,
    Unpacked,
    unpack_wheel,
)

INFO = "shop-1.0.dist-info"
PACKAGES = "lib/python3.11/site-packages"
METADATA = (
    "Name: Shop\nVersion: 1.0\nRequires-Dist: click>=8 ; extra == 'cli'\n\nRequires-Dist: no\n"
)


def make(directory: Path, files: dict[str, str], *, modes: dict[str, int] | None = None) -> str:
    """A wheel; what is not given about itself is as it should be."""
    path = directory / "shop-1.0-py3-none-any.whl"
    whole = {
        f"{INFO}/METADATA": METADATA,
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{INFO}/RECORD": "shop.py,sha256=abc,9\n",
        **files,
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in whole.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (modes or {}).get(name, 0o100644) << 16
            wheel.writestr(member, text)
    return str(path)


def unpacked(directory: Path, files: dict[str, str], **more: dict[str, int]) -> Unpacked:
    return unpack_wheel(make(directory, files, **more), str(directory / "entry"), PACKAGES)


def placed(directory: Path, files: dict[str, str], python: str = sys.executable) -> Path:
    Place(str(directory / "venv"), python).put(unpacked(directory, files))
    return directory / "venv"


def test_it_says_what_it_is_and_needs(tmp_path: Path) -> None:
    found = unpacked(tmp_path, {"shop.py": "SHOP = 1\n"})
    assert (found.wheel, found.name, found.version) == ("shop-1.0-py3-none-any.whl", "Shop", "1.0")
    assert found.requires == ("click>=8 ; extra == 'cli'",)


def test_everything_goes_where_the_format_says(tmp_path: Path) -> None:
    data = "shop-1.0.data"
    files = {
        "shop.py": "",
        "bin/tool.py": "",
        f"{data}/purelib/pure.py": "",
        f"{data}/platlib/plat.py": "",
        f"{data}/headers/shop.h": "",
        f"{data}/data/share/man/shop.1": "",
        f"{data}/scripts/run.sh": "#!/bin/sh\n",
    }
    venv = placed(tmp_path, files)
    found = {str(path.relative_to(venv)) for path in venv.rglob("*") if path.is_file()}
    beside = {f"{PACKAGES}/{INFO}/{one}" for one in ("METADATA", "WHEEL", "RECORD", "INSTALLER")}
    assert found == beside | {
        f"{PACKAGES}/shop.py",
        f"{PACKAGES}/bin/tool.py",
        f"{PACKAGES}/pure.py",
        f"{PACKAGES}/plat.py",
        "include/site/python3.11/shop/shop.h",
        "share/man/shop.1",
        "bin/run.sh",
    }
    assert os.access(venv / "bin/run.sh", os.X_OK)


def test_its_record_names_what_is_there(tmp_path: Path) -> None:
    venv = placed(tmp_path, {"shop.py": "", "shop-1.0.data/scripts/run": "#!/bin/sh\n"})
    rows = (venv / PACKAGES / INFO / "RECORD").read_text().splitlines()
    assert "shop.py,sha256=abc,0" in rows
    names = [row.partition(",")[0] for row in rows]
    for name in names:
        assert (venv / PACKAGES / name).exists(), name
    assert "../../../bin/run" in names


@pytest.mark.parametrize("mode", [0o100755, 0o100644])
def test_what_may_be_executed_stays_so(tmp_path: Path, mode: int) -> None:
    wheel = unpacked(tmp_path, {"tool": ""}, modes={"tool": mode})
    path = os.path.join(wheel.directory, wheel.files[f"{PACKAGES}/tool"])
    assert os.access(path, os.X_OK) == bool(mode & 0o111)
    assert os.stat(path).st_mode & 0o7022 == 0


class TestScripts:
    """They run with the interpreter of the venv that they are in."""

    @pytest.mark.parametrize("folder", ["venv", "with a space", "long" * 40])
    def test_an_entry_point(self, tmp_path: Path, folder: str) -> None:
        (tmp_path / folder).mkdir()
        python = tmp_path / folder / "python"
        python.symlink_to(sys.executable)
        points = "[console_scripts]\nshop = shop:Main.run [cli]\n[other]\nx = y\n"
        code = "class Main:\n    def run():\n        import sys\n        print(sys.executable)\n        return 3\n"
        venv = placed(tmp_path, {"shop.py": code, f"{INFO}/entry_points.txt": points}, str(python))
        assert os.listdir(venv / "bin") == ["shop"]
        environment = {"PYTHONPATH": str(venv / PACKAGES)}
        result = subprocess.run(
            [venv / "bin/shop"], env=environment, capture_output=True, text=True, check=False
        )
        assert (result.returncode, result.stdout, result.stderr) == (3, f"{python}\n", "")

    def test_one_that_asks_for_a_python(self, tmp_path: Path) -> None:
        path = "shop-1.0.data/scripts/shop"
        venv = placed(tmp_path, {path: "#!python\nimport sys; print(sys.executable)\n"})
        assert subprocess.check_output([venv / "bin/shop"], text=True) == f"{sys.executable}\n"

    def test_an_entry_point_comes_before_a_script_of_its_name(self, tmp_path: Path) -> None:
        files = {
            "shop-1.0.data/scripts/shop": "#!/bin/false\n",
            f"{INFO}/entry_points.txt": "[console_scripts]\nshop = json:dumps\n",
        }
        assert "json" in (placed(tmp_path, files) / "bin/shop").read_text()

    @pytest.mark.parametrize(
        "point", ["../shop = shop:run", "shop = shop", "shop = os:system('x')", "x = a;b:c"]
    )
    def test_one_that_is_no_function(self, tmp_path: Path, point: str) -> None:
        with pytest.raises(ServiceError, match="which calls no function"):
            unpacked(tmp_path, {f"{INFO}/entry_points.txt": f"[console_scripts]\n{point}\n"})


class TestRefused:
    """What is not whole, or means to reach further, with the wheel's name."""

    @pytest.mark.parametrize(
        "name",
        [
            "../evil.py",
            "/etc/evil",
            "a/../../evil",
            "a//b",
            "a\\b",
            "./a",
            "shop-1.0.data/data/../../evil",
        ],
    )
    def test_a_path_that_leads_elsewhere(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(
            ServiceError, match=r"shop-1\.0-py3-none-any\.whl has a file with an unsafe"
        ):
            unpacked(tmp_path, {name: ""})
        assert {path.name for path in tmp_path.iterdir()} == {"entry", "shop-1.0-py3-none-any.whl"}

    def test_a_link(self, tmp_path: Path) -> None:
        with pytest.raises(ServiceError, match="has 'passwd', which is no file"):
            unpacked(tmp_path, {"passwd": "/etc/passwd"}, modes={"passwd": 0o120777})

    def test_a_place_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(ServiceError, match="'etc' is no place of an environment"):
            unpacked(tmp_path, {"shop-1.0.data/etc/passwd": ""})

    def test_a_file_twice(self, tmp_path: Path) -> None:
        with pytest.raises(ServiceError, match=rf"has '{PACKAGES}/shop.py' twice"):
            unpacked(tmp_path, {"shop.py": "", "shop-1.0.data/purelib/shop.py": ""})

    @pytest.mark.parametrize(
        ("files", "words"),
        [
            ({f"{INFO}/WHEEL": "Wheel-Version: 2.0\n"}, "is of version 2.0 of the format"),
            ({f"{INFO}/METADATA": "Name: shop\n"}, "has no METADATA with its name and version"),
            ({"other-1.dist-info/METADATA": ""}, r"has 2 directories \*.dist-info"),
        ],
    )
    def test_what_it_says_of_itself(
        self, tmp_path: Path, files: dict[str, str], words: str
    ) -> None:
        with pytest.raises(ServiceError, match=words):
            unpacked(tmp_path, files)

    @pytest.mark.parametrize("kept", [0.0, 0.2, 0.9])
    def test_one_that_is_cut_off(self, tmp_path: Path, kept: float) -> None:
        path = Path(make(tmp_path, {"shop.py": "x = 1\n" * 1000}))
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * kept)])
        with pytest.raises(ServiceError, match=r"is not whole .*; build or fetch it anew"):
            unpack_wheel(str(path), str(tmp_path / "entry"), PACKAGES)

    def test_one_that_is_damaged(self, tmp_path: Path) -> None:
        path = Path(make(tmp_path, {"shop.py": "the words of the shop"}))
        path.write_bytes(path.read_bytes().replace(b"words of the", b"swords of th"))
        with pytest.raises(ServiceError, match="is not whole"):
            unpack_wheel(str(path), str(tmp_path / "entry"), PACKAGES)


class TestPlace:
    def test_the_later_of_two_has_the_file(self, tmp_path: Path) -> None:
        place = Place(str(tmp_path / "venv"), sys.executable)
        wheels = []
        for number in (1, 2):
            (tmp_path / str(number)).mkdir()
            wheels.append(unpacked(tmp_path / str(number), {"same.py": f"NUMBER = {number}\n"}))
            place.put(wheels[-1])
        assert (tmp_path / "venv" / PACKAGES / "same.py").read_text() == "NUMBER = 2\n"
        # The other's own is as it was, whoever else has a link to it.
        first = Path(wheels[0].directory, wheels[0].files[f"{PACKAGES}/same.py"])
        assert first.read_text() == "NUMBER = 1\n"

    def test_a_file_in_the_place_of_a_directory_of_the_same_wheel(self, tmp_path: Path) -> None:
        files = {"shop": "", "shop-1.0.data/purelib/shop/more.py": ""}
        with pytest.raises(ServiceError, match="into the place of"):
            placed(tmp_path, files)

    def test_what_was_there_before_stays(self, tmp_path: Path) -> None:
        (tmp_path / "venv").mkdir()
        (tmp_path / "venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
        with pytest.raises(ServiceError, match=r"into the place of pyvenv\.cfg, which is there"):
            placed(tmp_path, {"shop-1.0.data/data/pyvenv.cfg": "home = /tmp\n"})
        assert (tmp_path / "venv" / "pyvenv.cfg").read_text() == "home = /usr/bin\n"

    @pytest.mark.parametrize("number", [errno.EXDEV, errno.EMLINK, errno.EPERM])
    def test_where_there_can_be_no_link_there_is_a_copy(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        def no_link(_source: str, _target: str) -> NoReturn:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "link", no_link)
        wheel = unpacked(tmp_path, {"shop.py": "SHOP = 1\n", "tool": ""}, modes={"tool": 0o100755})
        Place(str(tmp_path / "venv"), sys.executable).put(wheel)
        for name in ("shop.py", "tool"):
            path = f"{PACKAGES}/{name}"
            source = os.stat(os.path.join(wheel.directory, wheel.files[path]))
            copy = os.stat(tmp_path / "venv" / path)
            # Else what was compiled of it counts as out of date.
            assert (copy.st_mode, copy.st_mtime_ns) == (source.st_mode, source.st_mtime_ns)
            assert copy.st_ino != source.st_ino

    def test_a_full_disk_is_no_reason_to_copy(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_source: str, _target: str) -> NoReturn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        wheel = unpacked(tmp_path, {"shop.py": ""})
        monkeypatch.setattr(os, "link", full)
        with pytest.raises(OSError, match="No space left"):
            Place(str(tmp_path / "venv"), sys.executable).put(wheel)
