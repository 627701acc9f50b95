"""An id is given once: what was kept of a session that is gone is not for whoever takes its name.

That an id is taken is the one thing a stranger learns of it (409, where an unknown one is created): it cannot be hidden
where clients choose ids. Everything else is told as of nothing: `test_access_matrix.py`,
`test_ids_elsewhere.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from perdure.ids import new_id
from tests.attack.access_world import World, world

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("ids")) as made:
        yield made


@pytest.mark.parametrize("person", ["viewer", "share-admin", "stranger", "owner", "admin"])
async def test_the_id_of_a_session_is_not_taken_over(everybody: World, person: str) -> None:
    told: list[tuple[int, str]] = []
    wish = {"mode": "one-shot"}
    for gone in (None, "", "?purge=true"):
        things = await everybody.things()
        base = f"/api/sessions/{things['session_id']}"
        if gone is not None:
            await everybody.made("owner", "DELETE", base + gone)
        taken = {**wish, "session_id": things["session_id"]}
        answer = await everybody.ask(person, "POST", "/api/sessions", taken)
        told.append((answer.status_code, answer.text))
        for place in ("", "/audit", "/files", f"/files/{things['path']}"):
            seen = await everybody.ask("stranger", "GET", base + place)
            assert seen.status_code == 404, seen.text
    assert {status for status, _ in told} == {409}
    assert len({text for _, text in told}) == 1, "it tells a session that is there from one that is gone"
    fresh = {**wish, "session_id": new_id()}
    assert (await everybody.ask(person, "POST", "/api/sessions", fresh)).status_code == 201
