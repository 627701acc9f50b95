"""For whom code acts: it holds within its block, travels with its task, and is what the actor may see."""

from __future__ import annotations

import asyncio
from contextvars import copy_context

import pytest

from perdure.core.access import LOCAL_ACTOR, SYSTEM_ACTOR
from perdure.core.acting import NOBODY, SERVER, act_as, acting, acting_as, name_of
from tests.factories import OWNER, STRANGER


def test_blocks_lie_in_each_other_and_end_with_an_error_too() -> None:
    def fail() -> None:
        with acting_as("b"):
            assert acting() == "b"
            raise KeyError

    assert acting() == SERVER
    with acting_as("a"):
        with pytest.raises(KeyError):
            fail()
        assert acting() == "a"
    assert acting() == SERVER


def test_what_a_task_acts_as_does_not_reach_others() -> None:
    def inside() -> str:
        act_as("a")
        return acting()

    assert copy_context().run(inside) == "a"
    assert acting() == SERVER


async def test_a_task_goes_on_for_whom_it_was_begun() -> None:
    begun = asyncio.Event()

    async def later() -> str:
        await begun.wait()
        return acting()

    with acting_as("a"):
        task = asyncio.create_task(later())
    with acting_as("b"):
        begun.set()
        assert await task == "a"


def test_administrators_and_the_server_see_every_row_and_nobody_none() -> None:
    assert [name_of(actor) for actor in (SYSTEM_ACTOR, LOCAL_ACTOR)] == [SERVER, SERVER]
    assert [name_of(actor) for actor in (OWNER, STRANGER, None)] == [OWNER.user_id, STRANGER.user_id, NOBODY]
