"""The handler works from both kinds of configuration that logging has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.systemd_handler.conftest import Journal

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
