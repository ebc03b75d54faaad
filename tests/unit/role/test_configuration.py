"""Configuration files: what is refused, what a release tells of them, and what a change of one does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.fake import FakeHost, Program, fake_host, make_release

from builders import arguments, contents, release, settings
from python_service.module_utils.python_service.archive import unpack
from python_service.module_utils.python_service.controller.configuration import (
    MOST_BYTES,
    source_of,
)
from python_service.module_utils.python_service.controller.contents import gather, pack_contents
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.source import scan

SECRET = "correct horse battery staple"
LINE = "Environment=CONFIGURATION_DIRECTORY=/opt/demo/releases/{}/etc"


class TestVariable:
    @pytest.mark.parametrize(
        "path",
        ["/etc/app.toml", "../app.toml", "conf/../../x", "conf/..", "..", 5, None],
        ids=str,
    )
    def test_a_path_that_leads_out_of_the_directory(self, path: Any) -> None:
        words = "is no path within the directory; write a relative one, such as conf/app.toml"
        with pytest.raises(ServiceError) as refused:
            arguments(files={path: "x"})
        assert str(refused.value) == f"python_service_files: {path!r} {words}"

    @pytest.mark.parametrize(
        "path",
        ["", ".", "./a", "a//b", "a/", "a/./b", "-a", "a b", "a\nb", "é", "a%b", "a" * 256],
        ids=repr,
    )
    def test_a_path_that_is_none_of_a_file(self, path: str) -> None:
        with pytest.raises(ServiceError, match=r"^python_service_files: .*cannot be the path of"):
            arguments(files={path: "x"})

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            ({"a": 1}, "is a dictionary; write it with | to_json or | to_yaml"),
            ([1], "is a list; write it with | to_json or | to_yaml"),
            (True, "is a boolean; write the text of the file, in quotes"),
            (None, "is empty; write the text of the file, in quotes"),
            (b"\xff", "is no text; ship it with python_service_src"),
            ("\udcff", "is no text; ship it with python_service_src"),
            ("é" * (MOST_BYTES // 2 + 1), f"has more than {MOST_BYTES} bytes; ship it"),
        ],
        ids=lambda value: repr(value)[:20],
    )
    def test_a_value_that_is_no_text_of_a_file(self, value: Any, words: str) -> None:
        with pytest.raises(ServiceError) as refused:
            arguments(files={"conf/a": value})
        assert str(refused.value).startswith(f"python_service_files: 'conf/a' {words}")

    def test_a_file_that_is_a_directory_as_well(self) -> None:
        with pytest.raises(ServiceError) as refused:
            arguments(files={"a": "", "a.b": "", "a/b": ""})
        words = "'a' is a file, and the directory of 'a/b' too; rename one"
        assert str(refused.value) == f"python_service_files: {words}"

    @pytest.mark.parametrize("secret", [SECRET, f"{SECRET}\n", 12345678], ids=repr)
    def test_a_secret_in_it_is_refused_without_its_value(self, secret: str | int) -> None:
        files = {"a": "", "app.toml": f"key = {str(secret).strip()}"}
        with pytest.raises(ServiceError) as refused:
            arguments(files=files, secrets={"key": secret, "b": "app"})
        words = "'app.toml' holds the value of the secret key; have the program read"
        assert str(refused.value) == f"python_service_files: {words} $CREDENTIALS_DIRECTORY/key"

    def test_a_short_secret_may_be_in_any_text(self) -> None:
        arguments(files={"a": "1234567"}, secrets={"key": "1234567", "empty": ""})

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            (
                {"environment": {"CONFIGURATION_DIRECTORY": "/etc/demo"}},
                "python_service_environment: CONFIGURATION_DIRECTORY leads to python_service_files",
            ),
            (
                {"unit_options": {"Service": {"ConfigurationDirectory": "demo"}}},
                "python_service_unit_options: Service.ConfigurationDirectory is another",
            ),
        ],
        ids=str,
    )
    def test_another_directory_of_that_name_is_refused_where_there_are_files(
        self, changes: dict[str, Any], words: str
    ) -> None:
        arguments(**changes)
        with pytest.raises(ServiceError, match="leave one of the two out") as refused:
            arguments(files={"a": ""}, **changes)
        assert str(refused.value).startswith(words)

    def test_texts_are_taken_as_they_are_and_numbers_are_texts(self) -> None:
        files = {".env": "A=1", "conf.d/10-a@b.+_": " \r\n\0", "a": "", "n/1": 7, "n/2": 0.5}
        texts = {**files, "n/1": "7", "n/2": "0.5"}
        assert settings(files=files).files == texts

    def test_who_removes_a_service_is_not_asked_about_them(self) -> None:
        arguments(state="absent", files={"/a": None})


FILES = {"b": "1", "a/c/d.toml": "é\n", "a.b": ""}


def test_a_process_is_told_where_they_are_if_there_are_any() -> None:
    with_some = release(files=FILES)
    assert LINE.format(with_some.id) in with_some.units["demo.service"].split("\n")
    assert "CONFIGURATION_DIRECTORY" not in release().units["demo.service"]


def test_what_arrives_is_what_was_told(tmp_path: Path) -> None:
    made_of = contents()._replace(source=None, handler=source_of({}), files=FILES)
    with (tmp_path / "archive").open("wb") as archive:
        pack_contents(made_of, None, archive)
    (tmp_path / "arrived").mkdir()
    unpack(str(tmp_path / "archive"), str(tmp_path / "arrived"))
    etc = tmp_path / "arrived" / "etc"
    assert {path: (etc / path).read_text() for path in FILES} == FILES
    assert scan(str(etc)).digest == source_of(FILES).digest == release(files=FILES).files


def test_they_are_part_of_what_a_release_is_made_of() -> None:
    made_of = gather(settings(src="", requirements=["demo"], files={"a": 1}))
    assert made_of.files == {"a": "1"}


@pytest.fixture
def host() -> Iterator[FakeHost]:
    with fake_host() as made:
        yield made


def text(host: FakeHost) -> str:
    """What the running process finds."""
    found = host.systemd.unit("demo.service").invocation
    assert found
    (directory,) = (
        line.partition("=")[2]
        for line in found.text["Environment"]
        if line.startswith("CONFIGURATION_DIRECTORY=")
    )
    return Path(directory, "app.toml").read_text()


def test_a_change_restarts_and_a_way_back_brings_the_old_ones(host: FakeHost) -> None:
    one, two = (make_release(host, "demo", Program(), files=word) for word in ("one", "two"))
    bad = make_release(host, "demo", Program("exits"), files="three")
    host.deploy(one)
    assert host.deploy(one)["changed"] is False
    result = host.deploy(two)
    assert (result["restarted"], text(host)) == (True, "two\n")
    with pytest.raises(ServiceError, match="was not accepted"):
        host.deploy(bad)
    assert text(host) == "two\n"
    host.roll_back("demo")
    assert text(host) == "one\n"
    assert os.listdir(host.layout("demo").venvs) == [one.venv.id]
