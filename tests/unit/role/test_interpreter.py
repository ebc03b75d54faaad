"""What an interpreter says of itself, and what is believed of it."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from typing import Any

import pytest

from python_service.module_utils.python_service.interpreter import (
    PROBE,
    Interpreter,
    interpreter_from_json,
    interpreter_of,
)


def test_it_tells_its_version_and_what_it_loads() -> None:
    answer = subprocess.check_output([sys.executable, "-I", "-S", "-c", PROBE], text=True)
    found = interpreter_of(answer)
    assert found
    assert (found.version, found.extension) == (
        sys.version_info[:3],
        sysconfig.get_config_var("EXT_SUFFIX"),
    )


@pytest.mark.parametrize(
    ("answer", "glibc"),
    [
        ("3 13 5 .cpython-313-x86_64-linux-gnu.so 2.41\n", (2, 41)),
        ("3 13 5 .cpython-313-x86_64-linux-gnu.so 2.41.9000\n", (2, 41)),
        ("3 13 5 .cpython-313-x86_64-linux-musl.so\n", ()),
    ],
)
def test_the_c_library_is_known_where_it_is_glibc(answer: str, glibc: tuple[int, ...]) -> None:
    found = interpreter_of(answer)
    assert found
    assert found.glibc == glibc
    assert interpreter_from_json(json.loads(json.dumps(found._asdict()))) == found


@pytest.mark.parametrize(
    "change",
    [
        {"version": ["3", "/../../tmp/x", 1]},
        {"version": [3]},
        {"extension": ".so\n"},
        {"extension": "../../x"},
        {"glibc": ["2) or print(", 1]},
    ],
)
def test_a_host_that_says_something_else_is_not_believed(change: dict[str, Any]) -> None:
    good = Interpreter((3, 13, 5), ".cpython-313-x86_64-linux-gnu.so", (2, 41))._asdict()
    with pytest.raises(ValueError, match=r"interpreter|invalid literal"):
        interpreter_from_json({**good, **change})
