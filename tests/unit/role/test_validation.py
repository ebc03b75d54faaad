"""What the role was given: each problem names the variable and what to write instead."""

from __future__ import annotations

import re
from typing import Any

import pytest

from builders import given
from python_service.module_utils.python_service.controller.validation import validate
from python_service.module_utils.python_service.errors import ServiceError


def problems(entry: str, variables: dict[str, Any], names: tuple[str, ...] = ()) -> list[str]:
    """All that is wrong, a sentence each."""
    with pytest.raises(ServiceError) as raised:
        validate(entry, variables, names)
    return str(raised.value).splitlines()


def test_good_input_comes_back_with_its_types() -> None:
    arguments = validate("main", given(settle="0.5", enabled="yes", keep_releases="7"), ())
    assert (arguments["settle"], arguments["enabled"], arguments["keep_releases"]) == (0.5, True, 7)


def test_what_is_not_given_is_none() -> None:
    arguments = validate("main", given("src", requirements=["demo"]), ())
    assert (arguments["src"], arguments["wheelhouse"]) == (None, None)


def test_what_systemd_and_programs_can_take_is_no_problem() -> None:
    validate(
        "main",
        given(
            command="./run --format '%%(message)s' ${PORT}",
            description='50% more: naïve "quotes"',
            environment={"A": "$x %h \\ \" '", "B": 1, "C": 0.5, "_D": ""},
            health={"url": "http://127.0.0.1:8000/", "status": 204, "timeout": 0.5},
            unit_options={
                "Unit": {"Documentation": ["man:a(1)", "man:b(1)"]},
                "Service": {"Nice": 5, "WatchdogSec": 1.5, "PrivateTmp": False, "LimitCORE": ""},
                "Install": {"Alias": "other.service"},
            },
        ),
        (),
    )
    validate("main", given(health={"command": "curl --fail http://127.0.0.1/"}), ())
    validate("main", given(health={"url": "https://[::1]:8443/a?b=%20#c", "timeout": 86400}), ())
    headers = {"Host": "shop.example", "X-Number": 5}
    web = {"url": "http://localhost/", "status": [200, 204], "headers": headers}
    validate("main", given(health={**web, "socket": "/run/demo/http.sock"}), ())
    for command in (
        "python -m demo $OPTIONS ${PORT} --bind=0.0.0.0:${PORT} $STATE_DIRECTORY '$PORT' $$ a$$B",
        "python main.py '&&' \">\" --re=^a$ a|b x~y \"~\" -c 'import a; b(`c`)' $",
        "/bin/sh -c 'cd x && A=1 exec python -m demo --port=$PORT > $STATE_DIRECTORY/log'",
    ):
        validate("main", given(command=command), ())
    validate("main", given(health={"command": "/bin/sh -c 'curl :$PORT | grep x'"}), ())
    for refused in (False, "no", 0, "off", ""):
        validate("main", given(unit_options={"Unit": {"RefuseManualStop": refused}}), ())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "Demo"}, "python_service_name: 'Demo' cannot name"),
        ({"name": "9lives"}, "python_service_name: "),
        ({"name": "a" * 32}, "at most 31 characters"),
        ({"name": "demo\n"}, "python_service_name: "),
        ({"name": "../etc"}, "python_service_name: "),
        ({"name": "a.b"}, "python_service_name: "),
        ({"user": "a b"}, "python_service_user: 'a b' is not a valid account name"),
        ({"group": "-x"}, "python_service_group: '-x'"),
        ({"root": "opt"}, "python_service_root: 'opt' cannot be used; write an absolute path"),
        ({"root": "/"}, "python_service_root: '/'"),
        ({"root": "/opt/../etc"}, "python_service_root: "),
        ({"root": "/opt/"}, "python_service_root: "),
        ({"root": "/my opt"}, "python_service_root: "),
        ({"root": "/opt%h"}, "python_service_root: "),
        ({"python": "python3"}, "python_service_python: 'python3' cannot be used"),
        ({"python": "~/python3"}, "python_service_python: '~/python3' cannot be used"),
        ({"root": "$HOME"}, "python_service_root: '$HOME' cannot be used"),
        ({"src": ""}, "python_service_src: is missing"),
        (
            {"description": "a\nExecStartPre=/bin/x"},
            "python_service_description: contains a newline",
        ),
        ({"description": "a\rb"}, "python_service_description: contains a newline"),
        ({"description": "a\x1bb"}, "python_service_description: contains the character '\\x1b'"),
        ({"description": "a\x7fb"}, "contains the character '\\x7f'"),
        ({"description": "a\\"}, "python_service_description: ends with a backslash"),
        ({"command": ""}, "python_service_command: is missing; write what to run"),
        ({"command": "  "}, "python_service_command: is missing"),
        ({"command": "python -c 'x"}, "close the quotes"),
        ({"command": "python a\nb"}, "python_service_command: contains a newline"),
        ({"command": "python a \\"}, "python_service_command: "),
        ({"command": "+python a"}, "'+python' is not a program"),
        ({"command": "!/bin/sh"}, "'!/bin/sh' is not a program"),
        ({"command": "-python x"}, "'-python' is not a program"),
        ({"command": "./../x"}, "'./../x' is not a program"),
        ({"command": "bin/run"}, "write './bin/run'"),
        ({"command": "$SHELL"}, "'$SHELL' is not a program"),
        (
            {"environment": {"A B": "x"}},
            "python_service_environment: 'A B' is not the name of a variable",
        ),
        ({"environment": {"1A": "x"}}, "'1A' is not the name of a variable"),
        ({"environment": {5: "x"}}, "5 is not the name of a variable"),
        ({"environment": {"A": True}}, "A is a boolean; write the string that you mean, in quotes"),
        ({"environment": {"A": None}}, "A is empty; write a string or a number"),
        ({"environment": {"A": ["x"]}}, "A is a list; write a string or a number"),
        ({"environment": {"A": "x\ny"}}, "A contains a newline"),
        ({"environment": {"A": "x\0y"}}, "A contains the character '\\x00'"),
        ({"environment": {"A": "\udcff"}}, "A contains the character '\\udcff'"),
        ({"environment": {"PYTHON_SERVICE_RELEASE": "x"}}, "is set by the role; leave it out"),
        ({"environment": {"PYTHON_SERVICE_INSTANCE": "x"}}, "is set by the role; leave it out"),
        (
            {"unit_options": {"Sevice": {}}},
            "'Sevice' is not a section of a service's unit; write Service",
        ),
        ({"unit_options": {"Mount": {}}}, "write one of Unit, Service, Install"),
        ({"unit_options": {"Service": ["x"]}}, "Service is a list; write {directive: value}"),
        ({"unit_options": {"Service": None}}, "Service is empty"),
        ({"unit_options": {"Service": {"A=b\nC": "x"}}}, "is not the name of a directive"),
        (
            {"unit_options": {"Service": {"User": "x"}}},
            "Service.User has a variable of its own; write python_service_user",
        ),
        ({"unit_options": {"Unit": {"Description": "x"}}}, "write python_service_description"),
        ({"unit_options": {"Service": {"Nice": None}}}, "Service.Nice is empty"),
        ({"unit_options": {"Service": {"Nice": {"a": 1}}}}, "Service.Nice is a dictionary"),
        ({"unit_options": {"Service": {"Nice": ["1", "2\n3"]}}}, "Service.Nice contains a newline"),
        ({"unit_options": {"Service": {"Nice": "1\\"}}}, "Service.Nice ends with a backslash"),
        (
            {"unit_options": {"Service": {"LogExtraFields": ["A=1", ""]}}},
            "would drop the role's own",
        ),
        ({"command": "python main.py \\ "}, "python_service_command: ends with a backslash"),
        ({"environment": {"A": "x" * 131072}}, "A is longer than the kernel allows"),
        ({"environment": {"A": float("inf")}}, "A is not a finite number"),
        ({"environment": {"A": "\ufffe"}}, "A contains the character '\\ufffe'"),
        (
            {"requirements": {"a": 1}},
            "python_service_requirements: is neither a list of lines nor a path",
        ),
        ({"requirements": [1]}, "python_service_requirements: is neither"),
        ({"requirements": ["a\nb"]}, "is more than one line"),
        ({"health": {"url": "http://x/", "urll": "x"}}, "'urll' is not known; write one of url"),
        ({"health": {"timeout": 5}}, "needs either url or command"),
        ({"health": {"url": "http://x/", "command": "y"}}, "needs either url or command"),
        ({"health": {"url": "ftp://x/"}}, "cannot be used; write http://HOST:PORT/PATH"),
        ({"health": {"url": "http://x/", "timeout": 0}}, "timeout 0 is not a number above 0"),
        (
            {"health": {"url": "http://x/", "status": "200"}},
            "status '200' is none of HTTP; write a number from 100 to 599",
        ),
        ({"health": {"command": "x 'y"}}, "close the quotes"),
        ({"health": {"command": " "}}, "command is empty"),
        ({"health": {"command": "x", "status": 200}}, "status goes with url"),
        (
            {"health": {"url": "http://x/", "timeout": float("inf")}},
            "timeout inf is not a number above 0",
        ),
        ({"health": {"command": "x", "timeout": True}}, "timeout True is not a number above 0"),
        (
            {"settle": -1.0},
            "python_service_settle: -1.0 will not do; write seconds, from 0 to 86400",
        ),
        ({"settle": float("inf")}, "python_service_settle: inf will not do"),
        ({"settle": float("nan")}, "python_service_settle: nan will not do"),
        ({"keep_releases": 0}, "python_service_keep_releases: 0 is below 1"),
        ({"keep_releases": True}, "python_service_keep_releases: is a boolean; write a number"),
        ({"keep_releases": None}, "python_service_keep_releases: is empty; write a number"),
        ({"settle": None}, "python_service_settle: is empty; write a number"),
        ({"settle": 1e9}, "python_service_settle: 1000000000.0 will not do"),
        ({"enabled": None}, "python_service_enabled: is empty; write true or false"),
        ({"health": {"command": ["a", "b"]}}, "command is a list; write a string"),
        ({"health": {"command": {"a": 1}}}, "command is a dictionary; write a string"),
        ({"health": {"command": 5}}, "command is a number; write a string"),
        ({"health": {"command": None}}, "command is empty; write a string"),
        ({"health": {"url": ["http://x/"]}}, "url is a list; write a string"),
        *(
            ({"health": {"url": url}}, "cannot be used; write http://HOST:PORT/PATH")
            for url in (
                *("http://x:y/", "http://x:0/", "http://x:70000/", "http://x:-1/", "http://[::1/"),
                *("http://x/\0", "http://x/\x1b[2J", "http://x/a b", "http://x/é", "http://x/\n"),
                *("http://", "http:///path", "http://:80/", "http:x", "//x/", "file:///etc/passwd"),
            )
        ),
        ({"health": {"url": "http://x/", "status": []}}, "status is an empty list"),
        ({"health": {"url": "http://x/", "status": [200, "204"]}}, "status '204' is none of HTTP"),
        (
            {"health": {"url": "http://x/", "headers": "Host: x"}},
            "headers is a string; write {Host",
        ),
        *(
            ({"health": {"url": "http://x/", "headers": headers}}, words)
            for headers, words in (
                ({"Ho st": "x"}, "headers: 'Ho st' is not the name of a header"),
                ({5: "x"}, "headers: 5 is not the name of a header"),
                ({"Host": None}, "headers: Host is empty; write a string or a number"),
                ({"Host": True}, "headers: Host is a boolean; write a string or a number"),
                ({"Host": "x\r\nA: b"}, "headers: Host can hold printable ASCII alone"),
                ({"Host": "é"}, "headers: Host can hold printable ASCII alone"),
                ({"AUTHORIZATION": "x"}, "headers: AUTHORIZATION holds a secret, which anyone"),
            )
        ),
        ({"health": {"command": "x", "headers": {"Host": "x"}}}, "headers goes with url"),
        *(
            ({"prepare": ["python x", item]}, f"python_service_prepare: item 2: {words}")
            for item, words in (
                (5, "is a number; write a command, or {command: …}"),
                (["python", "y"], "is a list; write a command"),
                ("", "is missing; write what to run"),
                ({"once": False}, "is missing; write what to run"),
                ({"command": ["y"]}, "command is a list; write a string"),
                ({"command": "y", "timeut": 5}, "'timeut' is not known; write one of command,"),
                ({"command": "y", "once": "no"}, "once is a string; write true or false"),
                ({"command": "y", "timeout": 0}, "timeout 0 is not a number above 0"),
                ({"command": "y", "timeout": 86401}, "timeout 86401 is not a number above 0"),
                ("python x", "'python x' stands there already; leave one out"),
                ({"command": "python x", "once": False}, "'python x' stands there already"),
                ("a && b", "no shell reads it"),
                ("uv run x", "leave 'uv run' out"),
                ("python 'x", "No closing quotation"),
                ("python x\n", "contains a newline"),
                ("-python x", "'-python' is not a program"),
                ("python %h", "systemd would write root's own in the place of %h"),
                ("python /opt/demo/current/x", "names /opt/demo/current"),
            )
        ),
        ({"health": {"command": "x", "socket": "/run/x"}}, "socket goes with url"),
        *(
            ({"health": {"url": "http://x/", "socket": path}}, "cannot be used; write the absolute")
            for path in ("x.sock", "/run/../x", "/run/x y", "/" + "x" * 107, 5, None, "", "/")
        ),
        ({"health": {"url": "https://x/", "socket": "/run/x"}}, "with a socket, url begins with"),
        ({"health": {"command": "curl :$PORT"}}, "command: no shell reads it: $PORT would stay"),
        (
            {"health": {"command": "curl :${PORT}"}},
            "command: no shell reads it: ${PORT} would stay",
        ),
        ({"health": {"command": "curl x | grep y"}}, "would be given |; write /bin/sh -c 'exec …'"),
        *(
            ({"command": command}, f"python_service_command: no shell reads it: {words}")
            for command, words in (
                ("python a.py && python b.py", "the program would be given &&; write /bin/sh -c"),
                ("python a.py || true", "the program would be given ||; "),
                ("python a.py | tee x", "the program would be given |; "),
                ("python a.py > log", "the program would be given >; "),
                ("python a.py >>log", "the program would be given >>log; "),
                ("python a.py 2>&1", "the program would be given 2>&1; "),
                ("python a.py 2>/dev/null", "the program would be given 2>/dev/null; "),
                ("python a.py < in", "the program would be given <; "),
                ("python a.py &", "the program would be given &; "),
                ("python a.py; python b.py", "the program would be given a.py;; "),
                ("python a.py ; python b.py", "the program would be given ;; "),
                ("cd /srv/x && python a.py", "cd is a shell's own, and no program; the source is"),
                ("export A=1", "export is a shell's own, and no program; write the variable into"),
                (". venv/bin/activate", ". is a shell's own, and no program; the virtual"),
                ("A=1 B=2 python a.py", "A= sets no variable; write it into python_service_env"),
                ("python `cat x`", "`cat would not be run; "),
                ("python $(cat x)", "$(cat would not be run; "),
                ("python ~/a.py", "~/a.py would stay as it is; write the whole path"),
                ("~me/run", "~me/run would stay as it is; write the whole path"),
                ("gunicorn --bind 0.0.0.0:$PORT a", "$PORT would stay as it is within a word; "),
                (
                    "gunicorn --bind=$HOST:80 a",
                    "$HOST would stay as it is within a word; write ${HOST}",
                ),
            )
        ),
        *(
            ({"command": command}, f"python_service_command: {words}")
            for command, words in (
                ("uv run main.py", "leave 'uv run' out; the virtual environment is in use"),
                ("poetry run python a.py", "leave 'poetry run' out; the virtual environment"),
                ("sudo python a.py", "leave 'sudo' out; python_service_user names the account"),
                ("nohup python a.py", "leave 'nohup' out; systemd keeps the program running"),
                (
                    "celery -A shop worker -n one@%h",
                    "systemd would write root's own in the place of %h; write %%h if",
                ),
                ("python a.py '%l %u'", "systemd would write root's own in the place of %u; "),
            )
        ),
        (
            {"name": "python_service"},
            "'python_service' is the role's: its locks are in /run/python",
        ),
        ({"health": {"url": "http://me:pw@x/"}}, "url holds a name or password"),
        ({"health": {"url": "http://me@x/"}}, "url holds a name or password"),
        *(
            ({"health": {"url": "http://x/", "status": status}}, f"status {status!r} is none of")
            for status in (0, 99, 600, 200.5, True, None)
        ),
        *(
            ({"health": {"url": "http://x/", "timeout": timeout}}, f"timeout {timeout!r} is not a")
            for timeout in (float("nan"), -1, 86401, "5", None, [5])
        ),
        *(
            (
                {"unit_options": {"Unit": {directive: value}}},
                f"Unit.{directive} keeps systemd from restarting the service",
            )
            for directive in ("RefuseManualStop", "RefuseManualStart")
            for value in (True, 1, "yes", "On", " TRUE ", "y", "t", ["no", "1"])
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bad_input_is_named(changes: dict[str, Any], problem: str) -> None:
    (found,) = problems("main", given(**changes))
    assert problem in found
    assert found.startswith("python_service_")


@pytest.mark.parametrize(
    ("root", "name", "directory"),
    [
        ("/var/lib", "demo", "/var/lib/demo"),
        ("/var/lib/demo", "demo", "/var/lib/demo"),
        ("/var/lib/demo/deeper", "demo", "/var/lib/demo"),
        ("/var/cache", "demo", "/var/cache/demo"),
        ("/var/log", "demo", "/var/log/demo"),
        ("/var", "lib", "/var/lib/lib"),
        ("/var/lib/private", "demo", "/var/lib/private"),
        ("/var/lib", "private", "/var/lib/private"),
        ("/var/cache/private", "demo", "/var/cache/private"),
        ("/var/lib/made", "demo", "/var/lib/made"),
        ("/var/lib/two", "demo", "/var/lib/two"),
        ("/var/cache/deep/er", "demo", "/var/cache/deep/er"),
        ("/var/log/quoted", "demo", "/var/log/quoted"),
        ("/etc/conf", "demo", "/etc/conf/demo/x"),
    ],
)
def test_code_does_not_lie_in_what_systemd_gives_to_the_service(
    root: str, name: str, directory: str
) -> None:
    options = {
        "Service": {
            "StateDirectory": ["", "made two:link"],
            "CacheDirectory": "deep/er",
            "LogsDirectory": "'quoted'",
            "ConfigurationDirectory": "conf/demo/x",
        }
    }
    (found,) = problems("main", given(root=root, name=name, unit_options=options))
    assert found.startswith(f"python_service_root: {root}/{name} holds the code of the service")
    assert f"systemd gives {directory} to its account" in found
    assert found.endswith("write /opt or the like")


@pytest.mark.parametrize(
    ("root", "why"),
    [
        ("/tmp", "anyone may write there"),
        ("/var/tmp/x", "anyone may write there"),
        ("/dev/shm", "empty after a boot"),
        ("/run", "empty after a boot"),
        ("/var/run/x", "empty after a boot"),
        ("/proc/sys", "the kernel's"),
        ("/sys", "the kernel's"),
    ],
)
def test_code_does_not_lie_where_it_does_not_stay(root: str, why: str) -> None:
    (found,) = problems("main", given(root=root))
    assert found.startswith(f"python_service_root: {root}/demo is in /")
    assert why in found


@pytest.mark.parametrize(
    "root", ["/opt", "/srv", "/var/lib/apps", "/var/opt", "/tmpfiles", "/home/x"]
)
def test_code_may_lie_anywhere_else(root: str) -> None:
    validate("main", given(root=root), ())


def test_a_service_is_removed_from_wherever_it_lies() -> None:
    validate("main", given("src", "command", state="absent", root="/var/lib"), ())


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"command": "/opt/demo/current/app/run"}, "command: "),
        ({"command": "python -c 'x' --at=/opt/demo/current"}, "command: "),
        ({"health": {"command": "cat //opt/demo//current/app/x"}}, "health: command "),
        ({"environment": {"PYTHONPATH": "/a:/opt/demo/current/app"}}, "environment: PYTHONPATH "),
        (
            {"unit_options": {"Service": {"ExecStartPre": ["a", "-/opt/demo/current/app/x"]}}},
            "unit_options: Service.ExecStartPre ",
        ),
        (
            {"unit_options": {"Unit": {"ConditionPathExists": "!/opt/demo/current"}}},
            "unit_options: Unit.ConditionPathExists ",
        ),
    ],
    ids=str,
)
def test_no_process_finds_its_code_by_way_of_the_release_before(
    changes: dict[str, Any], where: str
) -> None:
    (found,) = problems("main", given(**changes))
    assert found.startswith(f"python_service_{where}names /opt/demo/current, which is the release")
    assert "such as ./bin/x" in found


def test_what_only_looks_like_the_release_before_may_be_named() -> None:
    told = "/opt/demo/currently /opt/demo/current.d /srv/opt/demo/current /opt/other/current"
    validate("main", given(environment={"A": told, "B": "/opt/demo/current-x"}), ())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("+python manage.py", "'+python' is run with root's rights and looked for in the virtual"),
        ("!./run", "'!./run' is run with root's rights"),
        ("-!!run x", "'-!!run' is run with root's rights"),
        ('"+run" x', "'+run' is run with root's rights"),
        ("/bin/true ; +run", "'+run' is run with root's rights"),
        ("+/usr/bin/env python x", "'+/usr/bin/env' is run with root's rights"),
        ("+/opt/../opt/demo/x", "'+/opt/../opt/demo/x' is run with root's rights"),
        ("+/opt/demo/environments/x/bin/python", "would have root run what the release brings"),
        ("!!/opt/demo/x", "would have root run what the release brings"),
        ("@python me", "'@python' has an @, which goes with absolute paths alone"),
        ("-@./run me", "'-@./run' has an @"),
    ],
)
@pytest.mark.parametrize("directive", ["ExecStartPre", "ExecStopPost", "ExecReload"])
def test_root_runs_nothing_that_the_release_brings(line: str, reason: str, directive: str) -> None:
    (found,) = problems("main", given(unit_options={"Service": {directive: line}}))
    assert found.startswith(f"python_service_unit_options: Service.{directive} ")
    assert reason in found


def test_root_may_run_a_program_of_the_host() -> None:
    for line in (
        "+/bin/mkdir -p /srv/x",
        "!/bin/x",
        "@/bin/sh me -c x",
        "/opt/demo/x",
        "+/opt/other",
    ):
        validate("main", given(unit_options={"Service": {"ExecStartPre": line}}), ())


def test_all_problems_are_named_at_once() -> None:
    assert len(problems("main", given(name="X", root="x", environment={"A": True}))) == 3


def test_to_remove_a_service_its_name_is_enough() -> None:
    validate("main", given("src", "command", state="absent"), ())


def test_a_program_may_come_from_the_requirements_alone() -> None:
    (found,) = problems("main", given("src"))
    assert "or let python_service_requirements bring the program" in found
    validate("main", given("src", requirements=["demo"]), ())


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"settle": "soon"}, "python_service_settle"),
        ({"enabled": "perhaps"}, "python_service_enabled"),
        ({"state": "running"}, "python_service_state"),
        ({"keep_releases": 1.5}, "python_service_keep_releases"),
    ],
    ids=str,
)
def test_another_type_or_choice_is_refused_by_the_variables_full_name(
    changes: dict[str, Any], name: str
) -> None:
    (found,) = problems("main", given(**changes))
    assert re.search(rf"\b{name}\b", found)


def test_a_service_without_a_name_is_refused() -> None:
    (found,) = problems("main", given("name"))
    assert "missing required arguments: python_service_name" in found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"description": {"a": 1}}, "python_service_description: is a dictionary; write a string"),
        ({"src": ["a"]}, "python_service_src: is a list; write a string"),
        ({"src": None}, "python_service_src: is empty; write a string"),
        ({"user": True}, "python_service_user: is a boolean; write a string"),
        ({"logging": True}, "python_service_logging: is a boolean; write a string"),
        ({"environment": "A=1 B=2"}, "python_service_environment: is a string; write a dictionary"),
        ({"environment": 5}, "python_service_environment: is a number; write a dictionary"),
        ({"exclude": "a,b"}, "python_service_exclude: is a string; write a list"),
    ],
    ids=str,
)
def test_another_kind_is_not_turned_into_text(changes: dict[str, Any], words: str) -> None:
    assert problems("main", given(**changes)) == [words]


def test_a_number_may_stand_for_text() -> None:
    assert validate("main", given(description=2026), ())["description"] == "2026"


def test_a_false_is_yamls_way_to_write_off() -> None:
    assert validate("main", given(logging=False), ())["logging"] == "off"


def test_variables_that_the_role_does_not_have_are_named() -> None:
    names = (
        *("python_service_command", "python_service_name", "python_service_rollback_to"),
        *("python_service_comand", "python_service_0815"),
        *("ansible_user", "python_service_result"),
    )
    assert problems("main", given(), names) == [
        "python_service_0815: the role has no such variable",
        "python_service_comand: the role has no such variable; write python_service_command",
    ]


def test_a_rollback_takes_a_name_a_release_and_how_many_stay() -> None:
    arguments = {"name": "demo", "rollback_to": "0123456789ab", "keep_releases": 2}
    assert validate("rollback", arguments, ()) == arguments
    assert [
        line.split(":")[0] for line in problems("rollback", {"name": "X", "keep_releases": 0})
    ] == [
        "python_service_name",
        "python_service_keep_releases",
    ]


@pytest.mark.parametrize("entry", ["stage", "activate"])
def test_a_half_of_a_deploy_takes_what_a_deploy_does(entry: str) -> None:
    assert validate(entry, given(), ()) == validate("main", given(), ())
    assert problems(entry, given(name="Demo"))[0].startswith("python_service_name: ")
    (words,) = problems(entry, given(state="absent"))
    assert words.startswith("python_service_state: is absent, and a removal has no halves")


def test_a_command_before_a_release_may_say_more() -> None:
    commands = ["./run ${A}", {"command": "python x", "once": False, "timeout": 86400}]
    validate("main", given(prepare=commands), ())
