"""What a release changes in the files of the active one, as the host tells it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from python_service.module_utils.python_service.host.changes import MOST_FILES, changes
from python_service.module_utils.python_service.layout import Layout
from python_service.module_utils.python_service.source import scan


@pytest.fixture
def layout(tree: Path, tmp_path: Path) -> Layout:
    """A host on which the source of `tree` is active, with its bytecode."""
    found = Layout("/opt", "demo", str(tmp_path / "host"))
    app = Path(found.app("0123456789ab"))
    app.parent.mkdir(parents=True)
    shutil.copytree(tree, app, symlinks=True)
    (app / "__pycache__").mkdir()
    (app / "__pycache__" / "main.pyc").touch()
    Path(found.current).symlink_to("releases/0123456789ab")
    return found


def wanted(source: Path) -> dict[str, str]:
    return {path: entry.content for path, entry in scan(str(source)).files.items()}


def changes_of_source(layout: Layout, files: dict[str, str]) -> dict[str, Any]:
    return changes(layout, {"app": files})["app"]


def test_the_same_source_changes_nothing(layout: Layout, tree: Path) -> None:
    found = changes_of_source(layout, wanted(tree))
    assert found == {"added": [], "changed": [], "removed": [], "texts": {}}


def test_changes_are_told_by_their_kinds_and_with_what_was_there(
    layout: Layout, tree: Path
) -> None:
    (tree / "new.py").touch()
    (tree / "main.py").write_text("print(1)\n")
    (tree / "package" / "data").unlink()
    (tree / "not-utf8-\udcff").write_text("other")
    found = changes_of_source(layout, wanted(tree))
    json.dumps(found, ensure_ascii=False).encode()
    assert found["added"] == ["new.py"]
    assert found["changed"] == ["main.py", "not-utf8-\\udcff"]
    assert found["removed"] == ["package/data"]
    assert found["texts"] == {
        "main.py": "print()\n",
        "not-utf8-\\udcff": None,
        "package/data": None,
    }


def test_on_a_new_host_everything_is_added(tmp_path: Path, tree: Path) -> None:
    layout = Layout("/opt", "demo", str(tmp_path / "host"))
    found = changes_of_source(layout, wanted(tree))
    assert set(found["added"]) == set(wanted(tree))
    assert found["texts"] == {}


def test_texts_are_given_of_the_first_few(layout: Layout) -> None:
    app = Path(layout.app("0123456789ab"))
    for number in range(MOST_FILES + 5):
        (app / f"{number:03}.py").touch()
    found = changes_of_source(layout, {})
    assert len(found["removed"]) > MOST_FILES
    assert len(found["texts"]) == MOST_FILES


def test_configuration_files_are_told_apart_from_the_source(layout: Layout, tree: Path) -> None:
    etc = Path(layout.etc("0123456789ab"), "conf")
    etc.mkdir(parents=True)
    (etc / "main.py").write_text("workers = 1\n")
    found = changes(layout, {"app": wanted(tree), "etc": {"conf/main.py": "x", "app.toml": "x"}})
    assert found["app"] == {"added": [], "changed": [], "removed": [], "texts": {}}
    assert found["etc"] == {
        "added": ["app.toml"],
        "changed": ["conf/main.py"],
        "removed": [],
        "texts": {"conf/main.py": "workers = 1\n"},
    }
