"""Requirements as they are read on the controller."""

from __future__ import annotations

import codecs
import contextlib
import logging
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from pip._internal.exceptions import PipError
from pip._internal.network.session import PipSession
from pip._internal.req.constructors import install_req_from_parsed_requirement
from pip._internal.req.req_file import parse_requirements
from pip._internal.req.req_install import check_invalid_constraint_type

from python_service.module_utils.python_service.controller.requirements import (
    read_requirements as read_all,
)
from python_service.module_utils.python_service.errors import ServiceError

A_PATH = (
    "names a path, which the host does not have; ship it as a wheel in python_service_wheelhouse"
)
LOST = "besides, which pip passes over"
WHEEL = "x-1.0-py3-none-any.whl"

#: What pip takes and a host can install.
FINE = [
    "flask",
    "Flask==3.1",
    "zope.interface~=6.0",
    "flask >= 3, < 4",
    "flask>=3,",
    "flask (>=3)",
    "flask==3.*",
    "flask===3.1+local-1",
    "flask==1!3.1.dev0",
    "flask[async,dotenv]>=3",
    "flask[]",
    "flask ; python_version < '3.12' and extra == 'x'",
    "flask;sys_platform=='linux'",
    "flask;",
    "flask # comment",
    "flask==3.1 --hash=sha256:00 --hash=sha512:11",
    "flask==3.1 \\\n    --hash=sha256:00 \\\n    # why\n",
    "flask==\\\n3.1",
    "flask==3.1 \\",
    "fla\\\n# comment\n",
    "flask --config-settings=--build-option=--quiet",
    "flask -C key=value --config-settings key=other",
    "flask --global-option=--quiet",
    "flask --pre --find-links ./wheels",
    "--pre",
    "--index-url https://name:password@example.org/simple",
    "-i https://example.org/simple --extra-index-url=https://example.com/simple",
    "-ihttps://example.org/simple",
    "--pypi-url https://example.org/simple",
    "--find-links https://example.org/wheels/",
    "--find https://example.org/wheels/",
    "-f https://example.org/wheels/ # comment",
    "--no-index",
    "--no-binary :all: --only-binary=flask,click",
    "--prefer-binary",
    "--all-releases :all:",
    "--only-final=flask",
    "--trusted-host example.org:8080",
    "--use-feature=truststore",
    "--require-hashes",
    "--no-require-hashes",
    "--hash=sha256:00",
    "-r https://example.org/requirements.txt",
    "-c HTTPS://example.org/constraints.txt",
    f"https://example.org/{WHEEL}",
    f"https://example.org/{WHEEL} ; python_version < '3.12'",
    "https://example.org/x-1.0%2Blocal-py3-none-any.whl#sha256=00",
    "https://example.org/x.tar.gz",
    "https://example.org/x;v=1.zip",
    "http://example.org/x.zip#egg=x&subdirectory=y",
    f"x @ https://example.org/{WHEEL}",
    "x[y] @ https://example.org/x.tar.gz#sha256=00 ; python_version < '3.12'",
    "x@https://example.org/x.tar.gz",
    "git+https://example.org/x.git",
    "git+https://example.org/x.git@v1#egg=x",
    "x @ git+ssh://git@example.org/x.git@main",
    "x @ git+file:///srv/x.git@main",
    "hg+https://example.org/x#egg=x",
    "svn+svn://example.org/x#egg=x",
    "bzr+lp:x#egg=x",
    "-e git+https://example.org/x.git#egg=x",
    "-e git://example.org/x.git#egg=x",
    "--editable=git+https://example.org/x.git@main#egg=x&subdirectory=y",
    "-e 'x[y] @ git+https://example.org/x.git'",
    "${NAME}==${VERSION}",
    "--index-url https://${NAME}:${PASSWORD}@example.org/simple",
    "--find-links ${PLACE}",
    "git+https://${TOKEN}@example.org/x.git#egg=x",
    "",
    "# nothing",
    "   # nothing \\\nflask",
]

#: What no host could install, and what a person is told.
REFUSED = {
    "flask = 3": "'flask = 3' is no requirement; write 'flask == 3'",
    "flask=3": "; write 'flask==3'",
    "flask>=": "; write 'flask'",
    "flask=>3": "; write 'flask>=3'",
    "flask=<3": "; write 'flask<=3'",
    "flask 3.1": "; write 'flask==3.1'",
    "flask[async] v3": "; write 'flask[async]==3'",
    "flask>=3 <4": "; write 'flask>=3,<4'",
    "flask>=3.*": "; write 'flask>=3'",
    "'flask>=3'": "; write 'flask>=3'",
    "flask = 3 ; python_version < '3.12'": "; write 'flask == 3'",
    "flask[": "write a name and the versions that will do, such as 'flask>=3.1,<4'",
    "flask \t--pre": "write a name and the versions",
    "flask#egg": "write a name and the versions",
    "import flask": "write a name and the versions",
    "flask ; python": "write one such as ; python_version < '3.12'",
    "x @ https://example.org/x.zip ; what": "has a marker that says nothing",
    "x-1.0.whl": A_PATH,
    "x-1.0.tar.gz[extra]": A_PATH,
    f"wheels/{WHEEL}": A_PATH,
    "./package": A_PATH,
    "../package": A_PATH,
    "/srv/package": A_PATH,
    "~/package": A_PATH,
    ".": "and the project itself as python_service_src",
    ".[extra]": A_PATH,
    "-e .": "and the project itself as python_service_src",
    "-e .[extra]": A_PATH,
    "-e file:///srv/package": A_PATH,
    "--editable=../package": A_PATH,
    "file:package": A_PATH,
    "file:///srv/package": A_PATH,
    "x @ file:///srv/package": A_PATH,
    "x @ wheels/package": A_PATH,
    f"x @ ./wheels/{WHEEL}": A_PATH,
    "--find-links ./wheels": A_PATH,
    "-f wheels": A_PATH,
    "--find-links=file:///srv/wheels": A_PATH,
    "--extra-index-url /srv/index": A_PATH,
    "-r file:///srv/r.txt": "names a file by its address; write its path",
    "https://example.org/x.whl": "ends with x.whl, which is no name of a wheel",
    "x @ https://example.org/x.whl": "which is no name of a wheel",
    "https://example.org/x.zip#egg=x==1": "write 'name[extras] @ URL' with no egg in it",
    "https://[example.org/x.zip": "has an address that is none",
    "ftps://example.org/x.zip": "write one that begins with https:// or git+ssh://",
    "git@github.com:x/y.git": "write one that begins with https:// or git+ssh://",
    "x @ gopher://example.org/x": "write one that begins with https:// or git+ssh://",
    "-e https://example.org/x.zip#egg=x": "leave -e out",
    "-e flask": A_PATH,
    "-e git+https://example.org/x.git": "write -e 'name @ URL'",
    "--indx-url https://example.org/simple": "(no such option: --indx-url)",
    "flask --upgrade": "(no such option: --upgrade)",
    "flask -U": "(no such option: -U)",
    "--find-links": "(--find-links option requires 1 argument)",
    "--pre=yes": "(--pre option does not take a value)",
    "--no https://example.org": "(ambiguous option: --no (",
    "--no-binary --pre": "has --no-binary without a value",
    "flask --hash=md5:00": "write it as --hash=sha256:…",
    "flask --hash 00": "write it as --hash=sha256:…",
    "flask --config-settings key": "write it as --config-settings KEY=VALUE",
    "flask --hash='sha256:00": "has a quote that is not closed",
    "-r one.txt -r two.txt": f"holds 'two.txt' {LOST}",
    "-r one.txt --constraint two.txt": f"holds 'two.txt' {LOST}",
    "--pre flask click": f"holds 'flask' and 'click' {LOST}",
    "flask -r one.txt": f"holds 'one.txt' {LOST}",
    "-e git+https://example.org/x#egg=x -e y": f"holds 'y' {LOST}",
    "-": f"holds '-' {LOST}",
}

#: What pip finds out only when it fetches things, or passes over in silence.
LATE = (A_PATH, LOST, "has an address that pip does not know", "which is no name of a wheel; ")
#: What the host has in its environment.
VARIABLES = {"NAME": "flask", "VERSION": "3", "PASSWORD": "x", "PLACE": "https://x", "TOKEN": "x"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that paths are relative to."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Read(NamedTuple):
    """What pip reads in a requirements file."""

    requirement: str
    editable: bool
    constraint: bool
    options: dict[str, object]


def pip_reads(path: Path) -> list[Read]:
    """All that pip reads in a file; raises `PipError` or `ValueError` for what it refuses."""
    found = []
    with warnings.catch_warnings(action="ignore"):
        for one in parse_requirements(str(path), PipSession()):
            install = install_req_from_parsed_requirement(one, user_supplied=True)
            if one.constraint and check_invalid_constraint_type(install):
                raise PipError
            found.append(Read(one.requirement, one.is_editable, one.constraint, one.options or {}))
    return found


def pip_refuses(path: Path) -> bool:
    logging.getLogger("pip").setLevel(logging.CRITICAL)
    try:
        pip_reads(path)
    except (PipError, ValueError):
        return True
    return False


def read_requirements(requirements: str | list[str], directory: str) -> tuple[str, ...]:
    """Texts of the files that travel."""
    return read_all(requirements, directory).texts


def refusal(requirements: str | list[str], directory: Path | str = "/") -> str:
    with pytest.raises(ServiceError) as raised:
        read_requirements(requirements, str(directory))
    message = str(raised.value)
    assert message.startswith("python_service_requirements: ")
    return message


def is_read_by_pip_alone(line: str) -> bool:
    """Whether only a host knows it: what is fetched, or was known to older ones."""
    return line.lower().startswith(("-r http", "-c http")) or "--global-option" in line


@pytest.mark.parametrize("line", FINE)
def test_what_pip_takes_and_a_host_installs_is_taken(
    line: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_requirements(line.split("\n"), str(here)) == (line.rstrip("\n") + "\n",)
    (here / "r.txt").write_text(line + "\n")
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    if not is_read_by_pip_alone(line):
        assert not pip_refuses(here / "r.txt")


@pytest.mark.parametrize("line", REFUSED)
def test_what_no_host_could_install_is_refused_with_its_place(line: str, here: Path) -> None:
    message = refusal([line], here)
    assert REFUSED[line] in message
    assert message.startswith(f"python_service_requirements: line 1: {line!r} ")
    file = here / "r.txt"
    file.write_text(f"# first\nflask \\\n  ==3\n{line}\n")
    assert f": line 4 of {file}: {line!r} " in refusal(str(file))
    if not any(words in message for words in LATE):
        assert pip_refuses(file)


def test_a_last_line_that_would_go_on_is_judged_as_well() -> None:
    assert "line 1: 'flask = 3' is no requirement" in refusal(["flask = 3 \\"])


CONSTRAINTS = {
    "flask[async]<4": "leave [...] out",
    "-e git+https://example.org/x#egg=x": "leave -e out",
    "https://example.org/x.zip": "write 'name @ URL'",
}


@pytest.mark.parametrize("line", CONSTRAINTS)
def test_what_cannot_constrain_is_refused_there_alone(line: str, here: Path) -> None:
    (here / "limits.txt").write_text(f"flask<4\n{line}\n")
    (here / "r.txt").write_text("-c limits.txt\n")
    assert CONSTRAINTS[line] in refusal("r.txt")
    assert pip_refuses(here / "r.txt")
    # What a file of constraints includes with -r is required, and no constraint.
    (here / "r.txt").write_text("-c between.txt\n")
    (here / "between.txt").write_text("-r limits.txt\n")
    assert read_requirements("r.txt", "") == (
        "-c 1.txt\n",
        "-r 2.txt\n",
        (here / "limits.txt").read_text(),
    )
    assert not pip_refuses(here / "r.txt")


def test_a_file_that_constrains_and_is_required_is_judged_as_both(here: Path) -> None:
    (here / "both.txt").write_text("flask[async]<4\n")
    assert read_requirements(["-r both.txt"], str(here)) == ("-r 1.txt\n", "flask[async]<4\n")
    assert "leave [...] out" in refusal(["-r both.txt", "-c both.txt"], here)


def test_passwords_are_not_shown(here: Path) -> None:
    message = refusal(["--indx-url https://name:secret@example.org/simple"])
    assert "://…@example.org" in message
    assert "secret" not in message
    assert "secret" not in refusal(["-r https://a:secret@x -r https://b:secret@y"])


def test_lines_are_one_file() -> None:
    assert read_requirements(["flask==3.1", "gunicorn"], "/") == ("flask==3.1\ngunicorn\n",)
    assert read_requirements([], "/") == ()


def test_a_file_that_requires_nothing_is_a_file_all_the_same(here: Path) -> None:
    (here / "r.txt").touch()
    assert read_requirements("r.txt", "") == ("\n",)


def test_files_bring_what_they_include(here: Path) -> None:
    (here / "deep").mkdir()
    (here / "all.txt").write_text(
        "-r deep/base.txt\n--constraint=deep/limits.txt\n-r \\\n  'two words.txt' # why\nflask\n"
    )
    (here / "deep" / "base.txt").write_text("-c limits.txt\ngunicorn  # why\n")
    (here / "deep" / "limits.txt").write_text("flask<4\n")
    (here / "two words.txt").write_text("-rdeep/base.txt\n")
    assert read_requirements(str(here / "all.txt"), "/") == (
        "-r 1.txt\n-c 2.txt\n-r 3.txt\n\nflask\n",
        "-c 2.txt\ngunicorn  # why\n",
        "flask<4\n",
        "-r 1.txt\n",
    )


def test_a_file_is_found_by_variables_of_the_controller(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "prod.txt").write_text("flask\n")
    monkeypatch.setenv("STAGE", "prod")
    monkeypatch.delenv("NOTHING", raising=False)
    assert read_requirements(["-r ${STAGE}.txt"], str(here)) == ("-r 1.txt\n", "flask\n")
    assert "${NOTHING}.txt cannot be read" in refusal(["-r ${NOTHING}.txt"], here)


def test_a_file_that_includes_itself_is_refused(here: Path) -> None:
    (here / "a.txt").write_text("-r b.txt\n")
    (here / "b.txt").write_text("flask\n-c ./a.txt\n")
    words = f"line 2 of {here}/b.txt: {here}/a.txt includes itself"
    assert words in refusal(str(here / "a.txt"))
    assert pip_refuses(here / "a.txt")


def test_a_missing_file_is_named_with_its_place(here: Path) -> None:
    (here / "r.txt").write_text("\n-r nothing.txt\n")
    message = refusal(str(here / "r.txt"))
    assert f"line 2 of {here}/r.txt: {here}/nothing.txt cannot be read" in message
    assert f"python_service_requirements: {here}/none.txt cannot" in refusal(str(here / "none.txt"))


@pytest.mark.parametrize(
    ("name", "command"), [("uv.lock", "uv export"), ("poetry.lock", "poetry export")]
)
def test_the_lock_of_a_tool_is_refused_with_the_command_that_helps(
    name: str, command: str, here: Path
) -> None:
    (here / name).write_text("version = 1\n")
    assert f"write one with '{command} -o requirements.txt'" in refusal(str(here / name))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (codecs.BOM_UTF8 + b"flask\n", "flask\n"),
        (codecs.BOM_UTF16_LE + "flask # é\r\n".encode("utf-16-le"), "flask # é\n"),
        (codecs.BOM_UTF16_BE + "flask\n".encode("utf-16-be"), "flask\n"),
        (codecs.BOM_UTF32_LE + "flask\n".encode("utf-32-le"), "flask\n"),
        (b"# -*- coding: latin-1 -*-\nflask # \xe9\n", "#\nflask # é\n"),
        (b"#\n#\n# coding: klingon\nflask\n", "#\n#\n# coding: klingon\nflask\n"),
        (b"#!\n# vim: fileencoding=latin-1\nflask # \xe9\n", "#!\n#\nflask # é\n"),
        (b"flask\r\nclick\x0cgunicorn\n", "flask\nclick\ngunicorn\n"),
    ],
)
def test_files_are_read_in_the_encoding_that_pip_finds(data: bytes, text: str, here: Path) -> None:
    (here / "r.txt").write_bytes(data)
    assert read_requirements("r.txt", "") == (text,)
    (here / "0.txt").write_text(text, encoding="utf-8")
    assert pip_reads(here / "0.txt") == pip_reads(here / "r.txt") != []


@pytest.mark.parametrize("data", [b"flask # \xe9\n", b"# coding: klingon\nflask\n"])
def test_a_file_in_no_known_encoding_is_refused(data: bytes, here: Path) -> None:
    (here / "r.txt").write_bytes(data)
    assert "r.txt cannot be read" in refusal("r.txt")


PIECES = [
    *("flask", "Flask[async]", "x", "==3", ">=3,<4", "=3", ">=", "3", "~=1.0", "===1", ".*"),
    *(";", "; ", "python_version < '3.12'", "extra=='y'", "#", " # c", "'", '"', "@", " @ "),
    *("\\\n", "\n", "\n", "\n", " ", " ", "\t", "\r\n", "\x0c", "\u2028", "\\"),
    *(" --hash=sha256:00", " --hash=md5:1", "--pre", " --pre ", "--no-index", " -C a=b", "-"),
    *("--trusted-host ", "--only-binary ", ":all:", "--no", "--index-url ", "-i"),
    *("https://example.org/x.zip", f"https://example.org/{WHEEL}", "git+https://example.org/x"),
    *("#egg=x", "&subdirectory=y", "-e ", "--editable=", "-r b.txt", "-c b.txt", "-r 'b.txt'"),
]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example("flask \\\n # c\n==3", "")
@example("-c b.txt", "Flask[async]")
@given(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.lists(st.sampled_from(PIECES[:-3]), max_size=5).map("".join),
)
def test_pip_reads_on_a_host_what_it_would_have_read_here(
    here: Path, first: str, second: str
) -> None:
    (here / "a.txt").write_text(first, newline="", encoding="utf-8")
    (here / "b.txt").write_text(second, newline="", encoding="utf-8")
    texts: tuple[str, ...] = ()
    problem = ""
    try:
        texts = read_requirements(str(here / "a.txt"), "/")
    except ServiceError as error:
        problem = str(error)
    event("refused" if problem else "taken")
    if problem:
        assert any(words in problem for words in LATE) or pip_refuses(here / "a.txt"), problem
        return
    there = here / "there"
    there.mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        (there / f"{number}.txt").write_text(text, encoding="utf-8")
    with contextlib.chdir(there):
        assert pip_reads(there / "0.txt") == pip_reads(here / "a.txt")
