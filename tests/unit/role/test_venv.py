"""How pip is run in a venv on the host."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host import venv
from python_service.module_utils.python_service.host.builder import Builder
from python_service.module_utils.python_service.layout import Layout
from python_service.module_utils.python_service.model import Venv

#: Says its version and where it is, and otherwise is the Python of these tests.
PYTHON = '#!/bin/sh\ncase "$*" in *sys.version_info*) echo {version} $0 ;; *) exec {python} "$@" ;; esac\n'
#: Fails with what pip asks itself, in its own process and in one that it starts to build something.
PIP = """
import subprocess, sys
ask = "import sysconfig; print(hasattr(sysconfig, '_PIP_USE_SYSCONFIG'), flush=True)"
exec(ask)
subprocess.run([sys.executable, "-c", ask])
sys.exit(1)
"""


@pytest.mark.parametrize(("version", "told"), [("3.9", "True"), ("3.14", "False")])
def test_pip_does_without_distutils_where_it_would_not_by_itself(
    version: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Everybody may write to where tests make their files.
    monkeypatch.setattr(venv, "weakness", lambda *_: None)
    layout = Layout(str(tmp_path / "opt"), "demo")
    python = Path(layout.venv("env")) / "bin" / "python"
    python.parent.mkdir(parents=True)
    interpreter = tmp_path / "python3"
    interpreter.write_text(PYTHON.format(version=version, python=sys.executable))
    interpreter.chmod(0o755)
    python.symlink_to(interpreter)
    pip = tmp_path / "incoming" / "installer" / "pip"
    pip.mkdir(parents=True)
    (pip / "__main__.py").write_text(PIP)
    builder = Builder(os.geteuid(), os.getegid(), str(tmp_path))
    made_from = Venv("env", str(interpreter))
    with pytest.raises(ServiceError) as raised:
        venv.install(
            layout, made_from, venv.Incoming(str(tmp_path / "incoming")), ["demo"], builder
        )
    assert str(raised.value) == f"pip failed:\n  {told}\n  {told}"
