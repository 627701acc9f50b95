"""The interface as a page that needs no script and nothing from outside."""

from __future__ import annotations

from html import escape
from typing import Any

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code{font-size:.95em}h2{margin-top:2rem}dt{margin-top:.8rem}dd{margin:0 0 0 1.5rem;color:#444}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}dd{color:#bbb}a{color:#8bf}}"
)


def render(schema: dict[str, Any]) -> str:
    """Return the page of an OpenAPI description: every operation by tag, and the frames of the socket."""
    groups: dict[str, list[str]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            line = (
                f"<dt><code>{method.upper()} {escape(path)}</code></dt>"
                f"<dd>{escape(operation.get('description', ''))}</dd>"
            )
            groups.setdefault((operation.get("tags") or ["other"])[0], []).append(line)
    sections = [f"<h2>{escape(tag)}</h2><dl>{''.join(lines)}</dl>" for tag, lines in groups.items()]
    frames = [
        f"<dt><code>{escape(name)}</code></dt><dd>{escape(model.get('description', ''))}</dd>"
        for name, model in sorted(schema["components"]["schemas"].items())
        if name.endswith(("Event", "Frame", "Command"))
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Perdure API</title>'
        f"<style>{_STYLE}</style>"
        f"<h1>Perdure {escape(schema['info']['version'])}</h1>"
        '<p>The full description is at <a href="/openapi.json">/openapi.json</a>.</p>'
        f"{''.join(sections)}<h2>socket frames</h2><dl>{''.join(frames)}</dl></html>"
    )
