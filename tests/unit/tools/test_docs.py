"""What the documentation refers to is there."""

from __future__ import annotations

import re

from lab import PROJECT


def test_the_tests_that_the_threat_model_names_exist() -> None:
    named = set(
        re.findall(r"`(test_\w+(?:\.py)?|Test\w+)`", (PROJECT / "docs/security.md").read_text())
    )
    paths = [*(PROJECT / "tests").rglob("test_*.py")]
    texts = "\n".join(path.read_text() for path in paths)
    there = {path.name for path in paths} | set(
        re.findall(r"^ *(?:def|class) (\w+)", texts, re.MULTILINE)
    )
    assert len(named) > 20
    assert named - there == set()
