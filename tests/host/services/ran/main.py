"""Tells what it has, and stays."""

import json
import pathlib
import signal

from look import look

pathlib.Path("/var/lib/ran/told").write_text(json.dumps(look()))
signal.pause()
