"""Settings that nothing reads: most often a name with a slip, which would otherwise be ignored in silence."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values
from pydantic import AliasChoices

from perdure.config import Settings

_PREFIX = "PERDURE_"
_READ_ELSEWHERE = {"PERDURE_URL", "PERDURE_SERVER", "PERDURE_API_KEY", "PERDURE_SECRET_KEY"}
_TOML = Path("perdure.toml")


def misspelt() -> Iterator[str]:
    """Return a sentence for each name in the environment, `.env` and `perdure.toml` that is no setting."""
    names = {f"{_PREFIX}{field.upper()}" for field in Settings.model_fields} | _READ_ELSEWHERE
    in_files: set[str] = set()
    for field in Settings.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            in_files.update(str(choice) for choice in field.validation_alias.choices)
    for place, given in (("the environment", os.environ), (".env", dotenv_values(".env"))):
        for name in sorted(given):
            if name.upper().startswith(_PREFIX) and name.upper() not in names:
                yield _sentence(name, place, names)
    if _TOML.is_file():
        known = in_files | set(Settings.model_fields)
        for name in sorted(set(tomllib.loads(_TOML.read_text())) - known):
            yield _sentence(name, str(_TOML), set(Settings.model_fields))


def _sentence(name: str, place: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    meant = f"; did you mean {near[0]}?" if near else "; `perdure config` lists all settings."
    return f"{name} in {place} is not a setting and does nothing{meant}"
