"""Perdure: durable, resumable sessions for AI-agent work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["HistoryProvider", "SessionManager", "create_session_manager", "get_session_manager"]

if TYPE_CHECKING:
    from perdure.integrations.history_provider import HistoryProvider
    from perdure.integrations.session_manager import (
        SessionManager,
        create_session_manager,
        get_session_manager,
    )


def __getattr__(name: str) -> Any:
    if name == "HistoryProvider":
        from perdure.integrations.history_provider import HistoryProvider

        return HistoryProvider
    if name in __all__:
        from perdure.integrations import session_manager

        return getattr(session_manager, name)
    raise AttributeError(f"module 'perdure' has no attribute {name!r}")
