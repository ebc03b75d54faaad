"""Sources of packages, whose build systems come with them, so that nothing has to be fetched."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

#: Builds NAME.py as a wheel, and NAME.c if there is one; with the version that it would be told.
_BACKEND = """
import os, subprocess, sysconfig, zipfile
def get_requires_for_build_wheel(config_settings=None): return []
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name, version, tag = "NAME", os.environ.get("SETUPTOOLS_SCM_PRETEND_VERSION", "VERSION"), "py3-none-any"
    files = {name + ".py": f"VERSION = {version!r}\\n" + open(name + ".py").read()}
    if os.path.exists(name + ".c"):
        module, include = "_" + name + sysconfig.get_config_var("EXT_SUFFIX"), sysconfig.get_path("include")
        subprocess.run(["gcc", "-shared", "-fPIC", "-I", include, "-o", module, name + ".c"], check=True)
        files[module] = open(module, "rb").read()
        python, machine = sysconfig.get_config_var("py_version_nodot"), os.uname().machine
        tag = f"cp{python}-cp{python}-linux_{machine}"
    file, info = f"{name}-{version}-{tag}.whl", f"{name}-{version}.dist-info"
    files[info + "/METADATA"] = f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
    files[info + "/WHEEL"] = f"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: {tag}\\n"
    files[info + "/RECORD"] = "".join(file + ",,\\n" for file in [*files, info + "/RECORD"])
    with zipfile.ZipFile(directory + "/" + file, "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
    return file
"""
#: An extension with one function, `answer`.
_EXTENSION = """
#include <Python.h>
static PyObject *answer(PyObject *self, PyObject *args) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_NAME", "", -1, methods};
PyMODINIT_FUNC PyInit__NAME(void) { return PyModule_Create(&module); }
"""


def backend(name: str, version: str = "1.0") -> str:
    """A build system of the project ``name``, for a file beside its ``pyproject.toml``."""
    return _BACKEND.replace("NAME", name).replace('"VERSION"', repr(version))


def make_project(
    directory: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: Sequence[str] = (),
    compiled: bool = False,
) -> Path:
    """A project of one module, with an extension if it is ``compiled``, that ``requires`` this to be built."""
    directory.mkdir(parents=True, exist_ok=True)
    needs = list(requires)
    (directory / "pyproject.toml").write_text(
        f'[build-system]\nrequires = {needs}\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\n'
    )
    (directory / "backend.py").write_text(backend(name, version))
    (directory / f"{name}.py").write_text(f"from _{name} import answer\n" if compiled else "")
    if compiled:
        (directory / f"{name}.c").write_text(_EXTENSION.replace("NAME", name))
    return directory


def make_sdist(project: Path, directory: Path, name: str, version: str = "1.0") -> Path:
    """A source distribution of a project."""
    path = directory / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(project, arcname=f"{name}-{version}")
    return path


def make_repository(project: Path) -> Path:
    """A repository of a project, which can also be served as files."""
    me = ("-c", "user.name=me", "-c", "user.email=me@x.invalid")
    for words in (
        ["init", "-q"],
        ["add", "."],
        [*me, "commit", "-qm", "x"],
        ["update-server-info"],
    ):
        subprocess.run(["git", "-C", project, *words], check=True)
    return project


def over_ssh(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have git's ssh lead to this machine, whatever host it is told."""
    program = directory / "ssh"
    program.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    program.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(program))
