"""What pip is told besides, and that no password is where others could read it."""

from __future__ import annotations

import netrc
from pathlib import Path

import pytest

from builders import settings
from python_service.module_utils.python_service.controller.contents import Contents, gather
from python_service.module_utils.python_service.controller.pip_options import (
    OptionError,
    PipOptions,
    anonymous,
    pip_options,
    separated,
)
from python_service.module_utils.python_service.controller.release import describe
from python_service.module_utils.python_service.errors import ServiceError


@pytest.mark.parametrize(
    "options",
    [
        ["--pre --uploaded-prior-to 2026-01-01", "--no-binary=:all:"],
        ["--pre", "--uploaded-prior-to", "2026-01-01", "--no-binary=:all:"],
    ],
)
def test_options_are_words_as_on_a_command_line(options: list[str]) -> None:
    words = ("--pre", "--uploaded-prior-to", "2026-01-01", "--no-binary=:all:")
    assert pip_options(options) == PipOptions(words)
    assert not pip_options(options).names_an_index


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        (["-i https://a.invalid/"], {"PIP_INDEX_URL": "https://a.invalid/"}),
        (["-ihttps://a.invalid/"], {"PIP_INDEX_URL": "https://a.invalid/"}),
        (["--index-url=https://a.invalid/?a=b"], {"PIP_INDEX_URL": "https://a.invalid/?a=b"}),
        (
            ["-i", "https://a.invalid/", "-i", "https://b.invalid/"],
            {"PIP_INDEX_URL": "https://b.invalid/"},
        ),
        (
            ["--extra-index-url https://a.invalid/", "--extra-index-url https://b.invalid/"],
            {"PIP_EXTRA_INDEX_URL": "https://a.invalid/ https://b.invalid/"},
        ),
        (["--proxy http://me:pw@p.invalid:3128"], {"PIP_PROXY": "http://me:pw@p.invalid:3128"}),
    ],
)
def test_addresses_are_told_by_the_environment(
    options: list[str], environment: dict[str, str]
) -> None:
    assert pip_options([*options, "--pre"]) == PipOptions(("--pre",), environment)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target /srv"], "has --target, which is the role's own affair"),
        (["-r more.txt"], "has -r, which is the role's own affair"),
        (["--wheel-dir /srv"], "has --wheel-dir, which is the role's own affair"),
        (["--upgrade"], "has --upgrade, which only `pip install` knows"),
        (["flask"], "begins with 'flask', which is no option"),
        (["--index-url"], "has --index-url with 0 values"),
        (["-i a b"], "has -i with 2 values"),
        (["--pre 'x"], "has a quote that is not closed"),
        (["--cert https://me:s3cret@x.invalid/"], "has a password in --cert, which would be seen"),
    ],
)
def test_what_pip_is_not_to_be_told_is_refused(options: list[str], words: str) -> None:
    with pytest.raises(OptionError) as raised:
        pip_options(options)
    assert words in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_a_netrc_holds_what_it_can(tmp_path: Path) -> None:
    texts, text = separated(
        [
            "--index-url https://me:p%40ss@a.invalid:8443/simple\nflask\n",
            "x @ git+https://you:word@B.invalid/x.git\n",
            "-i https://token@c.invalid/ --extra-index-url https://one:1@d.invalid/\n",
            "-i https://two:2@d.invalid/ -i https://q:a%20b@e.invalid/\ngit+ssh://git@a.invalid/x\n",
        ]
    )
    assert texts == [
        "--index-url https://a.invalid:8443/simple\nflask\n",
        "x @ git+https://B.invalid/x.git\n",
        # A host has one entry, an old Python reads none without a password, and none has spaces.
        "-i https://token@c.invalid/ --extra-index-url https://one:1@d.invalid/\n",
        "-i https://two:2@d.invalid/ -i https://q:a%20b@e.invalid/\ngit+ssh://git@a.invalid/x\n",
    ]
    (tmp_path / "netrc").write_text(text)
    hosts = netrc.netrc(str(tmp_path / "netrc")).hosts
    assert {name: (login, word) for name, (login, _, word) in hosts.items()} == {
        "a.invalid": ("me", "p@ss"),
        "b.invalid": ("you", "word"),
    }


def test_a_digest_is_of_texts_without_passwords() -> None:
    assert anonymous("-i https://token@c.invalid/ -f HTTP://a:b@d.invalid") == (
        "-i https://c.invalid/ -f HTTP://d.invalid"
    )


def made(**changes: object) -> Contents:
    return gather(settings(src="", command="demo", **changes))


SECRET = "https://{}@index.invalid/simple"


@pytest.mark.parametrize("login", ["me:{}", "{}"])
@pytest.mark.parametrize("place", ["requirements", "pip_options"])
def test_a_password_is_no_part_of_a_release(login: str, place: str) -> None:
    releases = []
    for password in ("s3cret", "other"):
        index = f"--index-url {SECRET.format(login.format(password))}"
        given = {"requirements": ["demo"], "pip_options": list[str]()}
        given[place].append(index)
        found = describe(settings(src="", command="demo", **given), made(**given), {})
        assert "s3cret" not in str(found)
        releases.append(found)
    assert releases[0] == releases[1]
    given = {"requirements": ["demo"]}
    without = describe(settings(src="", command="demo", **given), made(**given), {})
    assert releases[0].venv != without.venv


def test_a_login_goes_to_the_netrc_from_wherever_it_stands() -> None:
    found = made(
        requirements=["--extra-index-url https://a:1@one.invalid/", "demo"],
        pip_options=["-i https://b:2@two.invalid/"],
    )
    assert found.requirements == ("--extra-index-url https://one.invalid/\ndemo\n",)
    assert found.pip.environment == {"PIP_INDEX_URL": "https://two.invalid/"}
    assert found.pip.netrc == (
        "machine one.invalid login a password 1\nmachine two.invalid login b password 2\n"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pip_options": ["--root /"]}, "python_service_pip_options: has --root, which"),
        (
            {"pip_options": ["-i https://x.invalid/"], "wheelhouse": "/srv/wheels"},
            "python_service_pip_options: names an index, and nothing but python_service_wheelhouse",
        ),
        ({"extras": ["a b"]}, "python_service_extras: 'a b' names no extra and no group"),
    ],
)
def test_bad_variables_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ServiceError) as raised:
        settings(**changes)
    assert words in str(raised.value)
