"""Hosts with systemd, and what is done with them: shared by tests, benchmarks and the demo.

Of the standard library alone, since a benchmark runs in an environment of its own.
"""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CACHE = PROJECT / ".cache"
