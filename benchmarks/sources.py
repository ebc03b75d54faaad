"""Programs to deploy: the benchmark's service with as many small files as one likes."""

from __future__ import annotations

import random
import shutil
import tarfile
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_PACKAGE = _HERE.parent / "roles" / "python_service" / "files" / "systemd_handler"
# Files of a directory, as in a program of many packages.
_IN_ONE = 100


class Source:
    """The service and texts of 1 KiB, ``files`` in all, in a new directory."""

    def __init__(self, directory: Path, files: int) -> None:
        self.directory = directory
        self._version = 0
        self._texts = files - 1  # one is main.py
        directory.mkdir()
        shutil.copy(_HERE / "service" / "main.py", directory)
        self.change()
        letters = random.Random(files)  # noqa: S311 -- the same texts in every run
        for number in range(self._texts - 1):
            parent = directory / f"part{number // _IN_ONE}"
            parent.mkdir(exist_ok=True)
            (parent / f"{number}.txt").write_text(letters.randbytes(512).hex())

    @property
    def status(self) -> str:
        """What the service says once it runs from all of these files."""
        return f"version {self._version}, {self._texts} texts"

    def change(self) -> None:
        """Make it the next version, which is in one of its files."""
        self._version += 1
        (self.directory / "version.txt").write_text(f"version {self._version}\n")

    def pack(self, archive: Path) -> None:
        """Write an archive of it that runs without the role, all of it root's."""
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(self.directory, ".", filter=_owned_by_root)
            tar.add(_PACKAGE, "systemd_handler", filter=_owned_by_root)


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if member.name.endswith("__pycache__"):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
