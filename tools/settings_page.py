"""Writes `docs/settings.md` from the settings themselves: `python -m tools.settings_page`."""

from __future__ import annotations

import ast
import inspect
from datetime import timedelta
from pathlib import Path

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from perdure import config
from perdure.config import Settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
_HEAD = """# Settings

Written by `python -m tools.settings_page` from `perdure.config.Settings`; change that, not this page.

Values are read from the environment, then from `.env`, then from `perdure.toml` in the working directory
(there the key is the name in lower case without `PERDURE_`). Durations are written `90s`, `15m`, `24h`,
`7d`, or as seconds. Beside the names below, `SESSION_TTL` (milliseconds) and `SESSION_TTL_HOURS` are read
when `PERDURE_SESSION_TTL` is not set, and `SESSION_PERSISTENCE_ENABLED=false` means `PERDURE_EPHEMERAL=true`.

| name | default | also read from | meaning |
|---|---|---|---|
"""


def page() -> str:
    """Return the whole page."""
    meanings = _meanings()
    return _HEAD + "".join(_row(name, field, meanings[name]) for name, field in Settings.model_fields.items())


def names(name: str, field: FieldInfo) -> list[str]:
    """Return the environment names of a setting, ours first."""
    alias = field.validation_alias
    choices = (
        [str(c) for c in alias.choices] if isinstance(alias, AliasChoices) else [f"PERDURE_{name.upper()}"]
    )
    return list(dict.fromkeys(c for c in choices if c.isupper()))


def _row(name: str, field: FieldInfo, meaning: str) -> str:
    first, *others = names(name, field)
    also = ", ".join(f"`{n}`" for n in others)
    return f"| `{first}` | {_default(field)} | {also} | {meaning.replace('|', chr(92) + '|')} |\n"


def _default(field: FieldInfo) -> str:
    match field.default:
        case timedelta() as span:
            hours = span.total_seconds() / 3600
            if hours >= 1:
                return f"{hours / 24:g}d" if hours > 24 else f"{hours:g}h"
            return f"{hours * 60:g}m" if hours * 60 >= 1 else f"{hours * 3600:g}s"
        case None:
            return "unset"
        case value if field.default_factory is None:
            return f"`{str(value).lower() if isinstance(value, bool) else value}`"
        case _:
            return "empty" if field.default_factory in (list, dict) else "the user's data folder"


def _meanings() -> dict[str, str]:
    """Return the text below each field; what Python does not keep is read from the source."""
    (settings,) = (
        node
        for node in ast.parse(inspect.getsource(config)).body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    found: dict[str, str] = {}
    for field, text in zip(settings.body, settings.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            found[field.target.id] = " ".join(str(text.value.value).split())
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
