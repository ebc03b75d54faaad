"""A Python of another release of Debian, with a compiler and git, as a program of this machine."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lab import images
from lab.commands import check, lock
from lab.steps import step

_DEFINITION = """
FROM {base}
RUN export DEBIAN_FRONTEND=noninteractive \\
 && apt-get -o Acquire::Check-Valid-Until=false update \\
 && apt-get install -y --no-install-recommends gcc git libc6-dev python3-dev \\
 && apt-get clean
"""
#: It sees what it is told by variables, the files that it is given, and the network of this machine.
_PROGRAM = """\
#!/bin/sh
told=$(env | sed -n 's/^\\(\\(PIP\\|GIT\\|PYTHON\\)[A-Z0-9_]*\\|NETRC\\|TMPDIR\\|LC_ALL\\)=.*/--env \\1/p')
# shellcheck disable=SC2086
exec docker run --rm --interactive --network host --user {user} --workdir "$PWD" $told {seen} {image} \\
    python3 "$@"
"""


def make_python(path: Path, image: str, *seen: Path) -> None:
    """Put the Python of an image such as ``debian:11`` at ``path``; it sees these files, and temporary ones."""
    images.ensure(image)
    name = f"python-service-compiler:{image.replace(':', '-')}"
    with lock(name), step(f"Make {name}"):
        definition = _DEFINITION.format(base=images.tag(image))
        # What is there already is taken from the engine's cache.
        check(["docker", "build", "--quiet", "--tag", name, "-"], text=definition)
    directories = {one.resolve() for one in (Path(tempfile.gettempdir()), *seen)}
    volumes = " ".join(f"--volume {one}:{one}" for one in sorted(directories))
    user = f"{os.geteuid()}:{os.getegid()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_PROGRAM.format(user=user, seen=volumes, image=name))
    path.chmod(0o755)
