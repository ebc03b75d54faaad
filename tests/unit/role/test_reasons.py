"""Why a release failed, in one sentence, from what Python, servers, pip and systemd really say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lab.fake import FakeHost, Program, make_release

from builders import release
from python_service.module_utils.python_service.errors import ServiceError
from python_service.module_utils.python_service.host.reasons import (
    Subject,
    explain,
    explain_words,
    subject_of,
)
from python_service.module_utils.python_service.host.systemd import Status

APP = "/opt/demo/releases/0123456789ab/app"
SUBJECT = Subject(APP, "/var/lib/demo", "/usr/bin/python3")
#: As the role's handler writes a traceback: in one line.
TRACEBACK = (
    r"Uncaught exception\nTraceback (most recent call last):\n  File \"main.py\", line 1, in f\n"
)


def why(*entries: str, subject: Subject = SUBJECT) -> str:
    (sentence,) = explain(subject, Status(), [entries])
    return sentence


@pytest.mark.parametrize(
    ("said", "beginning", "advice"),
    [
        (
            TRACEBACK + "ModuleNotFoundError: No module named 'redis.client'",
            "the module redis.client is not found; ",
            "python_service_requirements",
        ),
        (
            TRACEBACK + "ModuleNotFoundError: No module named 'numpy.core._multiarray_umath'",
            "the module numpy.core._multiarray_umath is not found, a compiled part of its package, ",
            "python_service_python",
        ),
        (
            (
                "Failed to find compatible interpreter on path /usr/bin:/bin.\n\nExamined the following "
                "interpreters:\n1.) /usr/bin/python3.9 CPython==3.9.2\n\nNo interpreter compatible with "
                "the requested constraints was found:\n\n  A distribution for markupsafe could not be "
                "resolved for /usr/bin/python3.9.\n  Found 1 distribution that does not apply"
            ),
            "the pex is made for another Python than /usr/bin/python3; ",
            "python_service_python",
        ),
        (
            "/opt/demo/environments/x/bin/python: No module named shop",
            "the module shop is not found; ",
            "python_service_requirements",
        ),
        (
            TRACEBACK + "ModuleNotFoundError: No module named 'tomllib'",
            "the program needs a newer Python than /usr/bin/python3, which has no tomllib; ",
            "python_service_python",
        ),
        (
            "ImportError: cannot import name 'Self' from 'typing' (/usr/lib/python3.9/typing.py)",
            "the program needs a newer Python than /usr/bin/python3, which has no Self; ",
            "python_service_python",
        ),
        (
            TRACEBACK + "OSError: [Errno 30] Read-only file system: 'app.log'",
            f"{APP}/app.log is denied to it: a release is never changed, so ",
            "$STATE_DIRECTORY (/var/lib/demo)",
        ),
        (
            TRACEBACK + f"PermissionError: [Errno 13] Permission denied: '{APP}/twistd.pid'",
            f"{APP}/twistd.pid is denied to it: a release is never changed",
            "$STATE_DIRECTORY",
        ),
        (
            TRACEBACK + "OSError: [Errno 30] Read-only file system: '/srv/data/x'",
            "/srv/data/x cannot be written: the service may write to $STATE_DIRECTORY",
            "python_service_writable",
        ),
        (
            TRACEBACK + "PermissionError: [Errno 13] Permission denied: '/home/me/key'",
            "/home/me/key is denied to it: its account has no right to it",
            "a setting of the unit hides it",
        ),
        (
            TRACEBACK + "sqlite3.OperationalError: unable to open database file",
            "a SQLite database cannot be opened or written (unable to open database file)",
            "$STATE_DIRECTORY (/var/lib/demo)",
        ),
        (
            TRACEBACK + "OSError: [Errno 98] Address already in use",
            "the address that it listens on is taken; ",
            "or choose another",
        ),
        (
            (
                "[Errno 98] error while attempting to bind on address ('127.0.0.1', 8002): "
                "address already in use"
            ),
            "port 8002 is taken; ",
            "stop what listens there",
        ),
        (
            (
                "[Errno 98] error while attempting to bind on address ('::1', 8002, 0, 0): "
                "[errno 98] address already in use"
            ),
            "port 8002 is taken; ",
            "stop what listens there",
        ),
        ("Connection in use: ('0.0.0.0', 8000)", "port 8000 is taken; ", "or choose another"),
        ("Connection in use: ", "the address that it listens on is taken; ", "or choose another"),
        (
            (
                "[Errno 13] error while attempting to bind on address ('0.0.0.0', 80): "
                "permission denied"
            ),
            "port 80 is for programs with more rights; ",
            "CAP_NET_BIND_SERVICE",
        ),
        (
            f'  File "{APP}/main.py", line 3\n    match x:\n          ^\nSyntaxError: invalid syntax',
            f"{APP}/main.py, line 3, is not Python as /usr/bin/python3 reads it (invalid syntax); ",
            "python_service_python",
        ),
        (
            TRACEBACK + rf'  File "{APP}/part.py", line 7\n    type X = int\nSyntaxError: bad\n',
            f"{APP}/part.py, line 7, is not Python as /usr/bin/python3 reads it (bad); ",
            "correct it",
        ),
        ("SyntaxError: invalid syntax", "a file of it is not Python as ", "correct it"),
        (
            (
                "Invalid HTTP_HOST header: '127.0.0.1:8000'. You may need to add '127.0.0.1' to "
                "ALLOWED_HOSTS."
            ),
            "the program answers to other names than 127.0.0.1:8000 (ALLOWED_HOSTS); ",
            "headers: {Host: shop.example}",
        ),
        (
            "ERROR: Package 'own' requires a different Python: 3.11.2 not in '>=3.12'",
            "what is to be installed needs Python >=3.12, and /usr/bin/python3 is 3.11.2; ",
            "python_service_python",
        ),
        (
            (
                "ERROR: Ignored the following versions that require a different python version: "
                "2.0 Requires-Python >=3.12"
            ),
            (
                "what is to be installed needs another Python than /usr/bin/python3 "
                "(2.0 Requires-Python >=3.12); "
            ),
            "python_service_python",
        ),
        (
            "demo.service: Failed at step EXEC spawning /opt/x/run: Permission denied",
            "/opt/x/run cannot be executed: Permission denied; make it executable",
            "account reach it",
        ),
        (
            "demo.service: Failed at step EXEC spawning /opt/x/run: Exec format error",
            "/opt/x/run cannot be executed: Exec format error; its first line has to name",
            "#!/usr/bin/env python3",
        ),
        (
            "demo.service: Failed at step EXEC spawning /opt/x/run: No such file or directory",
            "/opt/x/run cannot be executed: No such file or directory; it, or the interpreter",
            "first line",
        ),
        (
            "/usr/bin/env: \u2018./prepare\u2019: Permission denied",
            "./prepare cannot be executed: Permission denied; ",
            "make it executable",
        ),
        (
            (
                "demo.service: Failed to set up mount namespacing: /run/systemd/unit-root/srv/x: "
                "No such file or directory"
            ),
            "/srv/x is not on the host, ",
            "make it before the deploy",
        ),
        (
            "demo.service: Failed to set up mount namespacing: /srv/x: No such file or directory",
            "/srv/x is not on the host, ",
            "make it before the deploy",
        ),
        (
            "demo.service: Main process exited, code=exited, status=216/GROUP",
            "an account or a group that the unit names, ",
            "SupplementaryGroups=",
        ),
        (
            (
                "demo.service: Got notification message from PID 7, but reception only permitted for "
                "main PID 6"
            ),
            "READY=1 came from a child of the main process; ",
            "NotifyAccess: all",
        ),
        (
            (
                "demo.service: Referenced but unset environment variable evaluates to an empty string: "
                "PORT"
            ),
            "python_service_command names $PORT, which is not set; ",
            "python_service_environment",
        ),
        (
            (
                r'Uncaught exception\nTraceback (most recent call last):\n  File "main.py", line 1, in '
                r'<module>\n  File "<frozen os>", line 679, in __getitem__'
                r"\nKeyError: 'DB_URL'"
            ),
            "the environment variable DB_URL is not set; ",
            "python_service_environment",
        ),
        (
            (
                'Traceback (most recent call last):\n  File "/usr/lib/python3.9/os.py", line 679, in '
                "__getitem__\n    raise KeyError(key) from None\nKeyError: 'DB_URL'"
            ),
            "the environment variable DB_URL is not set; ",
            "python_service_secrets",
        ),
        (
            (
                TRACEBACK + r"    self.socket.bind(self.server_address)\n"
                "PermissionError: [Errno 13] Permission denied"
            ),
            "what it is to listen on is denied to it: a port below 1024, ",
            "CAP_NET_BIND_SERVICE",
        ),
        (
            TRACEBACK
            + "FileNotFoundError: [Errno 2] No such file or directory: '/var/log/x/a.log'",
            "/var/log/x/a.log is not on the host; ",
            "make it before the deploy",
        ),
        (
            (
                f'{TRACEBACK}  File "{APP}/main.py", line 2\nFileNotFoundError: [Errno 2] No such file '
                "or directory: 'settings.toml'"
            ),
            f"{APP}/settings.toml is not in the source, ",
            "was not shipped",
        ),
        (
            (
                f"{TRACEBACK}, in _execute_child\nFileNotFoundError: [Errno 2] No such file or "
                "directory: 'ffmpeg'"
            ),
            "ffmpeg is not there to be executed; ",
            "install it on the host",
        ),
        (
            "python: can't open file '/home/me/main.py': [Errno 2] No such file or directory",
            "/home/me/main.py is not there; ",
            "name a file of python_service_src",
        ),
    ],
)
def test_what_is_said_is_explained_with_what_to_do(said: str, beginning: str, advice: str) -> None:
    sentence = why("Starting", said, "Shutting down")
    assert sentence.startswith(beginning)
    assert advice in sentence
    assert "\n" not in sentence


def sandboxed(**changes: Any) -> Subject:
    """What failed in the sandbox that these variables make."""
    return SUBJECT._replace(unit=release(**changes).units["demo.service"])


@pytest.mark.parametrize(
    ("said", "directive", "advice", "opened"),
    [
        (
            r"    os.nice(5)\nPermissionError: [Errno 1] Operation not permitted",
            "SystemCallFilter=",
            "python_service_allow: [affinity]",
            {"hardening": "off"},
        ),
        (
            r"    os.chown(path, 5, 5)\nPermissionError: [Errno 1] Operation not permitted: 'x'",
            "SystemCallFilter=",
            "python_service_allow: [chown]",
            {"hardening": "off"},
        ),
        (
            r"    libc.ptrace(16, 1)\nPermissionError: [Errno 1] Operation not permitted",
            "SystemCallFilter=",
            "python_service_allow: [debug]",
            {"hardening": "off"},
        ),
        (
            r"    mmap.mmap(-1, 4096, prot=7)\nPermissionError: [Errno 1] Operation not permitted",
            "MemoryDenyWriteExecute=",
            "python_service_allow: [jit]",
            {"allow": ["jit"]},
        ),
        (
            # As Python 3.14 marks the call, on a kernel that denies it itself
            (
                r"    import mmap; mmap.mmap(-1, 4096, prot=7)\n                 ~~~~~~~~~^^^^^^\n"
                r"PermissionError: [Errno 13] Permission denied"
            ),
            "MemoryDenyWriteExecute=",
            "python_service_allow: [jit]",
            {"allow": ["jit"]},
        ),
        (
            "LLVM ERROR: Unable to allocate section memory!",
            "MemoryDenyWriteExecute=",
            "python_service_allow: [jit]",
            {"allow": ["jit"]},
        ),
        (
            "MemoryError: Cannot allocate write+execute memory for ffi.callback().",
            "MemoryDenyWriteExecute=",
            "python_service_allow: [jit]",
            {"allow": ["jit"]},
        ),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/proc/meminfo'",
            "ProcSubset=",
            "python_service_allow: [procinfo]",
            {"allow": ["procinfo"]},
        ),
        (
            "could not open port: [Errno 2] No such file or directory: '/dev/ttyUSB0'",
            "PrivateDevices=",
            "python_service_allow: [devices]",
            {"allow": ["devices"]},
        ),
        (
            "OSError: [Errno 97] Address family not supported by protocol",
            "RestrictAddressFamilies=",
            "python_service_allow: [netlink]",
            {"hardening": "off"},
        ),
        (
            "PermissionError: [Errno 13] Permission denied: '/home/me/key'",
            "ProtectHome=",
            "python_service_allow: [home]",
            {"allow": ["home"]},
        ),
        (
            "    something()\\nPermissionError: [Errno 1] Operation not permitted",
            "SystemCallFilter=",
            "docs/hardening.md",
            {"hardening": "off"},
        ),
    ],
)
def test_a_denial_names_the_directive_and_the_word_that_opens_it(
    said: str, directive: str, advice: str, opened: dict[str, Any]
) -> None:
    sentence = why(said, subject=sandboxed())
    assert directive in sentence
    assert advice in sentence
    for without in explain(sandboxed(**opened), Status(), [[said]]):
        assert advice not in without


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("none", "OSError: [Errno 97] Address family not supported by protocol"),
        ("none", "OSError: [Errno 101] Network is unreachable"),
        ("localhost", r"    sock.connect(a)\nPermissionError: [Errno 1] Operation not permitted"),
    ],
)
def test_a_network_that_is_denied_is_named(network: str, said: str) -> None:
    sentence = why(said, subject=sandboxed(network=network))
    assert sentence.startswith("the network is denied to it (")
    assert "python_service_network: full" in sentence
    for other in explain(sandboxed(), Status(), [[said]]):
        assert "python_service_network" not in other


@pytest.mark.parametrize(
    "said",
    [
        "Operation not permitted (src/thread.cpp:281)",
        "Address family not supported by protocol (/w/src/ip.cpp:9)",
    ],
)
def test_what_zeromq_says_as_it_ends_is_a_denial(said: str) -> None:
    unit = release().units["demo.service"]
    assert "python_service_allow: [affinity, netlink]" in why(
        said, subject=SUBJECT._replace(unit=unit)
    )
    assert explain(SUBJECT, Status(), [[said]]) == []


@pytest.mark.parametrize("where", ["<frozen os>", "/usr/lib/python3.9/os.py"])
def test_a_variable_that_is_not_set_is_named(where: str) -> None:
    said = (
        r'Uncaught exception\nTraceback (most recent call last):\n  File "main.py", line 5, in <module>\n'
        r'    url = os.environ["DATABASE_URL"]\n          ~~~~~~~~~~^^^^^^^^^^^^^^^^\n'
        rf'  File "{where}", line 714, in __getitem__\nKeyError: \'DATABASE_URL\''
    ).replace(r"\'", "'")
    sentence = why(said)
    assert sentence.startswith("the environment variable DATABASE_URL is not set; ")
    unit = release(secrets={"DATABASE_URL": "x"}).units["demo.service"]
    sentence = why(said, subject=SUBJECT._replace(unit=unit))
    assert "write python_service_secret_environment: [DATABASE_URL]" in sentence
    assert explain(SUBJECT, Status(), [["KeyError: 'DATABASE_URL'"]]) == []


def test_a_file_that_cannot_be_mapped_is_no_denial_of_memory() -> None:
    said = "    mmap.mmap(file.fileno(), 0)\\nPermissionError: [Errno 13] Permission denied"
    assert explain_words(sandboxed(), said) == []


def test_a_file_of_variables_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    unit = (
        f"EnvironmentFile={tmp_path}/there\nEnvironmentFile={tmp_path}/gone\nEnvironmentFile=-/x\n"
    )
    sentence = why(
        "demo.service: Failed to load environment files: No such file or directory",
        subject=SUBJECT._replace(unit=unit),
    )
    assert sentence.startswith(f"EnvironmentFile={tmp_path}/gone cannot be read (No such file")


def test_what_came_last_counts() -> None:
    said = ["ModuleNotFoundError: No module named 'a'", "ModuleNotFoundError: No module named 'b'"]
    assert "module b" in why(*said)
    assert "module b" in why("\n".join(said))


def test_what_came_before_the_traceback_that_ended_it_is_not_taken_for_the_reason() -> None:
    said = ["ModuleNotFoundError: No module named 'uvloop'", TRACEBACK + "ValueError: bad", "End"]
    assert explain(SUBJECT, Status(), [said]) == []
    assert "module uvloop" in why(said[0], "End")


def test_what_tells_most_comes_first() -> None:
    told = [
        ["ModuleNotFoundError: No module named 'a'"],
        ["No module named b", "python: No module named c"],
    ]
    assert "module a" in explain(SUBJECT, Status(), told)[0]


@pytest.mark.parametrize(
    "status", [Status(Result="oom-kill"), Status(Result="signal", ExecMainStatus="9")]
)
def test_one_that_was_killed_is_told_by_whom(status: Status) -> None:
    (sentence,) = explain(SUBJECT, status, [["Hello"]])
    assert "where memory is short" in sentence
    assert explain(SUBJECT, Status(Result="signal", ExecMainStatus="11"), []) == []


def test_one_that_is_never_ready_is_told_what_to_use_instead() -> None:
    status = Status(Type="notify", Result="timeout", TimeoutStartUSec="1min 30s")
    (sentence,) = explain(SUBJECT, status, [["Hello"]])
    assert sentence.startswith("it did not say READY=1 within 1min 30s; ")
    assert "python_service_type: exec" in sentence
    assert explain(SUBJECT, Status(Type="exec", Result="timeout"), []) == []
    assert explain(SUBJECT, Status(), [["Hello"], []]) == []


def test_nothing_that_is_quoted_steers_a_terminal_or_is_taken_for_a_field() -> None:
    said = "[Errno 30] Read-only file system: '/srv/\x1b[2J{python}{x}" + "y" * 9999 + "'"
    sentence = why(said)
    assert sentence.startswith("/srv/\\x1b[2J{python}{x}yyy")
    assert len(sentence) < 1000


def test_what_pip_says_is_explained_as_well() -> None:
    text = "pip failed:\n  ERROR: Package 'own' requires a different Python: 3.9.2 not in '>=3.12'"
    assert "needs Python >=3.12" in explain_words(SUBJECT, text)[0]
    assert explain_words(SUBJECT, "pip failed:\n  no such thing") == []


@pytest.mark.parametrize(
    "said",
    [
        "FileNotFoundError: [Errno 2] No such file or directory: 'README.md'",  # of a build
        "FileNotFoundError: [Errno 2] No such file or directory: '/proc/self/x'",
        "python: can't open file '/srv/x/main.py': [Errno 13] Permission denied",
        "KeyError: 'name'",
        "PermissionError: [Errno 13] Permission denied",
    ],
)
def test_what_may_be_something_else_is_not_explained(said: str) -> None:
    assert explain_words(SUBJECT, TRACEBACK + said) == []


class TestErrors:
    """Where the sentence stands in the error of a deploy."""

    def test_it_comes_first_and_the_journals_words_after(
        self, host: FakeHost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        host.deploy(make_release(host, "demo", Program()))
        release = make_release(host, "demo", Program("exits"), source="2")
        error = TRACEBACK + "ModuleNotFoundError: No module named 'redis'"
        say = host.systemd._say
        monkeypatch.setattr(host.systemd, "_say", lambda name, *_: say(name, error, 3))
        with pytest.raises(ServiceError) as raised:
            host.deploy(release)
        first, second, third, *_, last = str(raised.value).splitlines()
        assert first.startswith(
            f"Release {release.id} was not accepted: the module redis is not found; "
        )
        assert second.startswith("demo.service did not stay up: ")
        assert third == "Its journal at warning and worse:"
        assert last.endswith("runs again.")

    def test_one_that_nobody_knows_begins_with_the_state(self, host: FakeHost) -> None:
        release = make_release(host, "demo", Program("exits"))
        with pytest.raises(ServiceError) as raised:
            host.deploy(release)
        words = f"Release {release.id} was not accepted: demo.service did not stay up: "
        assert str(raised.value).startswith(words)

    def test_what_could_not_be_installed_is_explained(self, host: FakeHost) -> None:
        release = make_release(host, "demo", Program(), venv_of="unbuildable")
        said = "pip failed:\n  requires a different Python: 3.9.2 not in '>=3.12'"
        host.unbuildable[release.venv.id] = said
        with pytest.raises(ServiceError) as raised:
            host.deploy(release)
        lines = str(raised.value).splitlines()
        assert lines[0].startswith(
            "The release of demo could not be staged: what is to be installed"
        )
        assert lines[1] == "pip failed:"
        assert lines[-1] == "What runs is untouched."


def test_the_subject_is_the_unit_of_the_release(host: FakeHost) -> None:
    release = make_release(host, "demo", Program())
    subject = subject_of(host.layout("demo"), release, "demo.service")
    assert subject.app == host.layout("demo").app(release.id)
    assert subject.settings("Type") == ["exec"]
    assert subject_of(host.layout("demo"), release).settings("Type") == []
