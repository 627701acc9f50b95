"""What was allowed for a whole session, on the wire."""

from __future__ import annotations

from perdure.api.wire.base import Wire
from perdure.core.tools import ToolCategory


class GrantsOut(Wire):
    """The tool categories that need no question in this session."""

    session_id: str
    grants: list[ToolCategory]
    total: int
