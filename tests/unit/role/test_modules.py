"""What a module of the role tells Ansible of what it did."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import module


class StandIn:
    """An `AnsibleModule` that keeps what it is told."""

    def __init__(self, *, check: bool = False) -> None:
        self.params = {"name": "demo"}
        self.check_mode = check
        self.told: dict[str, Any] = {}
        self.warned: list[str] = []

    def fail_json(self, **facts: Any) -> None:
        self.told = {"failed": True, **facts}
        raise SystemExit(1)

    def exit_json(self, **facts: Any) -> None:
        self.told = facts

    def warn(self, words: str) -> None:
        self.warned.append(words)


def told(work: module.Work) -> StandIn:
    stand_in = StandIn(check=True)
    try:
        module.run_module(stand_in, work)
    except SystemExit:
        assert stand_in.told["failed"]
    return stand_in


def test_what_it_did_is_its_result_and_a_warning_is_one() -> None:
    def work(given: Mapping[str, Any], check: bool) -> dict[str, Any]:
        return {"changed": check, "name": given["name"], "warnings": ["careful"]}

    found = told(work)
    assert found.told == {"changed": True, "name": "demo"}
    assert found.warned == ["careful"]


def test_an_error_of_ours_is_a_failure_with_its_facts() -> None:
    def work(_given: Mapping[str, Any], _check: bool) -> dict[str, Any]:
        raise ServiceError("not accepted", rolled_back=True)

    assert told(work).told == {"failed": True, "msg": "not accepted", "rolled_back": True}


def test_a_failure_has_its_warnings_as_a_success_has() -> None:
    def work(_given: Mapping[str, Any], _check: bool) -> dict[str, Any]:
        raise ServiceError("not accepted", warnings=["careful"])

    found = told(work)
    assert found.told == {"failed": True, "msg": "not accepted"}
    assert found.warned == ["careful"]


def test_an_error_of_the_host_is_a_sentence_and_no_traceback() -> None:
    def work(_given: Mapping[str, Any], _check: bool) -> dict[str, Any]:
        raise OSError(28, "No space left on device", "/opt/\x1b")

    words = told(work).told["msg"]
    assert words == "a step failed on the host: [Errno 28] No space left on device: '/opt/\\x1b'"


def test_root_is_asked_for_by_the_word_that_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ServiceError, match="set become: true"):
        module.require_root()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    module.require_root()


@pytest.mark.parametrize("text", ["", None], ids=["in no group", "a kernel without groups"])
def test_a_session_that_the_kernel_does_not_group_is_left_alone(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = tmp_path / "autogroup"
    if text is not None:
        group.write_text(text)
    monkeypatch.setattr(module, "_AUTOGROUP", group)
    assert told(lambda _given, _check: {"changed": True}).told == {"changed": True}
    assert (group.read_text() if group.exists() else None) == text


def test_it_leaves_the_processor_to_what_serves() -> None:
    group = Path("/proc/self/autogroup")

    def nice() -> list[int | str]:
        """Among the processes of the session, and of the session among all."""
        grouped = [group.read_text().split()[-1]] if group.exists() else []
        return [os.getpriority(os.PRIO_PROCESS, 0), *grouped]

    def work(_given: Mapping[str, Any], _check: bool) -> dict[str, Any]:
        return {"nice": nice()}

    def see(seen: Connection) -> None:
        os.setsid()  # other tests are in the session of this one
        seen.send([nice(), told(work).told["nice"], nice()])

    reads, writes = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=see, args=[writes])
    child.start()
    before, meanwhile, after = reads.recv()
    child.join()
    assert meanwhile == [max(before[0], 10), *("10" for _ in before[1:])]
    assert after == before
