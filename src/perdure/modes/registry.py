"""Finding modes by entry point, and checking configs against them."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from pydantic import AliasChoices, ValidationError
from pydantic.fields import FieldInfo

from perdure.core.secrets import secret_keys
from perdure.errors import InvalidInput, UnknownConfigKey, UnknownMode
from perdure.modes.contract import Mode, ModeConfig, ModeSpec

GROUP = "perdure.modes"

log = logging.getLogger("perdure.modes")


class ModeRegistry:
    """The modes that are installed, by id."""

    def __init__(
        self,
        modes: Mapping[str, type[Mode]] | None = None,
        check: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        """`check` is asked about every config as well: whether what it names exists here."""
        self._check = check
        self._broken: dict[str, str] = {}
        self._secret_keys: dict[type[ModeConfig], frozenset[str]] = {}
        found = modes if modes is not None else _installed(self._broken)
        self._modes = {cls.spec.id: cls for cls in found.values()}

    def list(self) -> list[ModeSpec]:
        """Return the descriptions of all modes, by label."""
        return sorted((cls.spec for cls in self._modes.values()), key=lambda spec: spec.label)

    def get(self, mode: str) -> ModeSpec:
        """Return a mode's description.

        Raises:
            UnknownMode: naming the nearest known ones.
        """
        return self._class(mode).spec

    def make(self, mode: str) -> Mode:
        """Return a fresh instance of the mode.

        Raises:
            UnknownMode: when it is not installed (any more).
        """
        return self._class(mode)()

    def validate(self, mode: str, config: dict[str, Any]) -> dict[str, Any]:
        """Return the config with canonical key names; keys that were not given stay out.

        Raises:
            UnknownMode: when there is no such mode.
            UnknownConfigKey: naming each unknown key and the nearest valid one.
            InvalidInput: when a value does not fit.
        """
        model = self.get(mode).config_model
        names = set(model.model_fields)
        accepted = names | {alias for f in model.model_fields.values() for alias in _aliases(f)}
        unknown = {key: _nearest(key, names) for key in config if key not in accepted}
        if unknown:
            hints = [
                f"{key!r}" + (f" (did you mean {near!r}?)" if near else "") for key, near in unknown.items()
            ]
            raise UnknownConfigKey(
                f"Mode {mode!r} has no config key {', '.join(hints)}.", keys=unknown, valid=sorted(names)
            )
        try:
            checked = model.model_validate(config).model_dump(mode="json", exclude_unset=True)
        except ValidationError as error:
            problems = [
                {
                    "field": f"config.{'.'.join(str(p) for p in e['loc'])}",
                    "message": e["msg"],
                    "type": e["type"],
                }
                for e in error.errors()
            ]
            raise InvalidInput(
                "; ".join(f"{p['field']}: {p['message']}" for p in problems), errors=problems
            ) from None
        if self._check is not None:
            self._check(checked)
        return checked

    def supports_resume(self, mode: str) -> bool:
        """Whether a failed run of the mode can go on from a step; False for a mode that is gone."""
        return mode in self._modes and self._modes[mode].spec.supports_resume

    def secret_keys(self, mode: str) -> frozenset[str]:
        """Return the config keys whose values are secrets; of a mode that is gone, those that every mode has."""
        model = self._modes[mode].spec.config_model if mode in self._modes else ModeConfig
        found = self._secret_keys.get(model)
        if found is None:
            found = self._secret_keys[model] = secret_keys(model.model_json_schema(by_alias=False))
        return found

    def stays_active(self, mode: str) -> bool:
        """Whether a session of the mode waits for the next turn when a run ends."""
        return mode in self._modes and self._modes[mode].spec.stays_active

    def _class(self, mode: str) -> type[Mode]:
        if mode in self._broken:
            raise UnknownMode(
                f"Mode {mode!r} is installed but cannot be loaded: {self._broken[mode]}", mode=mode
            )
        if mode not in self._modes:
            near = _nearest(mode, set(self._modes))
            raise UnknownMode(
                f"There is no mode {mode!r}"
                + (f"; did you mean {near!r}?" if near else f"; there are {', '.join(sorted(self._modes))}."),
                mode=mode,
                nearest=near,
                known=sorted(self._modes),
            )
        return self._modes[mode]


def _aliases(field: FieldInfo) -> list[str]:
    """Return the other names under which a field may be given."""
    given = field.validation_alias
    several = given.choices if isinstance(given, AliasChoices) else [given]
    return [alias for alias in (*several, field.alias) if isinstance(alias, str)]


def _installed(broken: dict[str, str]) -> dict[str, type[Mode]]:
    """Load every installed mode; one that cannot be loaded must not keep the server from starting."""
    found: dict[str, type[Mode]] = {}
    for point in entry_points(group=GROUP):
        try:
            found[point.name] = point.load()
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything
            broken[point.name] = f"{type(error).__name__}: {error}"
            log.warning("mode %s cannot be loaded: %s", point.name, broken[point.name])
    return found


def _nearest(word: str, known: set[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, sorted(known), 1, 0.5)), None)
