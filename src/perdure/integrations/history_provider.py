"""`HistoryProvider`: the conversation of one session, to add to, read and clear."""

from __future__ import annotations

from typing import Any

from perdure.config import load_settings
from perdure.integrations.embedded import Embedded

_MODE = "conversation"


class HistoryProvider:
    """A conversation in a database; every method has an `a…` twin to be awaited.

    `session_id` names an existing session; without one, a session is created with the first message.
    """

    def __init__(
        self, session_id: str | None = None, database_url: str | None = None, **settings: Any
    ) -> None:
        self._embedded = Embedded(load_settings(database_url=database_url, **settings))
        self.session_id = session_id

    def add_message(self, message: dict[str, Any]) -> None:
        """Append a message: `role`, `content`, and perhaps `agent`.

        Raises:
            InvalidInput: when it is not a message.
            NotFound: when the session does not exist.
        """
        self._embedded.run(self.aadd_message(message))

    async def aadd_message(self, message: dict[str, Any]) -> None:
        """`add_message`, awaited."""
        await self._embedded.ready()
        if self.session_id is None:
            session = await self._embedded.sessions.create(self._embedded.actor, mode=_MODE)
            self.session_id = session.id
        await self._embedded.history.add(self._embedded.actor, self.session_id, [message])

    def get_messages(self) -> list[dict[str, Any]]:
        """Return the conversation since it was last cleared, oldest first."""
        return self._embedded.run(self.aget_messages())

    async def aget_messages(self) -> list[dict[str, Any]]:
        """`get_messages`, awaited."""
        await self._embedded.ready()
        return [] if self.session_id is None else await self._embedded.conversation(self.session_id)

    def clear_messages(self) -> None:
        """Let the conversation start anew; what was said stays in the session's log."""
        self._embedded.run(self.aclear_messages())

    async def aclear_messages(self) -> None:
        """`clear_messages`, awaited."""
        await self._embedded.ready()
        if self.session_id is not None:
            await self._embedded.history.clear(self._embedded.actor, self.session_id)

    def close(self) -> None:
        """Let the database go."""
        self._embedded.close()

    def __enter__(self) -> HistoryProvider:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    add = add_message
    get = get_messages
    clear = clear_messages
