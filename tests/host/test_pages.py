"""The pages of docs that lead through something: their files are made, and their commands run."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import yaml
from lab import PROJECT
from lab.deploys import Player, Service
from lab.wheels import SERVICES, wheelhouse
from testinfra.host import Host

HOST = "debian-13"


class Page:
    """A page, the files that it has a reader write below ``directory``, and its commands in order."""

    def __init__(self, name: str, directory: Path) -> None:
        self.text = (PROJECT / "docs" / name).read_text(encoding="utf-8")
        blocks = re.findall(
            r"^```\w+\n# (\S+\.\w+)\n(.+?)^```$", self.text, re.MULTILINE | re.DOTALL
        )
        self.files = dict(blocks)
        consoles = re.findall(r"^```console\n(.+?)^```$", self.text, re.MULTILINE | re.DOTALL)
        lines = [line for block in consoles for line in block.splitlines()]
        self.commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        for path, text in self.files.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_text(text, encoding="utf-8")


def run(command: str, directory: Path, player: Player, host: Host, *more: str) -> None:
    """Run a command of a page, where a reader does: of Ansible here, and else on the host."""
    program, *words = shlex.split(command)
    if program != "ansible-playbook":
        host.check_output(command)
        return
    assert words[:2] == ["-i", "inventory.yml"]
    playbook = PROJECT / words[2] if words[2].startswith("playbooks/") else directory / words[2]
    player.playbook(playbook, *words[3:], *more).succeeded()


def test_from_a_script_to_a_service(tmp_path: Path, player: Player, host: Host) -> None:
    page = Page("start.md", tmp_path)
    given = yaml.safe_load(page.files["inventory.yml"])["python_service"]["vars"]
    values = {**given, "python_service_src": str(tmp_path / "clock.py")}
    here = player.in_group("python_service")
    more = [
        word for name, value in values.items() for word in ("--extra-vars", f"{name}={value!r}")
    ]
    clock = Service(host, "clock")
    for command in page.commands:
        if "rollback" in command:  # to have a version to go back from
            (tmp_path / "clock.py").write_text(page.files["clock.py"].replace("it is", "now"))
            run(page.commands[0], tmp_path, here, host, *more)
        run(command, tmp_path, here, host, *more)
        if command == page.commands[0]:
            assert clock.eventually(lambda: clock.entries("it is"))[0]["PRIORITY"] == "6"
    assert not host.file("/opt/clock").exists


def test_a_django_site(tmp_path: Path, player: Player, host: Host) -> None:
    page = Page("django.md", tmp_path)
    source = tmp_path / "shop"
    shutil.copytree(SERVICES / "django", source, dirs_exist_ok=True)
    (source / "wsgi.py").write_text(
        "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
    )
    (source / "requirements.txt").write_text("django\ngunicorn\n")
    settings = (source / "settings.py").read_text()
    (shown,) = re.findall(r"^```python\n(SECRET_KEY.+?)^```$", page.text, re.MULTILINE | re.DOTALL)
    assert shown.splitlines() == [line for line in settings.splitlines() if is_of_the_host(line)]
    more = ["--extra-vars", f"python_service_wheelhouse={wheelhouse('django.txt')}"]
    more += ["--extra-vars", "shop_secret_key=of-the-shop-alone"]
    here = player.in_group("web")
    before = 0
    for command in page.commands:
        run(command, tmp_path, here, host, *more)
        before = before or Service(host, "shop").pid
    assert Service(host, "shop").pid != before
    said = host.check_output("journalctl --output cat --quiet -u shop-count")
    assert "1 items" in said
    worker = host.check_output("journalctl --output cat --quiet -u shop-worker --priority warning")
    assert "the worker is at work" in worker
    player.role(name="shop", state="absent", remove_data=True).succeeded()


def is_of_the_host(line: str) -> bool:
    """Whether a line of the settings is one that the page shows."""
    others = ('"""', "from ", "import ", "INSTALLED_APPS", "ROOT_URLCONF", "DEFAULT_AUTO_FIELD")
    return bool(line.strip()) and not line.startswith(others)
