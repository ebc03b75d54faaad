"""The demo as it stands on each Debian release: its journal, its unit, its account."""

from __future__ import annotations

import json
import shlex
from typing import Any, Callable

import pytest
from lab.deploys import Service
from testinfra.host import Host

PRIORITIES = {
    "debug": 7,
    "info": 6,
    "notice": 5,
    "warning": 4,
    "error": 3,
    "critical": 2,
    "alert": 1,
    "emergency": 0,
}


@pytest.fixture(scope="module")
def demo(service: Callable[[str], Service]) -> Service:
    return service("demo")


def press(host: Host, button: str) -> int:
    """Press a button of the demo's page from the host itself; the answer's status."""
    program = (
        "import urllib.request, urllib.error\n"
        f"request = urllib.request.Request('http://127.0.0.1:8080/{button}', method='POST')\n"
        "try: print(urllib.request.urlopen(request, timeout=20).status)\n"
        "except urllib.error.HTTPError as error: print(error.code)\n"
    )
    return int(host.check_output(f"python3 -c {shlex.quote(program)}"))


def fetch(host: Host, path: str) -> Any:
    program = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080{path}').read().decode())"
    return host.check_output(f"python3 -c {shlex.quote(program)}")


@pytest.mark.parametrize(("level", "priority"), PRIORITIES.items())
def test_a_level_is_the_priority_of_its_entry(
    host: Host, demo: Service, level: str, priority: int
) -> None:
    before = len(demo.journal(f"PRIORITY={priority}"))
    assert press(host, f"log/{level}") == 200
    after = demo.journal(f"PRIORITY={priority}")[before:]
    entries = [entry for entry in after if f"at level {level}," in entry["MESSAGE"]]
    assert len(entries) == 1
    assert entries[0]["SYSLOG_IDENTIFIER"] == "demo"
    assert entries[0]["_SYSTEMD_UNIT"] == "demo.service"
    # The prefix is journald's; it is not part of the message.
    assert not entries[0]["MESSAGE"].startswith("<")


@pytest.mark.parametrize("button", ["raise", "thread"])
def test_a_traceback_is_one_entry(host: Host, demo: Service, button: str) -> None:
    before = len(demo.journal())
    press(host, button)
    demo.eventually(lambda: any("Traceback" in str(e["MESSAGE"]) for e in demo.journal()[before:]))
    new = demo.journal()[before:]
    entries = [entry for entry in new if "Traceback (most recent call last)" in entry["MESSAGE"]]
    assert len(entries) == 1
    assert entries[0]["PRIORITY"] == "3"
    assert "Error" in entries[0]["MESSAGE"].rpartition("\\n")[2]
    # No line of it stands beside it.
    assert not [entry for entry in new if entry["MESSAGE"].lstrip().startswith("File ")]


def test_a_message_of_several_lines_is_one_entry(host: Host, demo: Service) -> None:
    before = len(demo.journal())
    press(host, "multiline")
    new = [entry for entry in demo.journal()[before:] if "\\n" in entry["MESSAGE"]]
    assert len(new) == 1


def test_a_request_cannot_forge_an_entry(host: Host, demo: Service) -> None:
    host.run(
        "printf 'GET /x\\0<0>forged\\r HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'"
        " | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080; cat >&3; cat <&3'"
    )
    forged = demo.entries("forged")
    assert all(int(entry["PRIORITY"]) >= 4 for entry in forged)
    assert not [entry for entry in demo.journal() if str(entry["MESSAGE"]).startswith("forged")]


def test_entries_say_which_release_wrote_them(host: Host, demo: Service) -> None:
    release = host.check_output("basename $(readlink /opt/demo/current)")
    assert {entry["PYTHON_SERVICE_RELEASE"] for entry in demo.journal()} == {release}
    assert json.loads(fetch(host, "/healthz"))["release"] == release


def test_the_unit_is_there_enabled_running_and_right(host: Host, demo: Service) -> None:
    unit = host.file("/etc/systemd/system/demo.service")
    assert unit.is_file
    assert (unit.user, unit.group, unit.mode) == ("root", "root", 0o644)
    assert host.service("demo").is_enabled
    assert host.service("demo").is_running
    verify = host.run("systemd-analyze verify demo.service")
    # The oldest systemd passes over one kind of isolation, which came with the next.
    said = [line for line in verify.stderr.splitlines() if "key name 'PrivateIPC'" not in line]
    assert (verify.rc, verify.stdout, said) == (0, "", [])
    shown = demo.show("FragmentPath", "Description", "Type", "StatusText", "NeedDaemonReload")
    assert shown["FragmentPath"] == "/etc/systemd/system/demo.service"
    assert shown["Description"] == "Demo of python_service"
    assert shown["Type"] == "notify"
    assert shown["NeedDaemonReload"] == "no"
    assert shown["StatusText"]


def test_the_account_has_no_shell_no_home_and_no_rights(host: Host, demo: Service) -> None:
    user = host.user("demo")
    assert user.shell == "/usr/sbin/nologin"
    assert not host.file(user.home).exists
    assert user.uid < 1000
    assert user.groups == ["demo"]
    status = host.file(f"/proc/{demo.pid}/status").content_string
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == [str(user.uid)] * 4
    assert fields["Gid"].split() == [str(user.gid)] * 4
    assert fields["NoNewPrivs"] == "1"


def test_what_the_role_wrote_is_roots_and_not_writable_by_the_service(host: Host) -> None:
    assert host.check_output("find /opt/demo ! -user root") == ""
    assert host.check_output("find /opt/demo ! -group root ! -group demo") == ""
    assert host.check_output("find /opt/demo ! -type l -perm /022") == ""
    # All of it is readable: no line of find's says otherwise.
    readable = host.run(
        "setpriv --reuid demo --regid demo --clear-groups find /opt/demo ! -readable"
    )
    assert (readable.rc, readable.stdout, readable.stderr) == (0, "", "")


def test_its_own_directories_are_there(host: Host) -> None:
    for path in ("/var/lib/demo", "/var/cache/demo", "/var/log/demo"):
        directory = host.file(path)
        assert (directory.user, directory.group, directory.mode) == ("demo", "demo", 0o750)


def test_it_comes_back_after_kill_9(host: Host, demo: Service) -> None:
    before = demo.pid
    host.check_output(f"kill -9 {before}")
    demo.eventually(lambda: demo.pid not in (0, before) and host.service("demo").is_running)


def test_it_comes_back_after_it_exits(host: Host, demo: Service) -> None:
    before = demo.pid
    press(host, "exit")
    demo.eventually(lambda: demo.pid not in (0, before) and host.service("demo").is_running)


def test_the_watchdog_ends_a_hang_and_the_journal_says_where_it_hung(
    host: Host, demo: Service
) -> None:
    before = demo.pid
    press(host, "hang")
    demo.eventually(lambda: demo.pid not in (0, before) and host.service("demo").is_running)
    dump = [entry["MESSAGE"] for entry in demo.journal(f"_PID={before}")]
    assert any(line.startswith("Fatal Python error: Aborted") for line in dump)
