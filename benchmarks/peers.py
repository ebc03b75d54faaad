"""The packages that are compared, brought to a host that need not reach any index."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from container import Container
from lab.commands import LabError

# Newer systems take wheels made for older ones, but pip wants each of them named.
_GLIBC = ("2_17", "2_28", "2_31", "2_34")
# A table that is kept names nobody's mirror.
_ADDRESS = re.compile(r"\w+://\S+|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?::\d+)?")


@dataclass(frozen=True)
class Peer:
    """A package: where it comes from, and the handler of `logging_host.handlers` it is for."""

    handler: str
    package: str
    debian: bool = False

    def install(self, container: Container) -> str:
        """Install it on the host; return its version.

        Raises `PeerError` with the reason when that fails.
        """
        return self._from_debian(container) if self.debian else self._from_index(container)

    def _from_debian(self, container: Container) -> str:
        # The host's own apt, because the package has to fit its Python.
        options = "-o Acquire::http::Timeout=20 -o Acquire::Retries=1"
        try:
            container.shell(
                f"apt-get {options} update && DEBIAN_FRONTEND=noninteractive"
                f" apt-get {options} install --yes --no-install-recommends {self.package}"
            )
        except LabError as error:
            raise PeerError(_last_line(str(error))) from None
        show = ("dpkg-query", "--show", "--showformat=${Version}")
        return f"Debian {container.check(*show, self.package)}"

    def _from_index(self, container: Container) -> str:
        version = container.check(
            "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"
        )
        machine = platform.machine()
        with tempfile.TemporaryDirectory(prefix="python-service-bench-") as temporary:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            command += ["--disable-pip-version-check", "--no-input", "--no-compile"]
            command += ["--only-binary=:all:", f"--python-version={version}"]
            command += [f"--platform=manylinux_{glibc}_{machine}" for glibc in _GLIBC]
            command += [f"--platform=manylinux2014_{machine}", f"--target={temporary}"]
            result = subprocess.run(
                [*command, self.package], capture_output=True, text=True, timeout=300, check=False
            )
            if result.returncode != 0:
                raise PeerError(_last_line(result.stderr))
            for path in sorted(Path(temporary).iterdir()):
                container.add(path)
        return self.package.partition("==")[2]


class PeerError(Exception):
    """A package could not be installed."""


PEERS = [
    Peer("priorityprefix", "priorityprefix==1.5.0"),
    Peer("python-systemd", "python3-systemd", debian=True),
    Peer("logging-journald", "logging-journald==0.6.12"),
    Peer("cysystemd", "cysystemd==2.0.5"),
]


def _last_line(text: str) -> str:
    """The last line of an error, without the addresses that it was reached by."""
    lines = [line for line in text.splitlines() if line.strip()]
    return _ADDRESS.sub("…", lines[-1].strip()) if lines else "no reason given"
