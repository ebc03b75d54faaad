"""Makes the collection, the role's archive and the wheel, byte for byte the same each time.

    SOURCE_DATE_EPOCH=SECONDS build.py DIRECTORY

What the collection holds is decided by galaxy.yml, and what the wheel
holds by pyproject.toml; the role's archive is the role's folder.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
ROLE = "roles/python_service"
_TOOLS = Path(sys.executable).parent

# An archive's member and what is in it, if it is a file.
Member = tuple[tarfile.TarInfo, bytes]


def project_files() -> list[str]:
    """The paths of all that git has or would add, as it is now."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
    paths = listed.stdout.rstrip("\0").split("\0")
    return sorted(path for path in paths if os.path.lexists(PROJECT / path))


def stage(directory: Path) -> None:
    """Copy the project's files, so that nothing else gets into what is built."""
    for path in project_files():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / path, directory / path, follow_symlinks=False)


def tar(archive: Path, members: list[Member], time: int) -> None:
    """Write members in their order, all of the same time and as root's."""
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=time) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as out,
    ):
        for member, content in members:
            plain = tarfile.TarInfo(member.name)
            plain.type, plain.linkname, plain.mtime = member.type, member.linkname, time
            plain.size = len(content)
            plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            out.addfile(plain, io.BytesIO(content))


def members_of(archive: Path) -> Iterator[Member]:
    """The members of an archive and their contents."""
    with tarfile.open(archive) as found:
        for member in found:
            file = found.extractfile(member) if member.isfile() else None
            yield member, file.read() if file else b""


def build_role(target: Path, time: int) -> None:
    """Pack the role's folder."""
    members = []
    for path in project_files():
        if path.startswith(f"{ROLE}/"):
            member = tarfile.TarInfo(path.removeprefix("roles/"))
            member.mode = (PROJECT / path).stat().st_mode
            members.append((member, (PROJECT / path).read_bytes()))
    tar(target / "python_service.tar.gz", members, time)


def build_collection(staged: Path, target: Path, time: int) -> None:
    """Let Ansible build the collection; then put its lists, whose order is the disk's, in order."""
    with tempfile.TemporaryDirectory() as directory:
        _run(_TOOLS / "ansible-galaxy", "collection", "build", "--output-path", directory, staged)
        [built] = Path(directory).glob("*.tar.gz")
        members = {member.name: (member, content) for member, content in members_of(built)}
    files = json.loads(members["FILES.json"][1])
    files["files"].sort(key=lambda entry: entry["name"])
    manifest = json.loads(members["MANIFEST.json"][1])
    listed = _json(files)
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(listed).hexdigest()
    heads = [
        (members.pop("MANIFEST.json")[0], _json(manifest)),
        (members.pop("FILES.json")[0], listed),
    ]
    tar(target / built.name, [*heads, *(members[name] for name in sorted(members))], time)


def build_wheel(staged: Path, target: Path) -> None:
    """Build the wheel, which hatchling does reproducibly."""
    _run(
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--directory",
        target,
        cwd=staged,
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=True).encode()


def _run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a tool; what it says is shown if it fails."""
    result = subprocess.run(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if result.returncode:
        sys.exit(f"{command[0]} failed:\n{result.stdout}")


def main(target: Path) -> None:
    """Build all of it into `target`."""
    time = int(os.environ["SOURCE_DATE_EPOCH"])
    with tempfile.TemporaryDirectory() as directory:
        staged, built = Path(directory, "staged"), Path(directory, "built")
        stage(staged)
        built.mkdir()
        build_role(built, time)
        build_collection(staged, built, time)
        build_wheel(staged, built)
        sums = "".join(
            f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
            for file in sorted(built.iterdir())
        )
        (built / "SHA256SUMS").write_text(sums, encoding="utf-8")
        shutil.copytree(built, target, dirs_exist_ok=True)
    print(sums, end="")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
