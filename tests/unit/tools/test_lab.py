"""What people see of the lab's work: entries of a journal, and figures of a run of Ansible."""

from __future__ import annotations

import json

import pytest
from lab import playbooks
from lab.commands import LabError, check
from lab.journal import entry_of
from lab.journal_view import lines_of


def shown(**fields: object) -> list[str]:
    """Lines of an entry, without their time."""
    lines = lines_of(entry_of({"__REALTIME_TIMESTAMP": "0", **fields}))
    return [line[14:] for line in lines]


def test_an_escaped_line_end_of_a_stream_is_shown_as_one() -> None:
    assert shown(PRIORITY="3", MESSAGE=r"one\ntwo", _TRANSPORT="stdout") == [
        "3 err      one",
        "│          two",
        "╰ one entry, 2 lines",
    ]


def test_a_native_entry_has_no_escapes_to_undo() -> None:
    assert shown(MESSAGE=r"one\ntwo", _TRANSPORT="journal") == [r"6 info     one\ntwo"]


def test_bytes_cannot_steer_the_terminal() -> None:
    assert shown(MESSAGE=[27, 91, 72, 255]) == ["6 info     \\x1b[H�"]


def test_an_entry_without_a_message_is_shown_as_empty() -> None:
    assert shown(PRIORITY="5") == ["5 notice   "]


def test_figures_of_a_run_over_ssh_are_read_from_what_it_says() -> None:
    run = playbooks.Run(
        0,
        "<10.0.0.2> SSH: EXEC ssh -C -o ControlMaster=auto 10.0.0.2 true\n"
        "<10.0.0.2> PUT /tmp/a TO /tmp/b\n"
        "web1   : ok=9    changed=4    unreachable=0    failed=0    skipped=1\n"
        "web2   : ok=9    changed=0    unreachable=0    failed=0    skipped=1\n",
        1.0,
    )
    assert (run.calls, run.transfers) == (1, 1)
    assert run.changes == {"web1": 4, "web2": 0}


def test_a_run_that_failed_says_what_its_task_said() -> None:
    results = {"web1": {"failed": True, "msg": "no room"}}
    report = {"plays": [{"tasks": [{"task": {"name": "role : Deploy it"}, "hosts": results}]}]}
    output = f"[WARNING]: first {{\n{json.dumps(report, indent=4)}\n[WARNING]: last {{\n"
    with pytest.raises(LabError) as error:
        playbooks.Run(2, output, 1.0).succeeded()
    assert str(error.value) == "no room"


def test_a_run_that_failed_before_people_says_all_that_it_said() -> None:
    output = 'fatal: [web1]: FAILED! => {"msg": "no room"}\n'
    with pytest.raises(LabError, match="FAILED! =>"):
        playbooks.Run(2, output, 1.0).succeeded()


def test_a_command_that_failed_says_what_it_was_and_what_it_said() -> None:
    with pytest.raises(LabError) as error:
        check(["sh", "-c", "echo why >&2; exit 3"])
    assert str(error.value) == "sh -c 'echo why >&2; exit 3' failed with status 3:\nwhy\n"
