"""The bill of materials of a release, by the rules of CycloneDX 1.6 and of package URLs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lab.fake import FakeHost, Program, make_release

from python_service.module_utils.python_service.host.bill import bill
from python_service.module_utils.python_service.host.installed import Package
from python_service.module_utils.python_service.host.python import Python

PACKAGES = [
    Package("attrs", "25.1+local.1", "MIT"),
    Package("click", "1!8.0", "", "BSD-3-Clause License"),
    Package("odd", "1", "MIT; rm -rf /"),
    Package("zope-interface", "7.0"),
]


@pytest.fixture
def made(host: FakeHost) -> dict[str, Any]:
    release = make_release(host, "demo", Program())
    python = Python("/usr/bin/python3.11", "cpython", "3.11.2", "cpython-311-x86_64-linux-gnu")
    return bill("demo", release, python, PACKAGES, [Package("shop", "1.0", "", "mine")])


def test_it_has_what_the_rules_ask_for(made: dict[str, Any]) -> None:
    """Of the schema: required are these of the bill, and type and name of a component."""
    assert (made["bomFormat"], made["specVersion"], made["version"]) == ("CycloneDX", "1.6", 1)
    own = made["metadata"]["component"]
    assert (own["type"], own["name"]) == ("application", "demo")
    assert len(own["version"]) == 12
    for component in made["components"]:
        assert {"type", "name", "version"} <= component.keys()
        assert component.keys() <= {"type", "name", "version", "purl", "licenses"}
    texts = [json.dumps(component) for component in made["components"]]
    assert len(texts) == len(set(texts))


def test_packages_have_their_addresses_and_the_releases_own_have_none(
    made: dict[str, Any],
) -> None:
    assert [(one["name"], one.get("purl")) for one in made["components"]] == [
        ("cpython", "pkg:generic/python@3.11.2"),
        ("attrs", "pkg:pypi/attrs@25.1%2Blocal.1"),
        ("click", "pkg:pypi/click@1%218.0"),
        ("odd", "pkg:pypi/odd@1"),
        ("zope-interface", "pkg:pypi/zope-interface@7.0"),
        ("shop", None),
    ]


def test_licences_are_expressions_or_names(made: dict[str, Any]) -> None:
    assert [one.get("licenses") for one in made["components"]] == [
        None,
        [{"expression": "MIT"}],
        [{"license": {"name": "BSD-3-Clause License"}}],
        [{"license": {"name": "MIT; rm -rf /"}}],
        None,
        [{"license": {"name": "mine"}}],
    ]
