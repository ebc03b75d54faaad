"""Accounts of the host; what changes them is a stand-in."""

from __future__ import annotations

import getpass
import grp
import os
import pwd
from pathlib import Path

import pytest

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host.accounts import Accounts


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-ins write how they were called."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name in ("usermod", "userdel", "groupdel", "chown"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/calls\n')
        (tmp_path / name).chmod(0o755)
    return tmp_path / "calls"


def test_accounts_of_the_host_are_known() -> None:
    assert Accounts().exists("user", pwd.getpwuid(0).pw_name)
    assert Accounts().exists("group", grp.getgrgid(0).gr_name)
    assert not Accounts().exists("user", "nobody-of-that-name")
    assert not Accounts().exists("group", "nobody-of-that-name")


def test_root_is_known_by_its_number() -> None:
    assert Accounts().is_root(pwd.getpwuid(0).pw_name)
    assert not Accounts().is_root("nobody-of-that-name")
    assert Accounts().is_root(getpass.getuser()) == (os.geteuid() == 0)


def test_a_user_is_in_the_groups_that_it_is_in() -> None:
    user = pwd.getpwuid(os.geteuid())
    assert user.pw_gid in Accounts().groups_of(user.pw_name)


def test_a_group_does_not_go_with_the_user_of_its_name(calls: Path) -> None:
    Accounts().remove("user", "demo")
    assert calls.read_text() == "usermod --gid 65534 demo\nuserdel demo\n"


def test_a_group_is_removed_for_itself(calls: Path) -> None:
    Accounts().remove("group", "demo")
    assert calls.read_text() == "groupdel demo\n"


def test_others_who_use_an_account_are_known() -> None:
    everybody = pwd.getpwall()
    root = pwd.getpwuid(0).pw_name
    assert root not in Accounts().users_of("user", root)
    first = [user.pw_name for user in everybody if user.pw_gid == 0]
    assert Accounts().users_of("group", grp.getgrgid(0).gr_name) == first


def test_a_user_of_the_same_number_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    root = pwd.getpwuid(0)
    alias = pwd.struct_passwd(("toor", *root[1:]))
    monkeypatch.setattr(pwd, "getpwall", lambda: [root, alias])
    assert Accounts().users_of("user", root.pw_name) == ["toor"]


def test_processes_of_a_user_are_ended_but_never_our_own() -> None:
    Accounts().end_processes(getpass.getuser())


def test_what_an_account_owned_is_given_to_root_and_not_what_links_lead_to(calls: Path) -> None:
    Accounts().give_to_root("user", "demo", ["/var/lib/demo"])
    Accounts().give_to_root("group", "demo", ["/var/lib/demo", "/var/log/demo"])
    assert calls.read_text().splitlines() == [
        "chown -R -h --from=demo root /var/lib/demo",
        "chown -R -h --from=:demo :root /var/lib/demo",
        "chown -R -h --from=:demo :root /var/log/demo",
    ]


def test_a_program_that_fails_is_named_with_its_words(calls: Path) -> None:
    program = calls.parent / "userdel"
    program.write_text("#!/bin/sh\necho 'user root is used by process 1\x1b' >&2; exit 8\n")
    with pytest.raises(ServiceError, match=r"userdel root failed: user root is .* 1\\x1b"):
        Accounts().remove("user", "root")
