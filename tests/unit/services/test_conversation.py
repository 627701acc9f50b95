"""Messages are built without their payload's class where that has nothing to check; nobody can tell."""

from typing import Any

import pytest
from pydantic import ValidationError

from perdure.core.events import AgentMessage, NewEvent
from perdure.core.messages import MessageRole, text_parts
from perdure.services.conversation import message_event


@pytest.mark.parametrize("role", MessageRole)
@pytest.mark.parametrize("agent", [None, "planner"])
def test_a_text_message_is_what_its_payload_class_would_make_of_it(
    role: MessageRole, agent: str | None
) -> None:
    rest: dict[str, Any] = {"run_id": "run", "step_id": "step", "dedupe": "once"}
    made = message_event(role, "Hé \0 there", agent=agent, message_id="m", **rest)
    data = AgentMessage(
        message_id="m",
        position=0,
        role=role,
        agent=agent,
        content="Hé \0 there",
        parts=text_parts("Hé \0 there"),
    )
    assert made == NewEvent.of(data, **rest)
    assert list(made.payload) == list(data.model_dump(mode="json"))
    assert type(made.payload["role"]) is str


@pytest.mark.parametrize(("content", "agent"), [(5, None), (None, None), ("text", 5)])
def test_what_is_not_text_is_still_refused(content: Any, agent: Any) -> None:
    with pytest.raises(ValidationError):
        message_event("user", content, agent=agent)
