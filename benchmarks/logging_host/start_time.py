"""Says what CPU time `auto` adds to the start of a Python process that does nothing else.

    python3 -m logging_host.start_time PAIRS RESULT

To be run where journald reads what is printed. Each pair is ``python -c pass`` with the
package installed and ``SYSTEMD_HANDLER=auto``, and without both. The file RESULT gets the
median difference in seconds, user and system.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import systemd_handler


def _install(base: Path) -> None:
    """Put the package where Python finds it that has *base* for its user's packages."""
    packages = Path(sysconfig.get_path("purelib", "posix_user", {"userbase": str(base)}))
    package = shutil.copytree(Path(systemd_handler.__file__).parent, packages / "systemd_handler")
    (package / "startup.pth").rename(packages / "systemd_handler.pth")


def _start(base: Path, **variables: str) -> float:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {**inherited, "PYTHONUSERBASE": str(base), **variables}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", "pass"], env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure it."""
    pairs, result = int(sys.argv[1]), Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        with_package, without = Path(folder, "with"), Path(folder, "without")
        _install(with_package)
        differences = [
            _start(with_package, SYSTEMD_HANDLER="auto") - _start(without) for _ in range(pairs + 1)
        ]
    # The first one writes the bytecode that the others read.
    result.write_text(f"{statistics.median(differences[1:])}\n")


if __name__ == "__main__":
    main()
