"""What a config names is looked up before anything is stored."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.errors import InvalidInput
from perdure.store.sessions import SessionQuery
from tests.engine.conftest import House


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"agent": "enginer"}, "did you mean 'engineer'"),
        ({"model": "nonsense"}, "nonsense"),
        ({"mcp_servers": ["files"]}, "none is set up"),
        ({"planner_model": "opnai:gpt"}, "opnai"),
    ],
)
async def test_an_agent_or_model_that_is_not_there_is_refused(
    house: House, config: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        await house.submit("planning-control", **config)
    assert refused.value.fields["field"] == f"config.{next(iter(config))}"
    with pytest.raises(InvalidInput, match=said):
        await house.app.sessions.create(LOCAL_ACTOR, mode="planning-control", config=config)
    assert (await house.app.sessions.list(LOCAL_ACTOR, SessionQuery())).total == 0


async def test_an_empty_task_starts_nothing(house: House) -> None:
    for text in ("", "   \n"):
        with pytest.raises(InvalidInput):
            await house.submit("one-shot", text)
    assert (await house.app.sessions.list(LOCAL_ACTOR, SessionQuery())).total == 0
