"""Which wheels a lock names: for what is on the host, pip need not be asked."""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pip
import pytest

from python_service.module_utils.python_service.controller.locked import locked_lines
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host.builder import Builder
from python_service.module_utils.python_service.host.python import find_python
from python_service.module_utils.python_service.host.store import Store
from python_service.module_utils.python_service.host.wheels import Incoming, Wheels
from python_service.module_utils.python_service.layout import Layout
from python_service.module_utils.python_service.model import Pip

A, B = "a" * 64, "b" * 64


class TestLockedLines:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            (f"shop==1 --hash=sha256:{A}\n", f"shop==1 --hash=sha256:{A}"),
            (
                f"shop[cli]==1.0 ; python_version > '3' \\\n --hash=sha256:{A} \\\n --hash=sha256:{B}  # via x\n",
                f"shop[cli]==1.0 ; python_version > '3' --hash=sha256:{A} --hash=sha256:{B}",
            ),
            (
                f"shop @ https://x.invalid/shop-1.tar.gz --hash sha256:{A}",
                f"shop @ https://x.invalid/shop-1.tar.gz --hash=sha256:{A}",
            ),
        ],
    )
    def test_a_line_of_one_version_with_hashes(self, text: str, line: str) -> None:
        assert locked_lines([text]) == (line,)

    def test_files_that_are_included_and_what_is_said_of_indexes(self) -> None:
        texts = ["-r 1.txt\n--index-url https://x.invalid/\n", f"shop==1 --hash=sha256:{A}\n"]
        found = locked_lines(texts)
        assert found == (f"shop==1 --hash=sha256:{A}", "--index-url https://x.invalid/")

    @pytest.mark.parametrize(
        "line",
        [
            "click==8",
            f"click>=8 --hash=sha256:{A}",
            f"click==8.* --hash=sha256:{A}",
            f"click --hash=sha256:{A}",
            "-c 1.txt",
            "--no-binary :all:",
            f"-e git+https://x.invalid/click --hash=sha256:{A}",
            f"click==${{VERSION}} --hash=sha256:{A}",
        ],
    )
    def test_one_other_line_leaves_it_all_to_pip(self, line: str) -> None:
        assert locked_lines([f"shop==1 --hash=sha256:{A}\n{line}\n", ""]) == ()

    def test_nothing_locks_nothing(self) -> None:
        assert locked_lines([]) == ()


class Lock:
    """Wheels in a wheelhouse, and requirements of some of them with their hashes."""

    def __init__(self, directory: Path) -> None:
        self._incoming = directory / "incoming"
        self._wheelhouse = self._incoming / "wheelhouse"
        self._wheelhouse.mkdir(parents=True)
        (self._incoming / "requirements").mkdir()
        installer = self._incoming / "installer"
        installer.mkdir()
        (installer / "pip").symlink_to(os.path.dirname(pip.__file__))
        (directory / "build").mkdir()
        self._builder = Builder(os.geteuid(), os.getegid(), str(directory / "build"))
        self._layout = Layout("/opt", "demo", str(directory / "host"))
        self.asked: list[list[str]] = []
        self._hashes: dict[str, str] = {}

    def wheel(self, name: str, *requires: str) -> None:
        path = self._wheelhouse / f"{name}-1-py3-none-any.whl"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\nProvides-Extra: cli\n"
        info = f"{name}-1.dist-info"
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(f"{name}.py", "")
            file.writestr(
                f"{info}/METADATA",
                metadata + "".join(f"Requires-Dist: {one}\n" for one in requires),
            )
            file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            file.writestr(f"{info}/RECORD", "")
        self._hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()

    def line(self, name: str, more: str = "") -> str:
        return f"{name}==1{more} --hash=sha256:{B} --hash=sha256:{self._hashes[name]}"

    def empty_the_wheelhouse(self) -> None:
        for path in self._wheelhouse.iterdir():
            path.unlink()

    def required(self, *lines: str) -> list[str]:
        """Names of the wheels that are got for these lines."""
        text = "\n".join(lines) + "\n"
        (self._incoming / "requirements" / "0.txt").write_text(text)
        python = find_python(os.path.realpath(sys.executable))
        assert python
        incoming = Incoming(str(self._incoming), Pip(locked=locked_lines([text])))
        wheels = Wheels(sys.executable, python.series, incoming, self._builder, hashes=True)
        fetch = wheels.fetch

        def counted(options: list[str], more: Mapping[str, str] | None = None) -> dict[str, str]:
            found = fetch(options, more)
            self.asked.append(sorted(os.path.basename(path) for path in found.values()))
            return found

        wheels.fetch = counted  # type: ignore[assignment,method-assign]
        store = Store(self._layout, python, "lib/python3/site-packages")
        return [wheel.name for wheel in wheels.required(store)]


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lock:
    monkeypatch.setattr(os, "sync", lambda: None)
    found = Lock(tmp_path)
    found.wheel("shop", "till ; extra == 'cli'", "never ; python_version < '3'")
    found.wheel("till")
    return found


class TestWheels:
    def test_what_the_store_has_is_not_asked_for(self, lock: Lock) -> None:
        assert lock.required(lock.line("shop"), lock.line("till")) == ["shop", "till"]
        assert lock.asked == [["shop-1-py3-none-any.whl", "till-1-py3-none-any.whl"]]
        lock.empty_the_wheelhouse()
        assert lock.required(lock.line("till"), lock.line("shop")) == ["shop", "till"]
        assert len(lock.asked) == 1

    def test_only_what_is_missing_is_asked_for(self, lock: Lock) -> None:
        lock.required(lock.line("shop"))
        lock.required(lock.line("shop"), lock.line("till"))
        assert lock.asked[1:] == [["till-1-py3-none-any.whl"]]

    def test_what_is_for_another_host_is_left_out(self, lock: Lock) -> None:
        lock.wheel("other")
        line = lock.line("other", " ; sys_platform == 'win32'")
        assert lock.required(lock.line("shop"), line) == ["shop"]

    def test_a_lock_that_lacks_what_a_wheel_needs_is_for_pip_to_refuse(self, lock: Lock) -> None:
        lock.required(lock.line("shop"))
        with pytest.raises(ServiceError, match="all requirements must have their versions pinned"):
            lock.required(lock.line("shop").replace("shop", "shop[cli]"))

    def test_another_wheel_by_the_name_is_not_taken(self, lock: Lock) -> None:
        lock.required(lock.line("shop"))
        with pytest.raises(ServiceError, match="DO NOT MATCH THE HASHES"):
            lock.required(f"shop==1 --hash=sha256:{B}")

    def test_a_hash_of_another_package_is_not_taken_for_it(self, lock: Lock) -> None:
        lock.required(lock.line("till"))
        lock.empty_the_wheelhouse()
        with pytest.raises(ServiceError, match="No matching distribution found for shop"):
            lock.required(lock.line("till").replace("till", "shop"))


#: Fails with what pip asks itself, in its own process and in one that it starts to build something.
PIP = """
import subprocess, sys
ask = "import sysconfig; print(hasattr(sysconfig, '_PIP_USE_SYSCONFIG'), flush=True)"
exec(ask)
subprocess.run([sys.executable, "-c", ask])
sys.exit(1)
"""


@pytest.mark.parametrize(("series", "told"), [("3.9", "True"), ("3.14", "False")])
def test_pip_does_without_distutils_where_it_would_not_by_itself(
    series: str, told: str, tmp_path: Path
) -> None:
    installer = tmp_path / "incoming" / "installer" / "pip"
    installer.mkdir(parents=True)
    (installer / "__main__.py").write_text(PIP)
    builder = Builder(os.geteuid(), os.getegid(), str(tmp_path))
    incoming = Incoming(str(tmp_path / "incoming"))
    wheels = Wheels(sys.executable, series, incoming, builder, hashes=False)
    with pytest.raises(ServiceError) as raised:
        wheels.fetch(["demo"])
    assert str(raised.value) == f"pip failed:\n  {told}\n  {told}"
