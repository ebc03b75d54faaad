"""mypy sees from a module or an action into the functions of module_utils that it calls."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
ROLE = "roles/python_service"
KINDS = ("library", "action_plugins")


def logic_of(file: Path) -> tuple[set[str], set[str]]:
    """What a file takes from module_utils by names that mypy follows, and by Ansible's own."""
    followed, skipped = set(), set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names = {name.asname or name.name for name in node.names}
            module = node.module or ""
            if node.level and module.startswith("module_utils"):
                followed |= names
            elif module.startswith("ansible.module_utils.python_service"):
                skipped |= names
    return followed, skipped


def refused(tree: Path) -> set[str]:
    """The modules and actions of `tree` in which mypy finds something."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--no-error-summary"),
            # Kept between the runs, and apart from lint's, which may run at the same time.
            *("--cache-dir", PROJECT / ".mypy_cache" / "seam"),
            *(f"{ROLE}/{kind}" for kind in KINDS),
        ],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not result.stderr
    found = re.findall(r"^([^:\n]+):\d+: error: ", result.stdout, re.MULTILINE)
    return {file for file in found if file.split("/")[2] in KINDS}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copy2(PROJECT / "pyproject.toml", tmp_path)
    shutil.copytree(PROJECT / "roles", tmp_path / "roles", symlinks=True)
    return tmp_path


def test_a_wrong_call_in_any_module_or_action_fails_lint(tree: Path) -> None:
    assert refused(tree) == set()
    spoilt: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for kind in KINDS:
        for file in sorted((tree / ROLE / kind).glob("*.py")):
            followed, _ = logic_of(file)
            for name in followed:
                # The constructor of an action is Ansible's, of which mypy knows nothing.
                call = f"{name}.run" if name.endswith("Action") else name
                with file.open("a", encoding="utf-8") as text:
                    text.write(f"\n\n{call}(no_such_argument=None)\n")
                spoilt[kind].add(str(file.relative_to(tree)))
    assert all(spoilt.values())
    assert refused(tree) == set().union(*spoilt.values())


@pytest.mark.parametrize("kind", KINDS)
def test_modules_and_actions_reach_their_logic_by_names_that_mypy_follows(kind: str) -> None:
    for file in sorted((PROJECT / ROLE / kind).glob("*.py")):
        followed, skipped = logic_of(file)
        assert skipped <= followed, f"{file}: mypy skips what it takes from ansible.module_utils"
