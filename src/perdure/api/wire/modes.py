"""Modes on the wire."""

from __future__ import annotations

from typing import Any

from perdure.api.wire.base import Json, Wire


class ModeOut(Wire):
    """A way of working that is installed here, with the form of its config."""

    id: str
    mode_id: str
    name: str
    label: str
    description: str
    icon: str
    supports_resume: bool
    supports_hitl: bool
    supportsResume: bool  # noqa: N815 - a name of the first interface
    supportsHITL: bool  # noqa: N815
    config_schema: Json

    @classmethod
    def of(cls, spec: Any) -> ModeOut:
        """Return the wire form of a `ModeSpec`."""
        return cls(
            id=spec.id,
            mode_id=spec.id,
            name=spec.name,
            label=spec.label,
            description=spec.description,
            icon=spec.icon,
            supports_resume=spec.supports_resume,
            supports_hitl=spec.supports_hitl,
            supportsResume=spec.supports_resume,
            supportsHITL=spec.supports_hitl,
            config_schema=spec.config_schema,
        )


class ModeList(Wire):
    """All installed modes."""

    modes: list[ModeOut]
    total: int
