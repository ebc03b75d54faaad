"""The plan of a deploy: what it is, what the host is asked, and the diff of its source."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from builders import arguments
from python_service.module_utils.python_service.controller.contents import Contents
from python_service.module_utils.python_service.controller.plan import (
    MOST_LISTED,
    deploy_options,
    files_diff,
    look_options,
    plan,
)
from python_service.module_utils.python_service.controller.run_cache import RunCache
from python_service.module_utils.python_service.controller.secrets import packed
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.model import release_from_json
from python_service.module_utils.python_service.source import Source, scan

NOTHING: dict[str, Any] = {"added": [], "changed": [], "removed": [], "texts": {}}


@pytest.fixture
def src(tmp_path: Path) -> Path:
    directory = tmp_path / "src"
    directory.mkdir()
    (directory / "main.py").write_text("print()\n")
    return directory


@pytest.fixture
def cache(tmp_path: Path) -> RunCache:
    (tmp_path / "run").mkdir()
    return RunCache(str(tmp_path / "run"))


def asked(src: Path | str, **changes: Any) -> dict[str, Any]:
    return arguments(src=str(src), **{"command": "python main.py", **changes})


def of(source: Source | None) -> Contents:
    return Contents(source, None, (), None, Source("", ()))


def source_diff(source: Source | None, changes: dict[str, Any]) -> list[dict[str, str]]:
    return files_diff(of(source), {"app": changes, "etc": NOTHING})


def git(directory: Path, *words: str) -> str:
    identity = ("-c", "user.name=me", "-c", "user.email=me@here.invalid")
    command = ["git", "-C", str(directory), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_same_source_is_planned_as_the_same_release(src: Path, cache: RunCache) -> None:
    one, other = (plan(asked(src), "me@here", cache) for _ in range(2))
    assert one.release.id == other.release.id
    assert one.release.origin["by"] == "me@here"


def test_a_command_that_the_release_would_not_hold_is_refused(src: Path, cache: RunCache) -> None:
    with pytest.raises(
        ServiceError, match=r"python_service_command: other\.py is not in the source"
    ):
        plan(asked(src, command="python other.py"), "me@here", cache)


@pytest.mark.parametrize("line", ["./run x", "-./main.py", "true ; ./run"])
def test_a_command_beside_it_that_the_release_would_not_hold_is_refused(
    src: Path, cache: RunCache, line: str
) -> None:
    options = {"Service": {"ExecStartPre": [line], "Nice": 5}}
    with pytest.raises(ServiceError, match=r"^python_service_unit_options: \./"):
        plan(asked(src, unit_options=options), "me@here", cache)
    (src / "run").touch(mode=0o755)
    (src / "main.py").chmod(0o755)
    plan(asked(src, unit_options=options), "me@here", cache)


def test_the_release_tells_the_commit_it_was_made_from(src: Path, cache: RunCache) -> None:
    def revision() -> Any:
        return plan(asked(src), "me@here", cache).release.origin["revision"]

    git(src.parent, "init", "--quiet")
    assert revision() is None
    git(src.parent, "add", ".")
    git(src.parent, "commit", "--quiet", "--message", "One")
    git(src.parent, "tag", "v1")
    commit = git(src.parent, "rev-parse", "HEAD")
    assert revision() == commit
    (src / "main.py").write_text("print(1)\n")
    assert revision() == f"{commit}-dirty"


@pytest.mark.parametrize(
    "trouble", [FileNotFoundError("git"), subprocess.TimeoutExpired("git", 60)], ids=repr
)
def test_without_git_there_is_no_commit_to_tell(
    src: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception, cache: RunCache
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr(subprocess, "run", fail)
    assert plan(asked(src), "me@here", cache).release.origin["revision"] is None


def test_a_program_without_a_source_has_no_commit(cache: RunCache) -> None:
    given = asked("", command="demo", requirements=["demo"])
    assert plan(given, "me@here", cache).release.origin["revision"] is None


def test_a_module_is_given_the_release_and_what_is_wanted_of_it(src: Path, cache: RunCache) -> None:
    secrets = {"key": "of the shop"}
    given = asked(
        src, state="stopped", enabled=False, keep_releases=2, root="/srv", secrets=secrets
    )
    planned = plan(given, "me@here", cache)
    options = json.loads(json.dumps(deploy_options(planned, given)))
    assert release_from_json(options.pop("release")) == planned.release
    assert options == {
        "name": "demo",
        "root": "/srv",
        "user": "demo",
        "group": "demo",
        "state": "stopped",
        "enabled": False,
        "keep_releases": 2,
        "parts": ["stage", "prepare", "activate"],
        "secrets": packed(secrets),
    }


def test_the_host_is_asked_about_the_account(src: Path, cache: RunCache) -> None:
    given = asked(src, user="www", group="staff")
    options = look_options(plan(given, "me@here", cache), given, diff=False)
    assert (options["user"], options["group"]) == ("www", "staff")


def test_the_host_is_told_the_files_only_for_a_diff(src: Path, cache: RunCache) -> None:
    given = asked(src)
    planned = plan(given, "me@here", cache)
    assert look_options(planned, given, diff=False)["files"] is None
    (src / "empty").mkdir()
    (entry,) = scan(str(src / "main.py")).entries
    assert look_options(planned, given, diff=True)["files"] == {
        "app": {"main.py": entry.content},
        "etc": {},
    }


def test_what_the_host_is_told_is_json_whatever_the_files_are_called(
    tree: Path, cache: RunCache
) -> None:
    given = asked(tree)
    options = look_options(plan(given, "me@here", cache), given, diff=True)
    json.dumps(options, ensure_ascii=False).encode()
    assert "not-utf8-\\udcff" in options["files"]["app"]


def test_a_program_without_a_source_has_no_files(cache: RunCache) -> None:
    given = asked("", command="demo", requirements=["demo"])
    assert look_options(plan(given, "me@here", cache), given, diff=True)["files"] == {
        "app": {},
        "etc": {},
    }


def test_nothing_changed_is_no_diff(src: Path) -> None:
    assert source_diff(scan(str(src)), NOTHING) == []


def test_the_diff_lists_the_files_and_shows_what_is_text(tree: Path) -> None:
    (tree / "not-utf8-\udcff").write_text("new\n")
    found = {
        "added": ["run"],
        "changed": ["main.py", "not-utf8-\\udcff", "package/data"],
        "removed": ["old.py", "old.so"],
        "texts": {
            "main.py": "before\n",
            "not-utf8-\\udcff": "",
            "package/data": "text before\n",
            "old.py": "gone\x1b[2J\n",
            "old.so": None,
        },
    }
    listed, *texts = source_diff(scan(str(tree)), found)
    assert listed["prepared"].splitlines() == [
        "files (+ added, ~ changed, - removed)",
        *("+ run", "~ main.py", "~ not-utf8-\\udcff", "~ package/data", "- old.py", "- old.so"),
    ]
    shown = {text["after_header"]: text for text in texts if "after_header" in text}
    assert (shown["main.py"]["before"], shown["main.py"]["after"]) == ("before\n", "print()\n")
    assert shown["not-utf8-\\udcff"]["after"] == "new\n"
    # What it held is shown as text and does not steer the terminal.
    assert (shown["old.py"]["before"], shown["old.py"]["after"]) == ("gone\\x1b[2J\n", "")
    assert [text["prepared"] for text in texts if "prepared" in text] == [
        "package/data: not shown, since it is long or no text\n",
        "old.so: not shown, since it is long or no text\n",
    ]


def test_no_name_of_a_file_reaches_the_output_as_it_is() -> None:
    name = "\udcff\x1b[2J"
    found = {**NOTHING, "removed": [name, "a"], "texts": {name: "x", "a\udcff": None}}
    shown = json.dumps(source_diff(None, found), ensure_ascii=False)
    assert shown.encode()
    assert "\\\\udcff\\\\x1b[2J" in shown


def test_a_source_that_is_gone_is_shown_as_removed() -> None:
    found = {**NOTHING, "removed": ["main.py"], "texts": {"main.py": "print()\n"}}
    _, shown = source_diff(None, found)
    assert (shown["before"], shown["after"]) == ("print()\n", "")


def test_a_long_list_says_how_many_more_there_are() -> None:
    found = {**NOTHING, "added": [f"{number}.py" for number in range(MOST_LISTED + 3)]}
    (listed,) = source_diff(None, found)
    lines = listed["prepared"].splitlines()
    assert len(lines) == MOST_LISTED + 2
    assert lines[-1] == "… and 3 more"


def test_the_host_is_told_what_is_in_configuration_files(src: Path, cache: RunCache) -> None:
    files = {"conf/a.toml": "1", "b": ""}
    given = asked(src, files=files)
    found = look_options(plan(given, "me@here", cache), given, diff=True)["files"]["etc"]
    for path, text in files.items():
        assert found[path] == hashlib.sha256(text.encode()).hexdigest()
    assert len(found) == len(files)


def test_the_diff_shows_configuration_files_before_and_after() -> None:
    files = {"app.toml": "debug = false\n", "new/log.ini": "\x1b[2J\n", "long": "x" * 40_000}
    etc = {
        "added": ["long", "new/log.ini"],
        "changed": ["app.toml"],
        "removed": ["old"],
        "texts": {"app.toml": "debug = true\n", "old": "gone\n"},
    }
    listed, *texts = files_diff(of(None)._replace(files=files), {"app": NOTHING, "etc": etc})
    assert listed["prepared"].splitlines()[1:] == [
        "+ $CONFIGURATION_DIRECTORY/long",
        "+ $CONFIGURATION_DIRECTORY/new/log.ini",
        "~ $CONFIGURATION_DIRECTORY/app.toml",
        "- $CONFIGURATION_DIRECTORY/old",
    ]
    long, *shown = texts
    assert long["prepared"].startswith("$CONFIGURATION_DIRECTORY/long: not shown")
    assert [(text["after_header"], text["before"], text["after"]) for text in shown] == [
        ("$CONFIGURATION_DIRECTORY/new/log.ini", "", "\\x1b[2J\n"),
        ("$CONFIGURATION_DIRECTORY/app.toml", "debug = true\n", "debug = false\n"),
        ("$CONFIGURATION_DIRECTORY/old", "gone\n", ""),
    ]
