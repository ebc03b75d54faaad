"""What ``pip install .`` brings: the package, its types, and the way to any program."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing in it but the package's wheel."""
    directory = tmp_path_factory.mktemp("package")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", directory],
        cwd=PROJECT,
        stderr=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    venv.create(directory / "venv", with_pip=False)
    [site] = (directory / "venv").glob("lib/python*/site-packages")
    [wheel] = directory.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return directory / "venv" / "bin" / "python"


def test_an_installed_package_is_whole(python: Path) -> None:
    program = (
        "import systemd_handler, pathlib\n"
        "assert (pathlib.Path(systemd_handler.__file__).parent / 'py.typed').exists()\n"
        "import systemd_handler.unescape, systemd_handler._auto, systemd_handler.__main__\n"
    )
    subprocess.run([python, "-c", program], cwd="/", timeout=60, check=True)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [({}, b"a\nb\nFalse\n"), ({"SYSTEMD_HANDLER": "auto"}, b"<6>a\\nb\n<6>True\n")],
)
def test_an_installed_package_does_nothing_until_it_is_asked(
    python: Path, asked: dict[str, str], expected: bytes
) -> None:
    reader, writer = os.pipe()
    status = os.fstat(writer)  # what the program takes for its stream to the journal
    subprocess.run(
        [python, "-c", "import sys; print('a\\nb'); print('systemd_handler' in sys.modules)"],
        cwd="/",
        env={"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}", **asked},
        stdout=writer,
        timeout=60,
        check=True,
    )
    assert os.read(reader, 4096) == expected
    os.close(reader)
    os.close(writer)
