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


def journal_of(python: Path, program: str, **environment: str) -> list[bytes]:
    """The lines of a program that journald would make entries of, which leaves blank ones out."""
    reader, writer = os.pipe()
    status = os.fstat(writer)  # what the program takes for its stream to the journal
    with open(reader, "rb") as journal:
        subprocess.run(
            [python, "-c", program],
            cwd="/",
            env={"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}", **environment},
            stdout=writer,
            stderr=writer,
            timeout=60,
            check=False,
        )
        os.close(writer)
        return [line for line in journal.read().split(b"\n") if line]


def test_the_packages_page_is_its_own_and_its_example_does_what_it_says(python: Path) -> None:
    program = (
        "import importlib.metadata, re\n"
        "page = importlib.metadata.metadata('systemd-handler').get_payload()\n"
        "assert page.startswith('# systemd_handler\\n'), page\n"
        "[example] = re.findall('```python\\n(.*?)```', page, re.DOTALL)\n"
        "exec(example)\n"
    )
    expected = [b"<6>shop: paid order=7", b"<5>shop: open again"]
    assert journal_of(python, program) == expected


def test_an_installed_package_is_whole(python: Path) -> None:
    program = (
        "import systemd_handler, pathlib\n"
        "assert (pathlib.Path(systemd_handler.__file__).parent / 'py.typed').exists()\n"
        "import systemd_handler.unescape, systemd_handler._auto, systemd_handler.__main__\n"
    )
    subprocess.run([python, "-c", program], cwd="/", timeout=60, check=True)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [({}, [b"a", b"b", b"False"]), ({"SYSTEMD_HANDLER": "auto"}, [b"<6>a\\nb", b"<6>True"])],
)
def test_an_installed_package_does_nothing_until_it_is_asked(
    python: Path, asked: dict[str, str], expected: list[bytes]
) -> None:
    program = "import sys; print('a\\nb'); print('systemd_handler' in sys.modules)"
    assert journal_of(python, program, **asked) == expected
