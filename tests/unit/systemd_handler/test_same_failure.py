"""The same failure has the same fingerprint, in whatever release; another one has another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from systemd_handler._fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

FAILS = """
import json

def parse(text):
    return json.loads(text)

def {name}(text):
    {before}parse(text)
"""


def failure(path: str = "app.py", name: str = "handle", before: str = "", text: str = "{") -> str:
    source = FAILS.format(name=name, before=before)
    code: dict[str, object] = {"__name__": "app"}
    exec(compile(source, path, "exec"), code)
    with pytest.raises(json.JSONDecodeError) as raised:
        code[name](text)  # type: ignore[operator]
    return fingerprint(raised.value)


def test_lines_texts_and_paths_do_not_count() -> None:
    moved = failure(path="/opt/shop/releases/2/app/app.py", before="\n\n    ", text="[1, ")
    assert failure() == moved
    assert len(moved) == 12
    int(moved, 16)


def test_the_way_it_came_counts() -> None:
    assert failure(name="other") != failure()


def test_the_type_counts() -> None:
    assert len({fingerprint(kind()) for kind in (ValueError, KeyError, KeyError)}) == 2


def test_functions_of_others_do_not_count_where_there_are_own() -> None:
    path = "/srv/venv/lib/python3.9/site-packages/lib.py"
    assert failure(path=path) == failure(path=path, name="other")


def test_without_own_functions_those_of_others_count() -> None:
    def failing(function: Callable[[str], object]) -> BaseException:
        with pytest.raises(json.JSONDecodeError) as raised:
            function("{")
        return raised.value

    errors = [failing(function) for function in (json.loads, json.JSONDecoder().raw_decode)]
    assert len({fingerprint(error) for error in errors}) == 1
    for error in errors:
        while error.__traceback__ and "json" not in error.__traceback__.tb_frame.f_code.co_filename:
            error.__traceback__ = error.__traceback__.tb_next
    assert len({fingerprint(error) for error in errors}) == 2


def test_what_it_was_raised_from_counts() -> None:
    error, other = ValueError(), ValueError()
    error.__cause__ = KeyError()
    assert fingerprint(error) != fingerprint(other)
    other.__context__ = KeyError()
    assert fingerprint(error) == fingerprint(other)
    other.__suppress_context__ = True
    assert fingerprint(other) == fingerprint(ValueError())


def test_a_circle_of_causes_has_an_end() -> None:
    error = ValueError()
    error.__cause__ = KeyError()
    error.__cause__.__cause__ = error
    assert fingerprint(error)
