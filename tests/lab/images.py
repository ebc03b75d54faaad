"""The images of hosts: one definition, beside this file, on the base of any Debian release."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from lab import PROJECT
from lab.commands import LabError, check, lock, run
from lab.steps import step

DEFINITION = Path(__file__).parent / "image"
#: Images of Debian, and the names of their releases on a mirror.
SUITES = {
    "debian:11": "bullseye",
    "debian:12": "bookworm",
    "debian:13": "trixie",
    "debian:testing": "testing",
}


def tag(image: str) -> str:
    """Our name for the host made from it, such as python-service-host:debian-12."""
    return f"python-service-host:{image.replace(':', '-')}"


def ensure(image: str) -> None:
    """Have the image of a host there and up to date; `LabError` when it cannot be made."""
    if image not in SUITES:
        raise LabError(f"no host can be made from '{image}'; take {', '.join(SUITES)}")
    with lock(f"image-{image.replace(':', '-')}"):
        digest = _digest(image)
        label = '{{index .Config.Labels "python-service.definition"}}'
        current = run(["docker", "image", "inspect", "--format", label, tag(image)])
        if current.stdout.strip() == digest:
            return
        if not _has_base(image):
            with step(f"Look for {image} in a registry"):
                # Nobody has to be able to reach a registry, so that none answers is no failure.
                run(["timeout", "120", "docker", "pull", "--quiet", image])
        if not _has_base(image):
            # It has steps of its own, and may have to ask for a password.
            if subprocess.run([PROJECT / "script/bootstrap", "mmdebstrap"], check=False).returncode:
                raise LabError(f"the base of {image} cannot be made without mmdebstrap")
            with step(f"Make the base of {image} from a Debian mirror"):
                _make_base(image)
        with step(f"Make the host image of {image}"):
            build = ["docker", "build", "--build-arg", f"BASE={_base(image)}"]
            build += ["--label", f"python-service.definition={digest}", "--tag", tag(image)]
            check([*build, str(DEFINITION)])


def _digest(image: str) -> str:
    """Changes when the definition does."""
    files = sorted(DEFINITION.iterdir())
    contents = b"".join(file.read_bytes() for file in files) + f"{image}\n".encode()
    return hashlib.sha256(contents).hexdigest()[:16]


def _base(image: str) -> str:
    """The name of its base: the release's own image, else the one made here.

    That one has a name of its own, so that it can never pass for the former.
    """
    there = run(["docker", "image", "inspect", image]).status == 0
    return image if there else f"python-service-base:{image.replace(':', '-')}"


def _has_base(image: str) -> bool:
    return run(["docker", "image", "inspect", _base(image)]).status == 0


def _make_base(image: str) -> None:
    # The list of packages of a snapshot is past its date, and testing's may be of any age.
    made = "mmdebstrap --variant=minbase --aptopt='Acquire::Check-Valid-Until \"false\"'"
    for left_out in ("doc", "man", "locale"):
        made += f" --dpkgopt='path-exclude=/usr/share/{left_out}/*'"
    script = f"{made} {SUITES[image]} - | docker import - {_base(image)}"
    check(["bash", "-o", "pipefail", "-c", script])
