"""Let a change of a fake host fail, be killed or wait, at each single thing that it does.

What counts as one thing is each call to the file system and each word to systemd; where
somebody is killed, only those calls count that change something.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import functools
import os
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Self
from unittest import mock

from lab.fake import FakeHost
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host.programs import LONG

Operation = Callable[[], Any]
#: What becomes of a thing that is about to happen.
Fault = Callable[[FakeHost, str], None]

#: Calls of the module os by which a file system is changed.
_CHANGES = (
    "chmod",
    "chown",
    "fchmod",
    "fsync",
    "lchown",
    "mkdir",
    "open",
    "rename",
    "rmdir",
    "symlink",
    "unlink",
)
#: Those that only look.
_READS = ("listdir", "readlink", "scandir")
#: What is only asked: who is killed before it has changed nothing more than after.
_QUESTIONS = ("read", "show", "journal", "listens", "verify", "sleep")


@contextlib.contextmanager
def watched(host: FakeHost, see: Callable[[str], None]) -> Iterator[None]:
    """Have ``see`` called before each thing that happens to the host, with what it is."""

    def wrapped(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            # What PID 1 does is not cut off with whoever told it; what the controller has is sent before.
            if not host.systemd.works and not _is_below(host.controller, arguments):
                see(f"read {name}" if _only_reads(name, arguments) else name)
            return original(*arguments, **options)

        return call

    host.systemd.watcher = see
    with contextlib.ExitStack() as stack:
        for module, name in (*((os, name) for name in _CHANGES + _READS), (builtins, "open")):
            call = wrapped(f"{module.__name__}.{name}", getattr(module, name))
            stack.enter_context(mock.patch.object(module, name, call))
        try:
            yield
        finally:
            host.systemd.watcher = None


def _is_below(directory: str, arguments: tuple[Any, ...]) -> bool:
    return bool(arguments) and str(arguments[0]).startswith(directory)


def _only_reads(name: str, arguments: tuple[Any, ...]) -> bool:
    """Whether a call changes nothing in the file system."""
    if name == "os.open":
        return not arguments[1] & os.O_CREAT
    if name == "builtins.open":
        return len(arguments) < 2 or arguments[1][0] not in "wa"
    return name.removeprefix("os.") in _READS


class _At:
    """Acts before the thing of a number, the first being 1."""

    def __init__(self, number: int, act: Callable[[str], None], *, questions: bool) -> None:
        self._left = number
        self._act = act
        self._questions = questions
        self.reached = False

    def __call__(self, what: str) -> None:
        if what.startswith(_QUESTIONS) and not self._questions:
            return
        self._left -= 1
        if self._left == 0:
            self.reached = True
            self._act(what)


class Killed(BaseException):
    """The process is no more, and nothing that it would do from here on is done."""


def killed(host: FakeHost, operation: Operation, number: int) -> bool:
    """Kill an operation before the thing of a number; False if it ended before that.

    Systemd and the accounts live on, as they do on a host. That an operation
    fails by itself is no matter.
    """
    see = _At(number, _die, questions=False)

    def die_on(what: str) -> None:
        if see.reached:  # a handler of the dead
            raise Killed
        see(what)

    with watched(host, die_on), contextlib.suppress(ServiceError, Killed):
        operation()
    return see.reached


def _die(_what: str) -> None:
    raise Killed


def failing(host: FakeHost, operation: Operation, number: int, fault: Fault) -> Any:
    """Let the thing of a number fail.

    Gives the error that the operation ended with, None for none, or `NOT_REACHED`.
    """
    see = _At(number, functools.partial(fault, host), questions=True)

    def fail_at(what: str) -> None:
        # A file system does not tell anybody that it hangs.
        if fault is not hangs or not _is_of_files(what):
            see(what)

    ended: BaseException | None = None
    with watched(host, fail_at):
        try:
            operation()
        except (ServiceError, OSError, RuntimeError) as raised:
            ended = raised
    return ended if see.reached else NOT_REACHED


def fails(_host: FakeHost, what: str) -> None:
    """It fails as such a thing does."""
    words = f"injected at {what}"
    raise OSError(errno.EIO, words, "a file") if _is_of_files(what) else ServiceError(words)


def breaks(_host: FakeHost, what: str) -> None:
    """It fails as nobody expects, by a fault of the role's own."""
    raise RuntimeError(f"injected at {what}")


def hangs(host: FakeHost, what: str) -> None:
    """It does not answer until the time for it is over."""
    host.systemd.advance(LONG)
    raise ServiceError(f"injected at {what}: it did not end within {LONG:g} s")


def _is_of_files(what: str) -> bool:
    return what.removeprefix("read ").startswith(("os.", "builtins."))


NOT_REACHED = object()


class Paused:
    """An operation in another process that waits before the thing of a number."""

    def __init__(self, host: FakeHost, operation: Operation, number: int) -> None:
        self._host = host
        self._memory = os.path.join(host.controller, "memory")
        arrived, say = os.pipe()
        wait, self._go = os.pipe()

        def act(_what: str) -> None:
            os.write(say, b"1")
            os.read(wait, 1)

        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._go)
            self._run(operation, _At(number, act, questions=False))
        os.close(say)
        os.close(wait)
        #: Whether it came so far.
        self.waits = os.read(arrived, 1) == b"1"
        os.close(arrived)

    def _run(self, operation: Operation, see: Callable[[str], None]) -> None:
        """Do it, and leave what systemd and the accounts remember for those who go on."""
        code = 1
        try:
            with watched(self._host, see), contextlib.suppress(ServiceError):
                operation()
            with open(self._memory, "wb") as file:
                pickle.dump((vars(self._host.systemd), vars(self._host.accounts)), file)
            code = 0
        except BaseException:  # noqa: BLE001 - the test is in the other process
            traceback.print_exc()
        finally:
            os._exit(code)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let it come to its end."""
        os.close(self._go)
        _pid, status = os.waitpid(self.pid, 0)
        assert status == 0, "see the traceback above"
        with open(self._memory, "rb") as file:
            systemd, accounts = pickle.load(file)
        vars(self._host.systemd).update(systemd)
        vars(self._host.accounts).update(accounts)
