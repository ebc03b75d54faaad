"""What the hosts of one run share."""

from __future__ import annotations

import builtins
import fcntl
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from python_service.module_utils.python_service.controller.run_cache import (
    Digests,
    RunCache,
)
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.source import scan


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source whose files were written long ago, as this process sees the time."""
    directory = tmp_path / "source"
    directory.mkdir()
    for name in ("a.py", "b.py"):
        (directory / name).write_text(name)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 10)
    return directory


@pytest.fixture
def cache(tmp_path: Path) -> RunCache:
    (tmp_path / "run").mkdir()
    return RunCache(str(tmp_path / "run"))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were opened, each time."""
    names: list[str] = []
    original = builtins.open

    def recording(file: Any, *arguments: Any, **options: Any) -> IO[Any]:
        names.append(os.path.basename(str(file)))
        found: IO[Any] = original(file, *arguments, **options)
        return found

    monkeypatch.setattr(builtins, "open", recording)
    return names


def digest(cache: RunCache, source: Path) -> str:
    with cache.digests() as known:
        return scan(str(source), known=known).digest


def in_processes(count: int, work: Callable[[int], object]) -> None:
    """Do work in so many processes at once, as Ansible does for so many hosts."""
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            status = 1
            signal.alarm(600)  # one that waits for itself fails here, and hangs no test
            try:
                work(number)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * count


def test_a_file_is_read_once_for_all_hosts(
    cache: RunCache, source: Path, opened: list[str], tmp_path: Path
) -> None:
    def work(number: int) -> None:
        opened.clear()
        digest(cache, source)
        (tmp_path / f"read-{number}").write_text(" ".join(n for n in opened if n.endswith(".py")))

    in_processes(8, work)
    read = sorted((tmp_path / f"read-{number}").read_text() for number in range(8))
    assert read == [""] * 7 + ["a.py b.py"] or read == [""] * 7 + ["b.py a.py"]


def test_a_file_that_changed_is_read_again(cache: RunCache, source: Path) -> None:
    before = digest(cache, source)
    (source / "a.py").write_text("b.py")  # as long as before
    assert digest(cache, source) == scan(str(source)).digest != before


def test_a_file_that_was_just_written_is_not_remembered(
    cache: RunCache, source: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    digest(cache, source)
    with cache.digests() as known:
        assert not known.known


def test_an_archive_is_packed_once_for_all_hosts(cache: RunCache, tmp_path: Path) -> None:
    def pack(file: IO[bytes]) -> None:
        with (tmp_path / "packed").open("a") as log:
            log.write("x")
        file.write(b"archive")

    in_processes(8, lambda _number: Path(cache.archive("3f2a", pack)).read_bytes())
    assert (tmp_path / "packed").read_text() == "x"
    assert Path(cache.archive("3f2a", pack)).read_bytes() == b"archive"


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), OSError("no space"), KeyboardInterrupt()]
)
def test_half_an_archive_is_none(cache: RunCache, tmp_path: Path, error: BaseException) -> None:
    def fail(file: IO[bytes]) -> None:
        file.write(b"half")
        raise error

    with pytest.raises((ServiceError, KeyboardInterrupt)) as raised:
        cache.archive("3f2a", fail)
    if isinstance(error, OSError):
        assert f"{error.args[-1]}; see to it that there is room in" in str(raised.value)
    assert [path.suffix for path in (tmp_path / "run").iterdir()] == [".lock"]
    path = cache.archive("3f2a", lambda file: file.write(b"whole"))
    assert Path(path).read_bytes() == b"whole"


def test_those_who_wait_for_one_that_is_killed_make_the_archive_themselves(
    cache: RunCache, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "packing")

    def hang(file: IO[bytes]) -> None:
        file.write(b"half")
        file.flush()
        (tmp_path / "packing").write_text("")  # goes on once somebody reads
        signal.pause()

    def work(number: int) -> None:
        path = cache.archive("3f2a", lambda file: file.write(b"whole"))
        assert Path(path).read_bytes() == b"whole"

    killed = os.fork()
    if killed == 0:
        try:
            cache.archive("3f2a", hang)
        finally:
            os._exit(1)
    (tmp_path / "packing").read_text()
    os.kill(killed, signal.SIGKILL)
    in_processes(3, work)
    assert os.waitstatus_to_exitcode(os.waitpid(killed, 0)[1]) == -signal.SIGKILL


def test_one_archive_does_not_wait_for_another(cache: RunCache) -> None:
    def pack(file: IO[bytes]) -> None:
        file.write(Path(cache.archive("other", lambda inner: inner.write(b"other"))).read_bytes())

    in_processes(1, lambda _number: cache.archive("3f2a", pack))
    assert Path(cache.archive("3f2a", pack)).read_bytes() == b"other"


def test_without_locks_each_works_for_itself(
    cache: RunCache, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(file: object, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)

    def work(number: int) -> None:
        digest(cache, source)
        path = cache.archive("3f2a", lambda file: file.write(b"whole"))
        assert Path(path).read_bytes() == b"whole"

    in_processes(8, work)


def test_a_directory_that_went_away_is_made_anew(tmp_path: Path, source: Path) -> None:
    cache = RunCache(str(tmp_path / "gone" / "run"))
    assert digest(cache, source) == scan(str(source)).digest
    path = cache.archive("3f2a", lambda file: file.write(b"whole"))
    assert Path(path).read_bytes() == b"whole"
    assert (tmp_path / "gone" / "run").stat().st_mode & 0o777 == 0o700


def test_what_was_read_before_a_refusal_is_not_read_again(cache: RunCache, source: Path) -> None:
    os.mkfifo(source / "z.fifo")
    with pytest.raises(ServiceError, match="is a pipe"):
        digest(cache, source)
    with cache.digests() as known:
        assert known.known


def test_digests_that_cannot_be_kept_are_done_without(
    cache: RunCache, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(path: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    expected = scan(str(source)).digest
    monkeypatch.setattr(os, "replace", replace)
    assert digest(cache, source) == expected


def test_digests_that_cannot_be_read_are_forgotten(cache: RunCache, source: Path) -> None:
    before = digest(cache, source)
    kept = list(source.parent.glob("run/*.json"))
    assert kept
    for file in kept:
        file.write_text("{")
    assert digest(cache, source) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_text("b.py"),
        lambda path: path.chmod(0o755),
        lambda path: path.rename(path.with_name("c.py")),
        lambda path: os.utime(path, (0, 0)),
        lambda path: (
            path.with_name("new").write_text("new!"),
            path.with_name("new").replace(path),
        ),
    ],
    ids=["content", "mode", "name", "time", "replaced"],
)
def test_whatever_changed_is_seen(
    cache: RunCache, source: Path, change: Callable[[Path], object]
) -> None:
    digest(cache, source)
    change(source / "a.py")
    assert digest(cache, source) == scan(str(source)).digest


def test_a_change_while_a_file_is_read_is_seen(cache: RunCache, source: Path) -> None:
    class Meanwhile(Digests):
        """Writes to a file after its state was looked at, and before it is read."""

        def get(self, path: str, status: os.stat_result) -> str | None:
            with open(path, "r+") as file:
                file.write("x")
            return super().get(path, status)

    with cache.digests() as known:
        scan(str(source), known=Meanwhile(known.known))
    (source / "a.py").write_text("a.py")
    assert digest(cache, source) == scan(str(source)).digest


def test_a_file_written_just_before_a_long_reading_is_not_remembered(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    known = Digests({})
    now = time.time
    status = (source / "a.py").stat()
    monkeypatch.setattr(time, "time", lambda: now() + 60)  # when it has been read
    known.put("a.py", status, "digest")
    assert known.known == {}
