"""What pip says when it fails."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from module_utils.python_service_environment import BuildError, install
from module_utils.python_service_host import Layout

PIP = """
import sys
if "--version" in sys.argv:
    print("pip 23.0.1 from /somewhere (python 3.13)")
else:
    {failure}
"""


def failing_with(tmp_path: Path, failure: str) -> str:
    layout = Layout(str(tmp_path), "demo")
    python = Path(layout.environment("env")) / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    incoming = tmp_path / "incoming"
    (incoming / "installer" / "pip").mkdir(parents=True)
    (incoming / "installer" / "pip" / "__main__.py").write_text(PIP.format(failure=failure))
    os.mkdir(incoming / "wheelhouse")
    with pytest.raises(BuildError) as raised:
        install(layout, {"environment": "env"}, str(incoming), ["demo"])
    return str(raised.value)


def test_pips_own_words_are_given(tmp_path: Path) -> None:
    words = failing_with(tmp_path, "sys.exit('ERROR: No matching distribution found for demo')")
    assert words == "pip failed:\n  ERROR: No matching distribution found for demo"


def test_a_pip_that_breaks_is_named_with_its_version(tmp_path: Path) -> None:
    words = failing_with(tmp_path, "raise AttributeError('ImpImporter')")
    assert "  AttributeError: ImpImporter" in words
    assert "This is pip 23.0.1, as the controller has it, on Python 3." in words
    assert "upgrade it on the controller" in words


def test_so_is_one_that_breaks_far_below(tmp_path: Path) -> None:
    # Each frame is another text: equal ones are told by their number alone.
    deep = "f = lambda n: n and g(n - 1); g = lambda n: f(n - 1) if n else 1 / 0; f(61)"
    words = failing_with(tmp_path, deep)
    assert "ZeroDivisionError" in words
    assert "This is pip 23.0.1" in words
