"""What a program needs: which of the ways to say it counts, and what a person is told of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from builders import settings
from python_service.module_utils.python_service.controller.contents import (
    Contents,
    gather,
    python_problem,
)
from python_service.module_utils.python_service.controller.run_cache import RunCache
from python_service.module_utils.python_service.errors import ServiceError

HASH = f"--hash=sha256:{'0' * 64}"
NAMED = "[project]\nname = 'shop'\nversion = '1'\n"
BUILD = "[build-system]\nrequires = ['setuptools']\n"
#: A tool with a lock: it notes how it was called, and writes what it finds in answer.txt.
TOOL = """#!/bin/sh
pwd >> {calls}; ls -A | tr '\\n' ' ' >> {calls}; echo "$@" >> {calls}; env >> {env}
cat {answer}; [ -e {fails} ] && {{ cat {fails} >&2; exit 1; }}; exit 0
"""


class Program:
    """A source on the controller, and tools there that export locks."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.src = directory / "src"
        self.src.mkdir()
        self.write("main.py", "print()\n")
        self.calls = directory / "calls"
        self.env = directory / "env"
        self.fails = directory / "fails"
        self.answer = directory / "answer.txt"
        self.tools = directory / "tools"
        self.tools.mkdir()
        for name in ("sh", "cat", "ls", "tr", "env", "git"):
            found = shutil.which(name)
            assert found
            (self.tools / name).symlink_to(found)
        monkeypatch.setenv("PATH", str(self.tools))
        monkeypatch.setattr("sys.executable", "/nowhere/python")

    def write(self, name: str, text: str) -> Path:
        path = self.src / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def lock(self, name: str, *lines: str, lock: str = "version = 1\n", at: str = "") -> None:
        """A lock, of which its tool exports these lines."""
        tool = self.tools / name
        tool.write_text(
            TOOL.format(calls=self.calls, answer=self.answer, fails=self.fails, env=self.env)
        )
        tool.chmod(0o755)
        self.answer.write_text("".join(f"{line}\n" for line in lines))
        self.write(at or f"{name}.lock", lock)

    def gather(self, **changes: Any) -> Contents:
        cache = changes.pop("cache", None)
        return gather(
            settings(src=str(self.src), **{"command": "python main.py", **changes}), cache=cache
        )

    def refused(self, **changes: Any) -> str:
        with pytest.raises(ServiceError) as raised:
            self.gather(**changes)
        return str(raised.value)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    return Program(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "line",
    [
        "core @ git+ssh://me:s3cr3t@git.invalid/core.git@v1",
        "git+file:///srv/core#egg=core",
        "-e hg+ssh://git.invalid/core#egg=core",
    ],
)
def test_what_only_the_controller_can_fetch_is_refused_unless_it_does(
    program: Program, line: str
) -> None:
    program.write("requirements.txt", f"flask\n{line}\n")
    words = program.refused()
    assert words.startswith("python_service_gather_wheels: requirements.txt has '")
    assert "core" in words
    assert words.endswith("write true, and the controller fetches it, or put its wheel on an index")
    assert "s3cr3t" not in words
    assert program.gather(gather_wheels=True).requirements == (f"flask\n{line}\n",)


def test_what_a_host_with_git_can_fetch_is_not_refused(program: Program) -> None:
    line = "core @ git+https://git.invalid/core+ssh.git"
    assert program.gather(requirements=[line]).requirements == (f"{line}\n",)


class TestTheOrder:
    """What counts is the first that is there, and the rest is named."""

    def test_it_is_one_from_the_first_to_the_last(self, program: Program) -> None:
        script = "# /// script\n# dependencies = ['e']\n# ///\n"
        program.write(
            "pyproject.toml", f"{NAMED}dependencies = []\n[dependency-groups]\nx = ['f']\n"
        )
        program.write("requirements.txt", "d\n")
        program.write("Pipfile.lock", "{}\n")
        program.lock("pdm", "c==3")
        program.lock("poetry", "c==2")
        program.lock("uv", "c==1")
        program.write("pylock.toml", "lock-version = '1.0'\npackages = []\n")
        program.write("main.py", script)
        steps = [
            ("python_service_requirements", "a\n", None),
            ("main.py", "e\n", "main.py"),
            ("pylock.toml", None, "pylock.toml"),
            ("uv.lock", "c==1\n", "uv.lock"),
            ("poetry.lock", "c==1\n", "poetry.lock"),
            ("pdm.lock", "c==1\n", "pdm.lock"),
            ("requirements.txt", "d\n", "requirements.txt"),
        ]
        for number, (name, text, file) in enumerate(steps):
            found = program.gather(requirements=[] if number else ["a"])
            assert found.said.startswith(f"{name}: ")
            assert (found.requirements or (None,))[0] == text
            unused = [*(step[0] for step in steps[number + 1 :]), "Pipfile.lock"]
            assert found.said.endswith(f"; not used: {', '.join(unused)}")
            if file == "main.py":
                program.write("main.py", "print()\n")
            elif file:
                (program.src / file).unlink()
        assert "Pipfile.lock is not read; run 'pipenv requirements" in program.refused()
        (program.src / "Pipfile.lock").unlink()
        assert program.gather().requirements == ()
        assert program.gather(extras=["x"]).requirements == ("f\n",)

    def test_what_says_nothing_needs_nothing(self, program: Program) -> None:
        program.write("pyproject.toml", "[tool.ruff]\n")
        found = program.gather()
        assert (found.requirements, found.said, found.installs) == ((), "", False)

    def test_what_is_excluded_does_not_count(self, program: Program) -> None:
        program.write("requirements.txt", "flask\n")
        assert program.gather(exclude=["requirements.txt"]).requirements == ()

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("Pipfile", "run 'pipenv lock' and 'pipenv requirements > requirements.txt' there"),
            ("environment.yml", "conda's packages are not installed"),
            ("requirements.in", "run 'uv pip compile requirements.in"),
            ("requirements/production.txt", "/src/requirements/production.txt, or write"),
        ],
    )
    def test_what_cannot_be_read_is_refused_with_what_to_do(
        self, program: Program, name: str, words: str
    ) -> None:
        program.write(name, "flask\n")
        assert f"python_service_src: {program.src}/{name} is not read; " in program.refused()
        assert words in program.refused()
        assert program.gather(requirements=["flask"]).said.endswith(f"; not used: {name}")

    def test_what_is_for_developers_is_not_needed(self, program: Program) -> None:
        program.write("requirements-dev.txt", "pytest\n")
        program.write("requirements/test.txt", "pytest\n")
        assert program.gather().said == ""

    def test_what_the_variables_leave_out_is_said(self, program: Program) -> None:
        program.write("pyproject.toml", f"{NAMED}dependencies = ['flask>=3', 'click']\n")
        said = program.gather(requirements=["flask==2.0"]).said
        assert said == (
            "python_service_requirements: 1 package, without flask>=3, click of pyproject.toml"
        )


class TestLocks:
    """The tools' own locks, as their exports write them."""

    def test_an_application_of_uv_gets_what_its_lock_has(self, program: Program) -> None:
        program.write(
            "pyproject.toml", f"{NAMED}dependencies = ['flask>=3', 'x; os_name == \"nt\"']\n"
        )
        program.lock(
            "uv",
            "# by uv",
            f"flask==3.1 \\\n    {HASH} \\\n    {HASH}\n    # via shop",
            f"click==8 {HASH}",
        )
        found = program.gather()
        assert found.said == "uv.lock: 2 packages, hashed"
        assert found.requirements == (f"flask==3.1 {HASH} {HASH}\nclick==8 {HASH}\n",)
        assert (found.project, found.pip.projects) == (None, ())
        told = program.calls.read_text()
        assert told.startswith(f"{program.src}\n")
        for word in ("--frozen", "--no-emit-project", "--no-dev", "--no-config", "--offline"):
            assert f" {word}" in told

    def test_extras_and_groups_are_asked_of_the_tool(self, program: Program) -> None:
        text = (
            f"{NAMED}[project.optional-dependencies]\nWeb_1 = []\n[dependency-groups]\nops = []\n"
        )
        program.write("pyproject.toml", text)
        program.lock("uv", f"flask==3.1 {HASH}")
        program.gather(extras=["web.1", "ops"])
        assert " --extra web-1 --group ops " in program.calls.read_text()
        words = program.refused(extras=["wbe"])
        assert words.startswith("python_service_extras: 'wbe' is no extra and no group of ")
        assert "which has ops, web-1; write one" in words

    @pytest.mark.parametrize("name", ["poetry", "pdm"])
    def test_a_tool_with_plugins_sees_the_lock_alone(self, program: Program, name: str) -> None:
        program.write("pyproject.toml", NAMED)
        program.write(f".{name}/plugins/evil.py", "")
        program.write(f"{name}.toml", "[plugins]\n")
        program.lock(name, f"flask==3.1 ; python_version >= '3.9' {HASH}")
        assert program.gather().said == f"{name}.lock: 1 package, hashed"
        directory, told, *_ = program.calls.read_text().splitlines()
        assert not directory.startswith(str(program.src))
        assert sorted(told.split()[:2]) == [f"{name}.lock", "pyproject.toml"]
        assert told.split()[2] == "export"
        assert not Path(directory).exists()

    @pytest.mark.parametrize("name", ["uv", "poetry", "pdm"])
    def test_a_tool_that_is_not_there_is_named_with_what_to_run(
        self, program: Program, name: str
    ) -> None:
        program.write("pyproject.toml", NAMED)
        program.lock(name)
        (program.tools / name).unlink()
        words = program.refused()
        assert words.startswith(f"python_service_src: {program.src}/{name}.lock is read by {name},")
        assert f"or run '{name} export " in words
        assert f"and write python_service_requirements: {program.src}/requirements.txt" in words

    def test_a_poetry_that_cannot_export_is_told_what_it_lacks(self, program: Program) -> None:
        program.write("pyproject.toml", NAMED)
        program.lock("poetry")
        for said in (
            "The requested command export does not exist.",
            'The command "export" does not exist.',
        ):
            program.fails.write_text(said)
            assert "run 'poetry self add poetry-plugin-export', or run" in program.refused()

    def test_a_tool_that_fails_is_quoted(self, program: Program) -> None:
        program.write("pyproject.toml", NAMED)
        program.lock("uv")
        program.fails.write_text(
            "error: the lock is broken\x1b[0m at https://me:s3cret@x.invalid/\n"
        )
        words = program.refused()
        assert "could not be read by uv, which says:\n  error: the lock is broken\\x1b" in words
        assert "s3cret" not in words

    def test_a_lock_that_became_old_is_refused(self, program: Program) -> None:
        program.write(
            "pyproject.toml",
            f"{NAMED}dependencies = ['flask>=4', 'httpx', 'a; os_name == \"x\"']\n",
        )
        program.lock("uv", f"flask==3.1 {HASH}")
        words = program.refused()
        assert f"{program.src}/uv.lock does not have flask>=4, httpx, which " in words
        assert "run 'uv lock' there, or write python_service_requirements" in words

    def test_what_a_tool_puts_elsewhere_is_looked_for_by_its_name(self, program: Program) -> None:
        text = (
            f"{NAMED}dependencies = ['flask>=4']\n[tool.uv]\noverride-dependencies = ['flask<4']\n"
        )
        program.write("pyproject.toml", text)
        program.lock("uv", f"flask==3.1 {HASH}")
        assert program.gather().said == "uv.lock: 1 package, hashed"
        program.lock("uv", f"click==8.1 {HASH}")
        assert "does not have flask>=4" in program.refused()

    def test_a_checkout_has_no_hash_and_is_said_to_have_none(self, program: Program) -> None:
        program.write("pyproject.toml", f"{NAMED}dependencies = ['core']\n")
        program.lock("uv", f"flask==3.1 {HASH}", "core @ git+https://example.org/core@0123")
        found = program.gather()
        assert found.said == "uv.lock: 2 packages, without hashes, since core has none"
        assert found.requirements == ("flask==3.1\ncore @ git+https://example.org/core@0123\n",)
        words = program.refused(require_hashes=True)
        assert words.startswith("python_service_require_hashes: ")
        assert "has no hash for 'core @ git" in words

    def test_an_index_of_the_lock_is_asked_where_hashes_say_what_is_meant(
        self, program: Program
    ) -> None:
        own = "https://index.invalid/simple"
        lock = f"[[package]]\nname = 'core'\nsource = {{registry = '{own}/'}}\n"
        program.write("pyproject.toml", NAMED)
        program.lock("uv", f"core==1 {HASH}", lock=lock)
        assert program.gather().requirements == (f"--extra-index-url {own}\ncore==1 {HASH}\n",)
        assert program.gather(pip_options=[f"--index-url {own}"]).requirements == (
            f"core==1 {HASH}\n",
        )
        program.lock("uv", "core==1", lock=lock)
        assert f"write ['--index-url {own}']" in program.refused()
        program.lock("uv", f"core==1 {HASH}", lock=lock.replace(own, "../wheels"))
        assert program.refused().startswith("python_service_wheelhouse: is not given, and ")

    def test_pdm_without_a_hash_is_asked_for_none(self, program: Program) -> None:
        program.write("pyproject.toml", NAMED)
        program.lock("pdm", "flask==3.1")
        tool = program.tools / "pdm"
        tool.write_text(
            '#!/bin/sh\ncase "$*" in *--no-hashes*) echo flask==3.1 ;;\n'
            "*) echo 'Hash is not available for x' >&2; exit 1 ;; esac\n"
        )
        assert program.gather().said == "pdm.lock: 1 package, without hashes"

    def test_a_tool_is_asked_once_in_a_run(self, program: Program) -> None:
        program.write("pyproject.toml", NAMED)
        program.lock("uv", f"flask==3.1 {HASH}")
        cache = RunCache(str(program.directory / "run"))
        first = program.gather(cache=cache)
        assert program.gather(cache=cache).requirements == first.requirements
        assert len(program.calls.read_text().splitlines()) == 2
        program.write("uv.lock", "version = 2\n")
        program.gather(cache=cache)
        assert len(program.calls.read_text().splitlines()) == 4

    def test_what_configures_a_tool_elsewhere_is_not_for_it(
        self, program: Program, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UV_PROJECT", "/srv/another")
        monkeypatch.setenv("VIRTUAL_ENV", "/srv/venv")
        program.write("pyproject.toml", NAMED)
        program.lock("uv", f"flask==3.1 {HASH}")
        program.gather()
        assert "/srv/" not in program.env.read_text()


class TestProjectsBeside:
    """Projects of the controller that go along, and are installed with the source."""

    def library(
        self, program: Program, name: str, text: str = "dependencies = ['attrs']\n"
    ) -> Path:
        directory = program.directory / name
        directory.mkdir(parents=True)
        (directory / "core.py").touch()
        (directory / "pyproject.toml").write_text(
            f"{BUILD}[project]\nname = 'core'\nversion = '1'\n{text}"
        )
        return directory

    def test_a_member_of_a_workspace_brings_those_it_depends_on(self, program: Program) -> None:
        # What a lock leaves out it leaves out on purpose, and pip would ask for its hash.
        core = self.library(
            program, "core", "dependencies = ['attrs', 'never; os_name == \"x\"']\n"
        )
        (program.directory / "pyproject.toml").write_text(
            "[tool.uv.workspace]\nmembers = ['src', 'co*']\n"
        )
        text = f"{BUILD}{NAMED}dependencies = ['core']\n[tool.uv.sources]\ncore = {{workspace = true}}\n"
        program.write("pyproject.toml", text)
        program.lock("uv", "-e ./core", f"attrs==25 {HASH}", at="../uv.lock")
        found = program.gather()
        assert found.said == "uv.lock: 1 package, hashed, with core"
        assert [library.source.root for library in found.libraries] == [str(core)]
        assert found.pip.projects == ("app", "projects/0")
        assert found.requirements == (f"\nattrs==25 {HASH}\n",)
        (program.directory / "pyproject.toml").write_text(
            "[tool.uv.workspace]\nmembers = ['*']\nexclude = ['src']\n"
        )
        assert "run 'uv lock' there" in program.refused()

    def test_a_file_that_names_the_source_itself_means_what_it_needs(
        self, program: Program
    ) -> None:
        text = f"{BUILD}{NAMED}dependencies = ['flask']\n[project.optional-dependencies]\nweb = ['gunicorn']\n"
        program.write("pyproject.toml", text)
        program.write("requirements.txt", f"# by uv\n-e .\nflask==3.1 \\\n    {HASH}\n")
        found = program.gather()
        assert found.said == "requirements.txt: 1 package, hashed"
        assert (found.libraries, found.pip.projects) == ((), ("app",))
        program.write("requirements.txt", "-e .[web]\nclick\n")
        found = program.gather()
        assert found.requirements == ("\nclick\n-r 1.txt\n", "flask\ngunicorn\n")
        assert found.said == "requirements.txt: 3 packages"
        given = program.gather(requirements=[f"-e {program.src}"])
        assert given.said == ("python_service_requirements: 1 package; not used: requirements.txt")

    def test_a_project_in_a_file_brings_what_it_needs(self, program: Program) -> None:
        self.library(
            program,
            "src/core",
            "dynamic = ['dependencies']\n[tool.setuptools.dynamic]\n"
            "dependencies = {file = 'needs.txt'}\n",
        )
        program.write("core/needs.txt", "attrs\n")
        program.write("requirements.txt", "-r more.txt\n")
        program.write("more.txt", "core @ file:core ; os_name == 'posix'\nflask\n")
        found = program.gather()
        assert found.said == "requirements.txt: 2 packages, with core"
        assert found.requirements == ("-r 1.txt\n-r 2.txt\n", "\nflask\n", "-r 3.txt\n", "attrs\n")
        assert found.pip.projects == ("projects/0 ; os_name == 'posix'",)

    def test_a_source_names_no_project_outside_of_its_clone(self, program: Program) -> None:
        self.library(program, "core")
        program.write("requirements.txt", "../core\n")
        assert f"names a project outside of {program.src}; ship it as a wheel" in program.refused()
        assert program.gather(requirements=[str(program.directory / "core")]).libraries
        (program.directory / ".git").mkdir()
        assert program.gather().libraries

    def test_a_copy_of_poetrys_lock_finds_what_is_beside(self, program: Program) -> None:
        core = self.library(program, "src/libs/core")
        program.write("pyproject.toml", NAMED)
        lock = (
            "[[package]]\nname = 'core'\n[package.source]\ntype = 'directory'\nurl = 'libs/core'\n"
        )
        program.lock("poetry", lock=lock)
        (program.tools / "poetry").write_text(
            "#!/bin/sh\ncat libs/core/pyproject.toml >&2 || exit 1\n"
            "echo \"-e file://$PWD/libs/core ; os_name == 'posix'\"\n"
        )
        found = program.gather()
        assert [library.source.root for library in found.libraries] == [str(core)]
        far = lock.replace("libs/core", "../" * 12)
        program.write("poetry.lock", far)
        assert "which is too far away" in program.refused()

    def test_what_is_beside_is_part_of_the_release(self, program: Program) -> None:
        from python_service.module_utils.python_service.controller.release import describe

        core = self.library(program, "src/core")
        program.write("requirements.txt", "./core\n")
        made = settings(src=str(program.src), command="python main.py", exclude=["core"])

        def described() -> Any:
            return describe(made, program.gather(exclude=["core"]), {})

        before = described()
        assert before.project
        (core / "core.py").write_text("changed = True\n")
        after = described()
        assert after.venv == before.venv
        assert after.id != before.id
        assert after.fingerprint("demo.service") != before.fingerprint("demo.service")


class TestScripts:
    """PEP 723."""

    SCRIPT = "# /// script\n# requires-python = '>=3.11'\n# dependencies = [\n#   'flask>=3',\n# ]\n# ///\n"

    def test_a_single_script_says_what_it_needs(self, program: Program) -> None:
        program.write("main.py", f"#!/usr/bin/env python3\n{self.SCRIPT}print()\n")
        for src in (program.src / "main.py", program.src):
            found = (
                program.gather()
                if src == program.src
                else gather(settings(src=str(src), command="python main.py"))
            )
            assert found.said == "main.py: 1 package"
            assert found.requirements == ("flask>=3\n",)
            assert found.python == ">=3.11"

    def test_only_the_script_that_runs_counts(self, program: Program) -> None:
        program.write("other.py", self.SCRIPT)
        assert program.gather().said == ""
        assert program.gather(command="python -u ./other.py x").said == "other.py: 1 package"

    def test_the_lock_beside_it_counts(self, program: Program) -> None:
        program.write("main.py", self.SCRIPT)
        program.lock("uv", f"flask==3.1 {HASH}", at="main.py.lock")
        assert program.gather().said == "main.py.lock: 1 package, hashed"
        assert f" --script {program.src}/main.py" in program.calls.read_text()

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (SCRIPT + "\n" + SCRIPT, "has two of its '# /// script' comments"),
            (SCRIPT.replace("[", ""), "that is no TOML"),
            (SCRIPT.replace("'flask>=3'", "3"), "write such as ['flask>=3']"),
            (SCRIPT.replace("'>=3.11'", "3"), "write such as '>=3.11'"),
            (SCRIPT.replace("flask>=3", "flask = 3"), "line 1 of {src}/main.py: 'flask = 3' is no"),
            (
                SCRIPT.replace("# ///\n", "# [tool.uv.sources]\n# flask = {git = 'x'}\n# ///\n"),
                "run 'uv lock --script {src}/main.py'",
            ),
        ],
    )
    def test_what_it_says_wrongly_is_refused(self, program: Program, text: str, words: str) -> None:
        program.write("main.py", text)
        assert words.format(src=program.src) in program.refused()

    def test_it_has_no_extras(self, program: Program) -> None:
        program.write("main.py", self.SCRIPT)
        assert program.refused(extras=["web"]).startswith(
            "python_service_extras: is given, and main.py"
        )


PYLOCK = f"""
lock-version = "1.0"
requires-python = ">=3.9"
extras = ["web"]
dependency-groups = ["dev", "ops", "default"]
default-groups = ["default"]
[[packages]]
name = "flask"
version = "3.1"
marker = "'default' in dependency_groups and os_name == 'posix'"
[packages.sdist]
hashes = {{sha256 = "{"1" * 64}", blake2b = "x"}}
[[packages.wheels]]
hashes = {{sha256 = "{"0" * 64}"}}
[[packages]]
name = "gunicorn"
version = "23"
marker = '"web" in extras'
index = "https://index.invalid/simple/"
wheels = [{{hashes = {{sha256 = "{"2" * 64}"}}}}]
[[packages]]
name = "pytest"
version = "8"
marker = "'dev' in dependency_groups or 'default' not in dependency_groups"
wheels = [{{hashes = {{sha256 = "{"3" * 64}"}}}}]
[[packages]]
name = "tool"
archive = {{url = "https://x.invalid/tool.tar.gz", hashes = {{sha256 = "{"4" * 64}"}}}}
[[packages]]
name = "shop"
directory = {{path = ".", editable = true}}
"""


class TestPylock:
    """PEP 751, for every pip."""

    def test_it_is_read_natively(self, program: Program) -> None:
        program.write("pylock.toml", PYLOCK)
        found = program.gather()
        assert found.said == "pylock.toml: 4 packages, hashed"
        true, false = "python_version >= '0'", "python_version < '0'"
        assert found.requirements[0].splitlines() == [
            "--extra-index-url https://index.invalid/simple",
            f"flask==3.1 ; {true} and os_name == 'posix' {HASH} {HASH.replace('0', '1')}",
            f"gunicorn==23 ; {false} {HASH.replace('0', '2')}",
            f"pytest==8 ; {false} or {false} {HASH.replace('0', '3')}",
            f"tool @ https://x.invalid/tool.tar.gz {HASH.replace('0', '4')}",
        ]
        assert found.python == ">=3.9"
        chosen = program.gather(extras=["web", "dev"]).requirements[0]
        assert f"gunicorn==23 ; {true} " in chosen
        assert f"pytest==8 ; {true} or {false} " in chosen

    def test_a_checkout_and_a_project_beside_it(self, program: Program) -> None:
        program.write("core/pyproject.toml", BUILD + NAMED)
        program.write(
            "pylock.toml",
            "lock-version = '1.0'\n[[packages]]\nname = 'lib'\n"
            "vcs = {type = 'git', url = 'https://x.invalid/lib', commit-id = '01', subdirectory = 'py'}\n"
            "[[packages]]\nname = 'core'\ndirectory = {path = 'core'}\n",
        )
        found = program.gather()
        assert found.requirements == ("lib @ git+https://x.invalid/lib@01#subdirectory=py\n\n",)
        assert found.pip.projects == ("projects/0",)

    def test_one_of_another_name_is_given_by_its_path(self, program: Program) -> None:
        path = program.write("pylock.prod.toml", PYLOCK)
        found = program.gather(requirements=str(path))
        assert found.said == "python_service_requirements: 4 packages, hashed"

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("lock-version = '2.0'\n", "has the lock-version '2.0', and 1.0 is what can be read"),
            ("lock-version = '1.0'\n[[packages]]\nversion = '1'\n", "is not as PEP 751 has it"),
            ("lock-version = '1.0'\npackages = [3]\n", "is not as PEP 751 has it"),
            ("lock-version\n", "cannot be read"),
        ],
    )
    def test_one_that_is_none_is_refused(self, program: Program, text: str, words: str) -> None:
        program.write("pylock.toml", text)
        assert f"python_service_src: {program.src}/pylock.toml {words}" in program.refused()

    def test_an_extra_that_it_does_not_have_is_refused(self, program: Program) -> None:
        program.write("pylock.toml", PYLOCK)
        assert "which has default, dev, ops, web" in program.refused(extras=["wbe"])


class TestFiles:
    """requirements.txt and the project's own dependencies."""

    def test_requirements_beside_the_program_are_installed(self, program: Program) -> None:
        program.write("requirements.txt", "-r more.txt\nflask==3.1\n")
        program.write("more.txt", "click\n")
        found = program.gather()
        assert found.said == "requirements.txt: 2 packages"
        assert found.requirements == ("-r 1.txt\nflask==3.1\n", "click\n")

    def test_one_that_lacks_what_the_project_asks_for_is_refused(self, program: Program) -> None:
        program.write("pyproject.toml", f"{NAMED}dependencies = ['flask', 'httpx']\n")
        program.write("requirements.txt", "Flask==3.1\n")
        words = program.refused()
        assert f"{program.src}/requirements.txt does not have httpx, which " in words
        program.write("requirements.txt", "Flask==3.1\nhttpx\n")
        assert program.gather().said == "requirements.txt: 2 packages"

    def test_dynamic_dependencies_come_from_their_file(self, program: Program) -> None:
        program.write(
            "pyproject.toml",
            "[build-system]\nrequires = ['setuptools']\n[project]\nname = 'x'\n"
            "dynamic = ['dependencies']\n[tool.setuptools.dynamic]\ndependencies = {file = 'needs.in'}\n",
        )
        program.write("needs.in", "flask\n")
        found = program.gather()
        assert found.said == "pyproject.toml: 1 package"
        assert found.requirements == ("-r 1.txt\n", "flask\n")
        assert found.pip.projects == ("app",)

    def test_extras_are_those_of_the_project(self, program: Program) -> None:
        text = f"{NAMED}dependencies = ['flask']\n[dependency-groups]\nops = ['sentry-sdk']\n"
        program.write("pyproject.toml", text)
        assert program.gather(extras=["Ops"]).requirements == ("flask\nsentry-sdk\n",)
        assert "which has ops; write one of those" in program.refused(extras=["web"])
        words = program.refused(extras=["ops"], requirements=["flask"])
        assert words.startswith("python_service_extras: goes with what the source says")
        program.write("requirements.txt", "flask\n")
        assert "python_service_exclude" in program.refused(extras=["ops"])

    def test_extras_of_no_project_are_refused(self, program: Program) -> None:
        assert "'web' is no extra" in program.refused(extras=["web"])

    def test_a_python_that_will_not_do_is_refused(self, program: Program) -> None:
        program.write("pyproject.toml", f"{NAMED}requires-python = '>=3.12'\n")
        found = program.gather()
        assert python_problem(found, "/usr/bin/python3", [3, 13, 1]) == ""
        assert python_problem(found, "/usr/bin/python3", [3, 11, 2]) == (
            "python_service_python: /usr/bin/python3 of the host is 3.11.2, and the program asks for "
            "Python >=3.12; write the path of one that fits"
        )
        assert python_problem(found._replace(python="?"), "/usr/bin/python3", [3, 9, 2]) == ""


def test_what_is_told_to_pip_is_json(program: Program) -> None:
    found = program.gather(pip_options=["--pre"], requirements=["a"])
    assert json.loads(json.dumps(found.pip.arguments)) == ["--pre"]
