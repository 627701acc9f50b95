"""`perdure config`: the settings in force, and where each comes from."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from dotenv import dotenv_values
from pydantic import AliasChoices, SecretStr

from perdure.cli import output
from perdure.cli.options import AsJson
from perdure.config import Settings, load_settings

_TOML = Path("perdure.toml")
_LEGACY = {
    "session_ttl": ("SESSION_TTL_HOURS", "SESSION_TTL"),
    "ephemeral": ("SESSION_PERSISTENCE_ENABLED",),
}


def config(as_json: AsJson = False) -> None:
    """Show every setting with its value and where that comes from; secrets are not shown."""
    settings = load_settings()
    origins = _Origins()
    rows = [
        {
            "name": name,
            "variable": f"PERDURE_{name.upper()}",
            "value": _shown(getattr(settings, name)),
            "origin": origins.of(name),
        }
        for name in Settings.model_fields
    ]
    if as_json:
        output.print_json({"settings": rows, "database": _shown(settings.url)})
        return
    output.table(("SETTING", "VALUE", "FROM"), [(r["variable"], r["value"] or "", r["origin"]) for r in rows])
    output.note(f"Database in use: {_shown(settings.url)}")


class _Origins:
    """Looks through the sources in the order in which the settings are read."""

    def __init__(self) -> None:
        dotenv = {key: value for key, value in dotenv_values(".env").items() if value is not None}
        self._sources: list[tuple[str, set[str]]] = [
            ("environment", {key.upper() for key in os.environ}),
            (".env", {key.upper() for key in dotenv}),
        ]
        self._toml: set[str] = set()
        if _TOML.is_file():
            self._toml = {key.upper() for key in tomllib.loads(_TOML.read_text())}

    def of(self, field: str) -> str:
        """Return `environment: NAME`, `.env: NAME`, `perdure.toml: NAME` or `default`."""
        alias = Settings.model_fields[field].validation_alias
        names = [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [field]
        for source, known in self._sources:
            for name in (*names, *(_LEGACY.get(field, ()) if source == "environment" else ())):
                if name.upper() in known and name != field:
                    return f"{source}: {name}"
        found = next((name for name in names if name.upper() in self._toml), None)
        return f"{_TOML}: {found}" if found else "default"


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return "(secret, set)"
    if isinstance(value, dict):  # tool servers and the like: their keys and headers are nobody's business
        return ", ".join(str(name) for name in cast("dict[Any, Any]", value)) or "(none)"
    text = str(value)
    return _without_password(text) if "://" in text else text


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    if parts.password is None:
        return address
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))
