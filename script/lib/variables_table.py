"""Writes the table of the role's variables into the READMEs, from meta/argument_specs.yml.

python script/lib/variables_table.py

The table stands between two comments, and what was there before is replaced. tests/unit/role checks
that it is current.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]
SPECIFICATION = PROJECT / "roles" / "python_service" / "meta" / "argument_specs.yml"
READMES = (PROJECT / "README.md", PROJECT / "roles" / "python_service" / "README.md")
_BEGIN = "<!-- variables: made from meta/argument_specs.yml by script/lib/variables_table.py -->\n"
_END = "<!-- end of variables -->"


def table() -> str:
    """The variables as a Markdown table, in the order of the specification."""
    specification = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))
    options = specification["argument_specs"]["main"]["options"]
    rows = ["| variable | type | default | meaning |", "|---|---|---|---|"]
    rows += [_row(name, option) for name, option in options.items()]
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """``text`` with the current table between its comments."""
    pattern = re.compile(re.escape(_BEGIN) + ".*?" + re.escape(_END), re.DOTALL)
    # A function, since a table is no pattern of replacement.
    return pattern.sub(lambda _: _BEGIN + table() + _END, text)


def _row(name: str, option: dict[str, Any]) -> str:
    kind = option["type"]
    if "choices" in option:
        kind = " ".join(f"`{choice}`" for choice in option["choices"])
    elif "elements" in option:
        kind = f"list of {option['elements']}"
    meaning = re.sub(r"C\(([^)]*)\)", r"`\1`", " ".join(option["description"].split()))
    cells = (f"`{name}`", kind, _default(option), meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(option: dict[str, Any]) -> str:
    if option.get("required"):
        return "required"
    if "default" not in option:
        return ""
    default = option["default"]
    if default == "{{ python_service_name }}":
        return "the name"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, list) and default:
        return " ".join(f"`{item}`" for item in default)
    return f"`{default}`"


def main() -> None:
    """Write the table into each README."""
    for readme in READMES:
        readme.write_text(with_table(readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
