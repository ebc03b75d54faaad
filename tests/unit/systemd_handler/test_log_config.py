"""The handler works from both kinds of configuration that logging has."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from systemd_handler import ExtraFormatter

if TYPE_CHECKING:
    from unit.systemd_handler.conftest import Journal

DICT_CONFIG = """
import logging, logging.config
logging.config.dictConfig({
    "version": 1,
    "formatters": {"short": {"format": "%(name)s: %(message)s"}},
    "handlers": {
        "journal": {
            "class": "systemd_handler.SystemdHandler",
            "stream": "ext://sys.stdout",
            "formatter": "short",
            "level": "NOTICE",
        }
    },
    "root": {"handlers": ["journal"], "level": "DEBUG"},
})
logging.getLogger("app").info("below the handler's level")
logging.getLogger("app").error("a\\nb")
"""

FILE_CONFIG = """
[loggers]
keys = root

[handlers]
keys = journal

[formatters]
keys = short

[logger_root]
level = INFO
handlers = journal

[handler_journal]
class = systemd_handler.SystemdHandler
args = (sys.stdout,)
formatter = short

[formatter_short]
format = %(name)s: %(message)s
"""


def test_dict_config(journal: Journal) -> None:
    # NOTICE has a name once the package is imported, as a program that uses the level does.
    assert journal.run("import systemd_handler\n" + DICT_CONFIG).returncode == 0
    assert journal.entries() == [(3, r"app: a\nb")]


def test_file_config(journal: Journal, tmp_path: Path) -> None:
    configuration = tmp_path / "logging.ini"
    configuration.write_text(FILE_CONFIG)
    program = (
        "import logging, logging.config, sys\n"
        "logging.config.fileConfig(sys.argv[1])\n"
        "logging.getLogger('app').error('a\\nb')\n"
    )
    assert journal.run(program, str(configuration)).returncode == 0
    assert journal.entries() == [(3, r"app: a\nb")]


DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "logging.md"


def examples(language: str) -> list[str]:
    """The blocks of code in the document, which are in one language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


@pytest.mark.parametrize("program", examples("python"))
def test_the_examples_of_the_document_do_what_it_says(journal: Journal, program: str) -> None:
    assert journal.run(program).returncode == 0
    assert journal.entries() == [(6, "shop: paid order=7")]


@pytest.mark.parametrize("settings", examples("ini"))
def test_so_do_its_settings(journal: Journal, tmp_path: Path, settings: str) -> None:
    (tmp_path / "logging.ini").write_text(settings)
    program = (
        "import logging, logging.config, sys\n"
        "logging.config.fileConfig(sys.argv[1])\n"
        "logging.getLogger('shop').info('paid', extra={'order': 7})\n"
    )
    assert journal.run(program, str(tmp_path / "logging.ini")).returncode == 0
    assert journal.entries() == [(6, "shop: paid order=7")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        ("plain", "plain"),
        ("", "''"),
        ("two words", "'two words'"),
        ('a="b"', "'a=\"b\"'"),
        ("a\nb", r"'a\nb'"),
        (None, "None"),
    ],
)
def test_a_field_is_told_from_what_surrounds_it(value: object, text: str) -> None:
    record = logging.makeLogRecord({"msg": "paid", "order": value, "levelno": 20})
    assert ExtraFormatter().format(record) == f"paid order={text}"


def test_fields_come_before_the_traceback() -> None:
    record = logging.makeLogRecord({"msg": "failed", "order": 7, "exc_text": "Traceback"})
    assert ExtraFormatter().format(record) == "failed order=7\nTraceback"
