"""The page: what stands in the template, and what is filled in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from demo.actions import Action
from demo.service import Service

_TEMPLATE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Result:
    """What came of a request: a sentence or two, and the command that shows more."""

    text: str
    command: str
    failed: bool = False


def render(service: Service, result: Result | None = None) -> str:
    """Give the page as HTML."""
    messages = [action for action in service.actions.values() if action.level is not None]
    others = [action for action in service.actions.values() if action.level is None]
    return Template(_TEMPLATE).substitute(
        facts="".join(_fact(name, value) for name, value in service.facts().items()),
        uptime_seconds=int(service.uptime),
        uptime=duration(int(service.uptime)),
        messages=_buttons(messages),
        disturbances=_buttons(others),
        result="" if result is None else _result(result),
    )


def duration(seconds: int) -> str:
    """Write whole seconds for people, as "1 d 02:03:04"."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    clock = f"{hour:02}:{minute:02}:{second:02}"
    return f"{days} d {clock}" if days else clock


def _fact(name: str, value: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"


def _buttons(actions: Iterable[Action]) -> str:
    return "".join(map(_button, actions))


def _button(action: Action) -> str:
    path = escape(action.path)
    style = path.strip("/").replace("/", "-")
    ends = " data-ends" if action.ends_process else ""
    hint = f"<small>{escape(action.hint)}</small>" if action.hint else ""
    return (
        f'<form method="post" action="{path}"{ends}>'
        f'<button class="{style}"><span>{escape(action.label)}</span>{hint}</button></form>'
    )


def _result(result: Result) -> str:
    kind = ' class="failed"' if result.failed else ""
    look = f"<pre><code>{escape(result.command)}</code></pre>" if result.command else ""
    return f"<p{kind}>{escape(result.text)}</p>{look}"


def _hash_of(element: str) -> str:
    """Give the source expression that lets the browser use one inline element: CSP, 2.3.1."""
    content = _TEMPLATE.partition(f"<{element}>")[2].partition(f"</{element}>")[0]
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"


CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        f"script-src {_hash_of('script')}",
        f"style-src {_hash_of('style')}",
        "img-src data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
