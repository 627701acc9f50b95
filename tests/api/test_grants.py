"""What was allowed for a session over REST: listed, taken back one by one or together."""

from __future__ import annotations

from perdure.core.tools import ToolCategory
from perdure.ids import new_id
from perdure.services import grants
from perdure.store.transaction import Tx
from tests.api.conftest import Running


async def test_what_was_allowed_is_listed_and_taken_back(app: Running) -> None:
    session = await app.create(mode="one-shot")
    path = f"/api/sessions/{session['id']}/grants"

    def allow(tx: Tx) -> None:
        for category in (ToolCategory.SHELL, ToolCategory.CODE, ToolCategory.NETWORK):
            grants.add_in(tx, session["id"], category)

    await app.perdure.store.write(allow)

    listed = (await app.http.get(path)).json()
    assert listed == {"session_id": session["id"], "grants": ["code", "network", "shell"], "total": 3}
    left = (await app.http.delete(f"{path}/code")).json()
    assert left["grants"] == ["network", "shell"]
    assert (await app.http.delete(f"{path}/code")).json()["grants"] == ["network", "shell"]
    assert (await app.http.delete(f"{path}/nothing")).status_code == 422
    assert (await app.http.delete(path)).json()["total"] == 0
    assert (await app.http.get(path)).json()["grants"] == []

    events = (await app.http.get(f"/api/sessions/{session['id']}/events?limit=100")).json()["events"]
    reasons = [e["data"]["reason"] for e in events if e["type"] == "session_update"]
    assert reasons[-2:] == ["code not allowed any more", "network, shell not allowed any more"]
    audit = (await app.http.get(f"/api/sessions/{session['id']}/audit")).json()["entries"]
    told = [e["details"]["categories"] for e in audit if e["action"] == "grant.revoke"]
    assert sorted(told) == [["code"], ["network", "shell"]]


async def test_a_session_that_is_none_has_none(app: Running) -> None:
    path = f"/api/sessions/{new_id()}/grants"
    assert (await app.http.get(path)).status_code == 404
    assert (await app.http.delete(path)).status_code == 404
