"""Secrets: what is refused, how they come to the host, what lies there, and what shows of them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from lab.fake import FakeHost, Program, fake_host, make_release

from builders import arguments, contents, release, settings
from python_service.module_utils.python_service import foreign
from python_service.module_utils.python_service.controller.contents import Contents
from python_service.module_utils.python_service.controller.secrets import (
    BLOCK,
    MOST_BYTES,
    packed,
    program_problems,
    secret_warnings,
)
from python_service.module_utils.python_service.controller.zipped import Zipped
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import secrets
from python_service.module_utils.python_service.host.staging import _is_python
from python_service.module_utils.python_service.layout import Layout
from python_service.module_utils.python_service.source import FILE, Entry, Source

VALUE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def shown_again() -> Iterator[None]:
    yield
    foreign._secrets.clear()


class TestVariables:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"secrets": {"a/b": VALUE}}, "secrets: 'a/b' cannot name a file"),
            ({"secrets": {".a": VALUE}}, "secrets: '.a' cannot name a file"),
            ({"secrets": {"a:b": VALUE}}, "secrets: 'a:b' cannot name a file"),
            ({"secrets": {"": VALUE}}, "secrets: '' cannot name a file"),
            ({"secrets": {"a" * 256: VALUE}}, "at most 255"),
            ({"secrets": {"a": b"\xff\0"}}, "secrets: a is no text; write it in Base64"),
            ({"secrets": {"a": "\udcff"}}, "secrets: a is no text; write it in Base64"),
            ({"secrets": {"a": True}}, "secrets: a is a boolean; write a string"),
            ({"secrets": {"a": None}}, "secrets: a is empty; write a string"),
            ({"secrets": {"a": [VALUE]}}, "secrets: a is a list; write a string"),
            ({"secrets": {"a": "x" * MOST_BYTES}}, f"systemd has {MOST_BYTES} for a service"),
            (
                {
                    "secrets": {"a": VALUE},
                    "unit_options": {"Service": {"LoadCredential": ["b:/b", "a:/a"]}},
                },
                "secrets: a is in LoadCredential of python_service_unit_options as well",
            ),
            (
                {"secret_environment": ["A"]},
                "secret_environment: A is none of python_service_secrets; write its value there",
            ),
            (
                {"secrets": {"a-b": VALUE}, "secret_environment": ["a-b"]},
                "secret_environment: 'a-b' cannot name a variable",
            ),
            (
                {"secrets": {"A": VALUE}, "secret_environment": ["A"], "environment": {"A": 1}},
                "secret_environment: A is in python_service_environment as well",
            ),
            (
                {"secrets": {"A": f"\0{VALUE}"}, "secret_environment": ["A"]},
                "secret_environment: A has a null character",
            ),
        ],
    )
    def test_what_will_not_do_is_refused_without_its_value(
        self, changes: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(ServiceError) as refused:
            arguments(**changes)
        assert words in str(refused.value)
        assert VALUE not in str(refused.value)

    def test_the_largest_the_empty_and_numbers_will_do(self) -> None:
        largest = "x" * (MOST_BYTES - 2 * BLOCK - 1)
        given = {"a": largest, "b": "", "c": 7}
        assert arguments(secrets=given)["secrets"] == given
        with pytest.raises(ServiceError, match="in blocks of 4096"):
            arguments(secrets={**given, "d": ""})
        assert secrets.secrets_from(packed({"b": "", "c": 7})) == {"b": "", "c": "7"}

    @pytest.mark.parametrize("value", ["", "\n", "a\r\nb\n", "'\"\\%$", "\0", "é漢🙂"])
    def test_they_arrive_as_they_were_written(self, value: str) -> None:
        assert secrets.secrets_from(packed({"a": value})) == {"a": value}

    def test_no_release_has_a_value_and_each_has_the_names(self) -> None:
        with_one = release(secrets={"A": VALUE, "b": "2"}, secret_environment=["A"])
        assert with_one == release(secrets={"A": "another", "b": "3"}, secret_environment=["A"])
        lines = with_one.units["demo.service"].split("\n")
        assert "LoadCredential=A:/opt/demo/secrets/A" in lines
        assert "LoadCredential=b:/opt/demo/secrets/b" in lines
        assert 'Environment="PYTHON_SERVICE_SECRET_ENVIRONMENT=A"' in lines
        assert with_one.processes[0].secrets == ("A", "b")
        without = release(secrets={"A": VALUE}).units["demo.service"]
        assert "SECRET_ENVIRONMENT" not in without

    def test_the_role_itself_says_which_of_them_are_variables(self) -> None:
        with pytest.raises(ServiceError, match="is set by the role"):
            arguments(environment={"PYTHON_SERVICE_SECRET_ENVIRONMENT": "A"})


def made_of(directory: Path, files: Mapping[str, str], pex: Any = None) -> Contents:
    """A source of files with these first lines."""
    for name, line in files.items():
        (directory / name).write_text(f"{line}\n")
    entries = tuple(Entry(name, FILE, True, "digest") for name in files)
    zipped = Zipped("", pex) if pex else None
    return contents()._replace(source=Source(str(directory), entries), zipped=zipped)


class TestPrograms:
    @pytest.mark.parametrize(
        "command",
        [
            "python main.py",
            "python3 -m gunicorn -S",
            "python -I -X dev main.py -S",
            "gunicorn shop:app",
            "./python",
            "./dashed",
            "./shell",
        ],
    )
    def test_a_python_of_the_services_own_can_have_them(self, tmp_path: Path, command: str) -> None:
        files = {
            "python": "#!/usr/bin/env python3",
            "dashed": "#!/usr/bin/env -S python3 -u",
            "shell": "#! /bin/bash -e",
        }
        found = made_of(tmp_path, files)
        asked = settings(secrets={"A": ""}, secret_environment=["A"], command=command)
        assert list(program_problems(asked, found)) == []

    @pytest.mark.parametrize(
        ("command", "words"),
        [
            ("/usr/bin/python3 main.py", "/usr/bin/python3 is a program of the host"),
            ("/usr/sbin/nginx", "/usr/sbin/nginx is a program of the host"),
            ("python -S main.py", "python -S keeps Python from looking for them"),
            ("python -uS main.py", "python -uS keeps Python from"),
            ("./perl", "./perl is run by perl"),
            ("./binary", "./binary is run by the system itself"),
            ("./hosts", "./hosts names a Python of the host"),
        ],
    )
    def test_others_are_refused_with_what_they_can_do(
        self, tmp_path: Path, command: str, words: str
    ) -> None:
        files = {"perl": "#!/usr/bin/perl", "binary": "\x7fELF", "hosts": "#!/usr/bin/python3"}
        asked = settings(secrets={"A": ""}, secret_environment=["A"], command=command)
        found = list(program_problems(asked, made_of(tmp_path, files)))
        assert len(found) == 1
        assert found[0].startswith(f"python_service_secret_environment: {words}")
        assert found[0].endswith("read the file $CREDENTIALS_DIRECTORY/NAME")
        asked = settings(secrets={"A": ""}, command=command)
        assert list(program_problems(asked, made_of(tmp_path, files))) == []

    def test_a_pex_that_becomes_a_venv_of_its_own_is_refused(self, tmp_path: Path) -> None:
        found = made_of(tmp_path, {"shop": "#!/usr/bin/env python3"}, pex={"venv": True})
        given = {"secrets": {"A": ""}, "secret_environment": ["A"], "command": "./shop"}
        (problem,) = program_problems(settings(**given), found)
        assert "the pex unpacks itself into a virtual environment of its own" in problem
        without = settings(**given, environment={"PEX_VENV": "0"})
        assert list(program_problems(without, found)) == []

    def test_a_shells_script_is_told_of(self, tmp_path: Path) -> None:
        found = made_of(tmp_path, {"start": "#!/bin/sh", "run": "#!/usr/bin/env python3"})
        for command, told in (("./start", 1), ("./run", 0), ("python run", 0)):
            asked = settings(secrets={"A": ""}, secret_environment=["A"], command=command)
            assert len(list(secret_warnings(asked, found))) == told

    @pytest.mark.parametrize(
        ("name", "text", "can"),
        [
            ("python3", "\x7fELF", True),
            ("serve", "#!/opt/demo/environments/x/bin/python\nimport x\n", True),
            ("serve", "#!/bin/sh\n'''exec' \"/opt/long/bin/python\" \"$0\" \"$@\"\n' '''\n", True),
            ("serve", "\x7fELF python", False),
            ("serve", "#!/bin/sh\nexec serve\n", False),
        ],
    )
    def test_what_packages_brought_is_looked_at_on_the_host(
        self, tmp_path: Path, name: str, text: str, can: bool
    ) -> None:
        (tmp_path / name).write_text(text)
        assert _is_python(str(tmp_path / name)) is can


class TestFiles:
    @pytest.fixture
    def layout(self, tmp_path: Path) -> Layout:
        layout = Layout("/opt", "demo", str(tmp_path))
        os.makedirs(layout.base)
        return layout

    def mode(self, path: str) -> int:
        return stat.S_IMODE(os.stat(path).st_mode)

    def test_they_are_for_root_alone(self, layout: Layout) -> None:
        secrets.put(layout, "a", VALUE, None)
        assert (self.mode(layout.secrets), self.mode(layout.secret("a"))) == (0o700, 0o600)
        assert secrets.present(layout, None) == {"a": secrets.Secret(VALUE)}

    def test_where_none_are_delivered_the_group_reads_them_and_nobody_writes(
        self, layout: Layout
    ) -> None:
        group = os.getegid()
        secrets.put(layout, "a", VALUE, group)
        assert (self.mode(layout.secrets), self.mode(layout.secret("a"))) == (0o750, 0o440)
        assert secrets.present(layout, group)["a"].closed
        assert not secrets.present(layout, None)["a"].closed

    @pytest.mark.parametrize("path", [Layout.secret, lambda layout, _: layout.secrets])
    def test_one_that_others_can_read_is_found(
        self, layout: Layout, path: Callable[[Layout, str], str]
    ) -> None:
        secrets.put(layout, "a", VALUE, None)
        os.chmod(path(layout, "a"), 0o755)
        assert not secrets.present(layout, None)["a"].closed
        secrets.put(layout, "a", VALUE, None)
        assert secrets.present(layout, None)["a"].closed

    def test_the_value_of_before_stays_until_it_is_forgotten(self, layout: Layout) -> None:
        for value in ("1", "2", "3"):
            secrets.put(layout, "a", value, None)
        assert secrets.present(layout, None) == {"a": secrets.Secret("3", before="1")}
        assert self.mode(layout.old_secrets) == 0o700
        assert os.listdir(layout.secrets) == ["a"]
        secrets.prune_before(layout, "a")
        assert not os.path.exists(layout.old_secrets)
        assert secrets.present(layout, None) == {"a": secrets.Secret("3")}

    def test_what_was_half_written_goes(self, layout: Layout) -> None:
        secrets.put(layout, "a", VALUE, None)
        Path(layout.secret(".a.new")).write_text("hal")
        secrets.clean(layout)
        assert os.listdir(layout.secrets) == ["a"]

    def test_the_directory_goes_with_the_last(self, layout: Layout) -> None:
        for name in ("a", "b"):
            secrets.put(layout, name, VALUE, None)
            secrets.put(layout, name, "2", None)
        secrets.prune(layout, "a")
        assert (os.listdir(layout.secrets), os.listdir(layout.old_secrets)) == (["b"], ["b"])
        secrets.prune(layout, "b")
        assert os.listdir(layout.base) == []


KEYED = Program(secrets=("key", "token"))
VALUES = {"key": VALUE, "token": "the token of it all"}


class TestDeploys:
    @pytest.fixture
    def host(self) -> Iterator[FakeHost]:
        with fake_host() as host:
            yield host

    def test_a_changed_one_restarts_what_uses_it_once(self, host: FakeHost) -> None:
        found = make_release(host, "demo", KEYED, Program(name="worker"))
        host.deploy(found, secrets=VALUES)
        before = host.invocations("demo")
        result = host.deploy(found, secrets={**VALUES, "key": "another"})
        assert result["restarted"]
        after = host.invocations("demo")
        assert after["demo.service"] != before["demo.service"]
        assert after["demo-worker.service"] == before["demo-worker.service"]
        assert not host.deploy(found, secrets={**VALUES, "key": "another"})["changed"]

    def test_a_diff_says_that_it_changed_and_no_more(self, host: FakeHost) -> None:
        found = make_release(host, "demo", KEYED)
        first = host.deploy(found, secrets=VALUES)
        shown = [one for one in first["diff"] if "secrets/key" in one.get("after_header", "")]
        assert [(one["before"], one["after"]) for one in shown] == [("", "(a secret)\n")]
        for check in (True, False):
            result = host.deploy(found, secrets={**VALUES, "key": "another"}, check=check)
            shown = [one for one in result["diff"] if "secrets/" in one.get("after_header", "")]
            (one,) = shown
            assert one["after_header"].endswith("secrets/key")
            assert (one["before"], one["after"]) == ("(a secret)\n", "(changed)\n")
            assert "set secret key" in result["steps"]
            assert VALUE not in json.dumps(result)
            assert "another" not in json.dumps(result)

    def test_one_that_others_could_read_is_closed_without_a_restart(self, host: FakeHost) -> None:
        found = make_release(host, "demo", KEYED)
        host.deploy(found, secrets=VALUES)
        os.chmod(host.layout("demo").secret("key"), 0o644)
        result = host.deploy(found, secrets=VALUES)
        assert result["steps"] == ["set secret key"]
        assert secrets.present(host.layout("demo"), None)["key"].closed
        assert not host.deploy(found, secrets=VALUES)["changed"]
        assert host.old_secrets("demo") == {}

    def test_a_wrong_one_is_taken_back(self, host: FakeHost) -> None:
        found = make_release(host, "demo", KEYED)
        host.deploy(found, secrets=VALUES)
        with pytest.raises(ServiceError) as failed:
            host.deploy(found, secrets={**VALUES, "key": "wrong"})
        words = str(failed.value)
        assert f"Release {found.id} was not accepted with the new value of key: " in words
        assert f"Release {found.id} runs again. What its secrets were before is back." in words
        assert host.secrets("demo") == VALUES
        assert not host.deploy(found, secrets=VALUES)["changed"]

    def test_the_way_back_has_the_present_ones(self, host: FakeHost) -> None:
        old = make_release(host, "demo", KEYED)
        host.deploy(old, secrets=VALUES)
        new = make_release(host, "demo", KEYED, source="2")
        host.deploy(new, secrets={**VALUES, "key": "of today"})
        host.roll_back("demo")
        assert host.missing("demo", old) == []
        assert host.secrets("demo")["key"] == "of today"

    def test_one_stays_as_long_as_a_release_needs_it(self, host: FakeHost) -> None:
        old = make_release(host, "demo", KEYED)
        host.deploy(old, secrets=VALUES)
        for source in "234":
            host.deploy(make_release(host, "demo", Program(), source=source), keep=2)
            there = os.path.isdir(host.layout("demo").release(old.id))
            assert (host.secrets("demo") == VALUES) is there
        assert host.secrets("demo") == {}

    def test_a_release_is_not_gone_back_to_without_its_own(self, host: FakeHost) -> None:
        host.deploy(make_release(host, "demo", KEYED), secrets=VALUES)
        new = make_release(host, "demo", Program(), source="2")
        host.deploy(new)
        os.unlink(host.layout("demo").secret("key"))
        with pytest.raises(ServiceError, match=r"needs key in .*secrets, where it is no more"):
            host.roll_back("demo")
        assert host.missing("demo", new) == []

    def test_they_go_with_the_service(self, host: FakeHost) -> None:
        host.deploy(make_release(host, "demo", KEYED), secrets=VALUES)
        path = host.layout("demo").secrets
        assert path in host.remove("demo", check=True)
        host.remove("demo")
        assert not os.path.exists(path)


class TestShown:
    def test_a_value_and_each_line_of_one_is_hidden(self) -> None:
        foreign.hide([VALUE, "-----BEGIN\nMIIEvQIBADANBg\n"])
        shown = foreign.message(f"no access with {VALUE}: MIIEvQIBADANBg?")
        assert shown == "no access with ****: ****?"

    def test_one_in_another_is_hidden_as_well(self) -> None:
        foreign.hide(["longest secret", "longest secret of all"])
        assert foreign.shortened("longest secret of all") == "****"

    def test_a_short_one_is_in_too_many_words(self) -> None:
        foreign.hide(["demo", ""])
        assert foreign.message("demo.service failed") == "demo.service failed"

    def test_what_a_host_reads_is_hidden(self, tmp_path: Path) -> None:
        layout = Layout("/opt", "demo", str(tmp_path))
        secrets.secrets_from(packed({"a": VALUE}))
        os.makedirs(layout.base)
        secrets.put(layout, "b", "value on the host", None)
        secrets.present(layout, None)
        assert foreign.message(f"{VALUE}, value on the host") == "****, ****"
