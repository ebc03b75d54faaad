"""A unit as systemd would read it: what a user wrote arrives, and nothing else comes of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import release
from python_service.module_utils.python_service.layout import UNIT_MARK

#: What may stand in one line of a unit: `validate` refuses the rest.
LINE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn"))).map(lambda text: text + "\t.")


def unit(**changes: Any) -> str:
    return release(**changes).units["demo.service"]


def read(text: str) -> list[tuple[str, str, str]]:
    """Section, directive and value of each line, by systemd.syntax(7)."""
    found, section = [], ""
    for line in text.replace("\\\n", " ").split("\n"):
        if line.strip() == "" or line.strip()[0] in "#;":
            continue
        if line.startswith("["):
            section = line.strip("[]")
        else:
            directive, equals, value = line.partition("=")
            assert equals, line
            found.append((section, directive.strip(), value.strip()))
    return found


def values(text: str, directive: str) -> list[str]:
    return [value for _, name, value in read(text) if name == directive]


def expanded(value: str) -> str:
    """A value with its specifiers replaced: of systemd.unit(5) there may be ``%%`` alone."""
    assert "%" not in value.replace("%%", ""), value
    return value.replace("%%", "%")


def environment(text: str) -> dict[str, str]:
    """The variables of a unit, by systemd.exec(5): quotes and C escapes first, then specifiers."""
    found = {}
    for value in values(text, "Environment"):
        word = value
        if value.startswith('"'):
            inner = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', value)
            assert inner, value
            word = re.sub(r"\\(.)", lambda escape: {"t": "\t"}.get(escape[1], escape[1]), inner[1])
        else:
            assert not re.search(r"[\s\"'\\]", value), value
        name, _, content = expanded(word).partition("=")
        found[name] = content
    return found


def test_the_unit_says_whose_it_is() -> None:
    assert unit().startswith(f"{UNIT_MARK};")


def test_what_is_asked_for_stands_where_systemd_reads_it() -> None:
    made = read(unit(user="www", group="staff", type="notify", description="A shop"))
    for line in (
        ("Unit", "Description", "A shop"),
        ("Service", "Type", "notify"),
        ("Service", "User", "www"),
        ("Service", "Group", "staff"),
        ("Service", "SyslogIdentifier", "demo"),
        ("Service", "StateDirectory", "demo"),
        ("Install", "WantedBy", "multi-user.target"),
    ):
        assert made.count(line) == 1


def test_a_oneshot_ends_so_that_a_timer_can_start_it_again() -> None:
    assert values(unit(type="oneshot"), "RemainAfterExit") == []
    stays = {"Service": {"RemainAfterExit": True}}
    assert values(unit(type="oneshot", unit_options=stays), "RemainAfterExit") == ["yes"]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("python manage.py migrate", "/usr/bin/env python manage.py migrate"),
        ("kill -HUP $MAINPID", "/usr/bin/env kill -HUP $MAINPID"),
        ("./bin/prepare  x\ty ", "/usr/bin/env ./bin/prepare  x\ty"),
        ("-python x", "-/usr/bin/env python x"),
        ("-:python x", "-:/usr/bin/env python x"),
        ('"python"\tx', "/usr/bin/env python\tx"),
        ("a ; -b x ; /bin/c", "/usr/bin/env a ; -/usr/bin/env b x ; /bin/c"),
        ("sh -c 'a ; b'", "/usr/bin/env sh -c 'a ; b'"),
        ("a \\; b", "/usr/bin/env a \\; b"),
        *(
            (same, same)
            for same in ("/bin/true x", "-/bin/x", "@/bin/sh me", "%h/x", "|echo x", "")
        ),
    ],
)
@pytest.mark.parametrize("directive", ["ExecStartPre", "ExecCondition", "ExecStop"])
def test_commands_beside_the_services_own_find_what_it_would_find(
    directive: str, written: str, read_as: str
) -> None:
    made = unit(unit_options={"Service": {directive: [written]}})
    assert values(made, directive) == [read_as]


def test_what_is_no_command_stays_as_it_is_written() -> None:
    options = {"ExecSearchPath": "python", "ExecPaths": "python"}
    made = unit(unit_options={"Service": options})
    assert (values(made, "ExecSearchPath"), values(made, "ExecPaths")) == (["python"], ["python"])


@pytest.mark.parametrize(("logging", "adapted"), [("auto", "auto"), ("off", None)])
def test_logging_is_adapted_unless_it_is_off(logging: str, adapted: str | None) -> None:
    assert environment(unit(logging=logging)).get("SYSTEMD_HANDLER") == adapted


def test_variables_of_the_role_come_first_so_that_the_users_win() -> None:
    text = unit(environment={"PYTHONUNBUFFERED": "", "PATH": "/bin"})
    variables = environment(text)
    assert (variables["PYTHONUNBUFFERED"], variables["PATH"]) == ("", "/bin")
    assert variables["PYTHONFAULTHANDLER"] == "1"


def test_what_a_program_keeps_at_home_goes_into_the_services_directories() -> None:
    variables = environment(unit())
    assert {name: variables[name] for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR")} == {
        "HOME": "/var/lib/demo",
        "XDG_CACHE_HOME": "/var/cache/demo",
        "TMPDIR": "/tmp",
    }
    assert environment(unit(environment={"HOME": "/srv/home"}))["HOME"] == "/srv/home"


def test_a_service_has_a_directory_for_sockets() -> None:
    assert values(unit(), "RuntimeDirectory") == ["demo"]
    assert values(unit(), "RuntimeDirectoryMode") == ["0750"]


def test_a_directory_for_sockets_of_the_users_takes_the_place_of_the_roles() -> None:
    """Of two, $RUNTIME_DIRECTORY would name both."""
    options = {"RuntimeDirectory": "demo/deeper", "RuntimeDirectoryMode": "0755"}
    made = unit(unit_options={"Service": options})
    assert values(made, "RuntimeDirectory") == ["demo/deeper"]
    assert values(made, "RuntimeDirectoryMode")[-1] == "0755"


@pytest.mark.parametrize(
    "value",
    [
        *("", " two  words ", "tab\tin it", "a=b", "'single'", '"double"', "back\\slash", "\\n"),
        *("100%", "%h", "%%", "$HOME ${HOME}", "# no comment", "; none", "naïve 漢", "end\\"),
        *("{{ 7 * 7 }}", "{% raw %}", "{# no comment #}", "[Service]"),
    ],
)
def test_a_variable_arrives_as_it_was_written(value: str) -> None:
    assert environment(unit(environment={"A": value}))["A"] == value


def test_numbers_are_variables_as_texts() -> None:
    variables = environment(unit(environment={"PORT": 8000, "RATIO": 0.5}))
    assert (variables["PORT"], variables["RATIO"]) == ("8000", "0.5")


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True), LINE))
def test_any_variable_arrives_as_it_was_written(variables: dict[str, str]) -> None:
    found = environment(unit(environment=variables))
    assert {name: found[name] for name in variables} == variables


@given(LINE)
def test_no_text_makes_a_line_of_its_own(text: str) -> None:
    plain = [line[:2] for line in read(unit(environment={"A": "x"}))]
    made = unit(description=text, environment={"A": text})
    assert [line[:2] for line in read(made)] == plain
    assert expanded(values(made, "Description")[0]) == text.strip()


@given(st.lists(LINE, min_size=1))
def test_an_option_makes_a_line_of_each_of_its_values(texts: list[str]) -> None:
    made = unit(unit_options={"Unit": {"Documentation": texts}})
    assert values(made, "Documentation") == [text.strip() for text in texts]


def test_a_delay_of_ones_own_does_not_grow() -> None:
    """systemd.service(5): it would not be longer than RestartMaxDelaySec=."""
    assert "# From systemd 254 on: RestartSteps=5" in unit().splitlines()
    made = unit(unit_options={"Service": {"RestartSec": 20}})
    assert values(made, "RestartSec") == ["20"]
    assert "From systemd" not in made


def test_options_come_last_in_their_section() -> None:
    made = unit(
        unit_options={
            "Unit": {"Documentation": ["a:1", "b:2"], "StartLimitBurst": 3},
            "Service": {"Restart": "always", "PrivateTmp": False, "Nice": 5, "LimitCORE": ""},
            "Install": {"Alias": "x.service"},
        }
    )
    lines = read(made)
    sections: dict[str, list[tuple[str, str]]] = {}
    for section, directive, value in lines:
        sections.setdefault(section, []).append((directive, value))
    assert list(sections) == ["Unit", "Service", "Install"]
    assert sections["Unit"][-3:] == [
        ("Documentation", "a:1"),
        ("Documentation", "b:2"),
        ("StartLimitBurst", "3"),
    ]
    assert sections["Service"][-4:] == [
        ("Restart", "always"),
        ("PrivateTmp", "no"),
        ("Nice", "5"),
        ("LimitCORE", ""),
    ]
    assert sections["Install"][-1] == ("Alias", "x.service")
    assert values(made, "PrivateTmp") == ["yes", "no"]


@pytest.mark.parametrize(
    ("listen", "health", "expected"),
    [
        (["127.0.0.1:8000"], {"url": "http://127.0.0.1:8000/"}, ["1s"]),
        (["127.0.0.1:8000", "[::1]:8000"], {"url": "http://localhost:8000/"}, ["1s"]),
        (["80"], {"url": "http://shop.example/"}, ["1s"]),
        (["443"], {"url": "https://shop.example/"}, ["1s"]),
        # On one of these a server may speak first.
        (["8000", "2525"], {"url": "http://127.0.0.1:8000/"}, []),
        (["8000"], {"url": "http://127.0.0.1:9000/"}, []),
        (["8000"], {"command": "python -c pass"}, []),
        (["8000"], {}, []),
        (["/run/demo.sock"], {"url": "http://localhost/", "socket": "/run/demo.sock"}, []),
        (["8000", "/run/demo.sock"], {"url": "http://127.0.0.1:8000/"}, []),
    ],
)
def test_a_connection_comes_with_its_request_where_clients_are_known_to_speak_first(
    listen: list[str], health: dict[str, Any], expected: list[str]
) -> None:
    text = release(listen=listen, health=health).units["demo.socket"]
    assert values(text, "DeferAcceptSec") == expected
