"""As whom somebody speaks and answers."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR, SYSTEM_ACTOR
from perdure.core.approvals import Approval, ApprovalType
from perdure.core.messages import Author, author_of
from tests.factories import START


def test_people_speak_in_their_name_and_the_server_in_nobodys() -> None:
    assert author_of(LOCAL_ACTOR) == Author(user_id=LOCAL_ACTOR.user_id, name=LOCAL_ACTOR.name)
    assert author_of(SYSTEM_ACTOR) is None


@pytest.mark.parametrize(
    ("kept", "answered_by"),
    [
        ({}, None),
        ({"responded_by": "Ann"}, None),
        ({"responded_by_id": "u1"}, None),
        ({"responded_by": "Ann", "responded_by_id": "u1"}, Author(user_id="u1", name="Ann")),
    ],
)
def test_an_answer_is_somebodys_where_name_and_id_are_known(
    kept: dict[str, Any], answered_by: Author | None
) -> None:
    ids = {"id": "a", "session_id": "s", "run_id": "r", "key": "k"}
    question = Approval(**ids, request_type=ApprovalType.TOOL, title="?", created_at=START, **kept)
    assert question.answered_by == answered_by
