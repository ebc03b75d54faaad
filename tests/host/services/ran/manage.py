#!/usr/bin/env python
"""What a person does with a terminal: looks at its size, changes that, and presses Ctrl-C."""

import os
import signal
import sys


def size(*_: object) -> None:
    print("size", *os.get_terminal_size(), flush=True)


print("terminal", os.isatty(0), os.isatty(1), os.isatty(2), flush=True)
signal.signal(signal.SIGWINCH, size)
size()
try:
    while True:
        signal.pause()
except KeyboardInterrupt:
    sys.exit(9)
