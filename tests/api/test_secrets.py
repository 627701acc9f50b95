"""Named secrets over REST: a value goes in and never comes out."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.api.conftest import Running

VALUE = "canary-value-1f2e"


async def test_a_secret_is_set_listed_and_deleted_and_its_value_never_shown(app: Running) -> None:
    first = await app.http.put("/api/secrets/work", json={"value": VALUE})
    assert first.status_code == 200, first.text
    again = await app.http.put("/api/secrets/work", json={"value": VALUE + "-new"})
    assert again.json()["secret_id"] == first.json()["secret_id"]
    await app.http.put("/api/secrets/another", json={"value": VALUE})
    listed = await app.http.get("/api/secrets", params={"limit": 1})
    assert [each["name"] for each in listed.json()["secrets"]] == ["another"]
    assert listed.json()["total"] == 2
    gone = await app.http.delete("/api/secrets/work")
    assert gone.json() == {"success": True}
    assert (await app.http.delete("/api/secrets/work")).status_code == 404
    assert VALUE not in first.text + again.text + listed.text + gone.text
    audit = await app.http.get("/api/audit", params={"object_type": "secret"})
    assert [e["action"] for e in audit.json()["entries"]] == ["secret.delete"] + ["secret.put"] * 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Work", VALUE),
        ("1work", VALUE),
        ("work", "short"),
        ("work", f"{VALUE}\n"),
        ("work", [VALUE]),
        ("w" * 65, VALUE),
    ],
)
async def test_what_is_no_secret_is_refused_without_showing_it(
    app: Running, name: str, value: object
) -> None:
    answer = await app.http.put(f"/api/secrets/{name}", json={"value": value})
    assert answer.status_code == 422
    assert VALUE not in answer.text
    assert (await app.http.get("/api/secrets")).json()["total"] == 0


async def test_a_key_given_to_a_session_is_shown_as_a_reference(app: Running) -> None:
    config = {"model": "openai-chat:test", "api_key": VALUE}
    made = await app.create(config=config)
    detail = await app.http.get(f"/api/sessions/{made['session_id']}")
    assert list(detail.json()["config"]["api_key"]) == ["$secret"]
    assert VALUE not in detail.text
    same = {"config": detail.json()["config"]}
    kept = await app.http.put(f"/api/sessions/{made['session_id']}", json=same)
    assert kept.json()["config"] == detail.json()["config"], kept.text


async def test_a_mode_says_which_of_its_keys_are_secret(app: Running) -> None:
    modes = (await app.http.get("/api/sessions/modes/list")).json()
    shown = next(each for each in modes["modes"] if each["id"] == "one-shot")["config_schema"]
    part = shown["properties"]["api_key"]["anyOf"][0]
    assert (part["x-secret"], part["writeOnly"]) == (True, True)


async def test_the_repeat_of_a_request_gets_its_answer_and_the_database_has_it_sealed(app: Running) -> None:
    headers = {"Idempotency-Key": "once"}
    body = {"mode": "one-shot", "metadata": {"note": VALUE}}
    first = await app.http.post("/api/sessions", json=body, headers=headers)
    second = await app.http.post("/api/sessions", json=body, headers=headers)
    assert second.json() == first.json()
    kept = app.perdure.store.read_now(
        lambda tx: tx.db.execute(text("SELECT response FROM pd_idempotency_keys")).all()
    )
    assert "$sealed" in kept[0][0]
    assert VALUE not in kept[0][0]
    app.perdure.store.write_now(
        lambda tx: tx.db.execute(text('UPDATE pd_idempotency_keys SET response = \'{"$sealed":"AgAJ"}\''))
    )
    lost = await app.http.post("/api/sessions", json=body, headers=headers)
    assert (lost.status_code, lost.json()["code"]) == (409, "conflict")
