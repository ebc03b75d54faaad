"""What is installed, by metadata that packages wrote: any that they like."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from python_service.module_utils.python_service.controller.pins import fixed_names
from python_service.module_utils.python_service.host.installed import (
    Package,
    packages_in,
    unwritten,
)


def write(directory: Path, info: str, text: str | bytes, file: str = "METADATA") -> Path:
    path = directory / info / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_packages_have_normal_names_versions_and_licences(tmp_path: Path) -> None:
    write(tmp_path, "Zope.Interface-7.0.dist-info", "Name: Zope.Interface\nVersion: 7.0\n")
    write(
        tmp_path,
        "attrs-25.1.dist-info",
        "Metadata-Version: 2.4\r\nName: attrs\r\nVersion: 25.1+local\r\n"
        "License: Not read,\n  since it goes on\nLicense: MIT\nLicense-Expression: MIT\n\n"
        "Name: other\n",
    )
    write(tmp_path, "old-1.egg-info", "Name: old\nVersion: 1\nLicense: UNKNOWN\n", "PKG-INFO")
    (tmp_path / "older-2-py3.11.egg-info").write_text("Name: older\nVersion: 2\nLicense: BSD\n")
    (tmp_path / "attrs").mkdir()
    assert packages_in(str(tmp_path)) == [
        Package("attrs", "25.1+local", "MIT", "Not read,"),
        Package("old", "1"),
        Package("older", "2", "", "BSD"),
        Package("zope-interface", "7.0"),
    ]


def test_without_its_fields_the_name_of_the_directory_tells(tmp_path: Path) -> None:
    write(tmp_path, "my_shop-1.2.dist-info", "Metadata-Version: 2.1\n\n")
    (tmp_path / "bare-3.dist-info").mkdir()
    assert packages_in(str(tmp_path)) == [Package("bare", "3"), Package("my-shop", "1.2")]
    assert packages_in(str(tmp_path / "none")) == []


@pytest.mark.parametrize(
    "text",
    [
        b"Name: \x1b[2Jx\nVersion: 1\n",
        b"Name: a/../../b\nVersion: 1\n",
        b"Name: " + b"a" * 1000 + b"\nVersion: 1\n",
        b"Name: a\nVersion: 1 2\n",
        b"Name: a\xff\nVersion: 1\n",
        b"Name: a\nVersion: \xe2\x80\xae1\n",
    ],
)
def test_what_is_no_name_or_no_version_is_passed_over(tmp_path: Path, text: bytes) -> None:
    write(tmp_path, "x-1.dist-info", text)
    write(tmp_path, "good-1.dist-info", "Name: good\nVersion: 1\n")
    assert packages_in(str(tmp_path)) == [Package("good", "1")]


def test_a_licence_is_a_text_that_can_be_shown(tmp_path: Path) -> None:
    long = b"License: \x1b]0;x\x07\xff" + b"l" * 100_000 + b"\n"
    write(tmp_path, "a-1.dist-info", b"Name: a\nVersion: 1\n" + long)
    (package,) = packages_in(str(tmp_path))
    assert package.license.isprintable()
    assert len(package.license) <= 200


def test_a_file_without_an_end_is_read_to_a_limit(tmp_path: Path) -> None:
    path = write(tmp_path, "a-1.dist-info", "Name: a\nVersion: 1\n")
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    assert packages_in(str(tmp_path)) == [Package("a", "1")]


@pytest.mark.parametrize("what", ["file", "directory", "egg"])
def test_nothing_is_read_through_a_link(tmp_path: Path, what: str) -> None:
    (tmp_path / "site").mkdir()
    secret = write(tmp_path, "secret", "Name: secret\nVersion: 1\nLicense: s3cret\n")
    info = tmp_path / "site" / "a-1.dist-info"
    if what == "file":
        info.mkdir()
        (info / "METADATA").symlink_to(secret)
    elif what == "directory":
        info.symlink_to(secret.parent)
    else:
        (tmp_path / "site" / "a-1.egg-info").symlink_to(secret)
    assert packages_in(str(tmp_path / "site")) == [Package("a", "1")]


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    (tmp_path / "a-1.dist-info").mkdir()
    os.mkfifo(tmp_path / "a-1.dist-info" / "METADATA")
    assert packages_in(str(tmp_path)) == [Package("a", "1")]


PACKAGES = [Package(f"p{number}", "1") for number in range(12)]


def test_what_was_installed_without_being_written_is_named() -> None:
    (said,) = unwritten("demo", ["p0"], PACKAGES[:3])
    assert said.startswith("the requirements of demo do not say all versions; installed were p1 1,")
    (said,) = unwritten("demo", [], PACKAGES)
    assert "p6 1, p7 1, 4 more, and another build may get others" in said


@pytest.mark.parametrize("fixed", [None, [package.name for package in PACKAGES]])
def test_nothing_is_said_where_no_other_version_can_come(fixed: list[str] | None) -> None:
    assert unwritten("demo", fixed, PACKAGES) == []


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("flask==3.1 \\\n  --hash=sha256:0\nClick === 8 ; python_version > '3'\n", "click flask"),
        ("flask>=3\nclick\nhttpx==0.27.*\nattrs==25,!=3\n", "attrs"),
        ("core @ https://x.invalid/core.zip\n-e git+ssh://x.invalid/a#egg=my_lib\n", "core my-lib"),
        ("--index-url https://${TOKEN}@x.invalid/simple\n-r 1.txt\n", ""),
    ],
)
def test_a_version_or_an_address_fixes_a_package(lines: str, names: str) -> None:
    assert fixed_names([lines]) == tuple(names.split())


def test_constraints_fix_as_well() -> None:
    assert fixed_names(["-c 1.txt\nflask\n", "flask==3.1\n"]) == ("flask",)


@pytest.mark.parametrize("line", ["-r https://x.invalid/all.txt", "flask==${VERSION}", "${LINE}"])
def test_what_only_the_host_knows_is_not_told(line: str) -> None:
    assert fixed_names([f"{line}\n"]) is None
