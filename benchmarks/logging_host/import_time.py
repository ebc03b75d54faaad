"""Prints what CPU time an import takes in fresh interpreters: the median, in seconds.

    python3 -m logging_host.import_time INTERPRETERS MODULE [AFTER]

The modules that MODULE needs are counted with it, but for those that AFTER has imported.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

_PROGRAM = """\
import time
{before}
started = time.process_time()
import {module}
print(time.process_time() - started)
"""


def main() -> None:
    """Time the import."""
    count, module = int(sys.argv[1]), sys.argv[2]
    before = "".join(f"import {name}" for name in sys.argv[3:])
    program = _PROGRAM.format(before=before, module=module)
    command = [sys.executable, "-c", program]
    # The first one writes the bytecode that the others read.
    times = [float(subprocess.check_output(command)) for _ in range(count + 1)][1:]
    print(statistics.median(times))


if __name__ == "__main__":
    main()
