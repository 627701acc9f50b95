"""Keys and addresses of a session's own: used in earnest, kept apart, and only its owner's to give."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic_ai import RunContext as AgentContext

from perdure.agents.tools.context import ToolContext
from perdure.core.access import LOCAL_ACTOR, Actor
from perdure.core.approvals import Approval, ApprovalType, Resolution
from perdure.core.secrets import is_of_session
from perdure.core.tools import call_hash
from perdure.errors import Forbidden, InvalidInput
from perdure.modes.contract import Question, RunContext
from perdure.modes.registry import ModeRegistry
from perdure.redaction import redactor
from perdure.services.fork_making import Wish
from perdure.services.secrets import SecretMissing
from perdure.store import operations
from perdure.store import secrets as secret_rows
from tests.engine.conftest import House
from tests.engine.test_run_context import mode_of, restart, run_to_end
from tests.engine.test_tools import Probe, asked, give, results, use
from tests.fakes.openai_server import MODEL, OpenAIServer

OWN = "canary-own-key-5f1c"
NEWER = "canary-newer-key-77aa"
OTHER = Actor(user_id="00000000-0000-7000-8000-00000000000b", name="other", is_admin=True)


async def ended(house: House, run_id: str, status: str = "completed") -> Any:
    run = await house.run(run_id, "completed", "failed")
    assert run.status == status, run.error
    return run


def keys(provider: OpenAIServer) -> list[str]:
    return [call.key for call in provider.calls]


async def test_a_session_calls_with_its_own_key_and_nothing_else_has_it(house: House) -> None:
    house.provider.require_keys(OWN)
    session, run = await house.submit("one-shot", "Say hello", model=MODEL, api_key=OWN)
    await ended(house, run.id)
    assert set(keys(house.provider)) == {OWN}
    stored = (await house.session(session.id)).config["api_key"]
    assert is_of_session(stored["$secret"])
    assert (await house.app.runs.get(LOCAL_ACTOR, run.id)).config["api_key"] == stored
    events = await house.app.history.events(LOCAL_ACTOR, session.id, limit=1000)
    assert OWN not in json.dumps([event.payload for event in events])


async def test_a_provider_that_says_the_key_back_is_not_quoted(house: House) -> None:
    house.provider.require_keys("another")
    session, run = await house.submit("one-shot", "Say hello", model=MODEL, api_key=OWN)
    failed = await ended(house, run.id, "failed")
    assert "401" in str(failed.error)
    assert "•••" in str(failed.error)
    assert OWN not in str(failed.error)
    events = await house.app.history.events(LOCAL_ACTOR, session.id, limit=1000)
    assert OWN not in json.dumps([event.payload for event in events])


async def test_a_named_secret_is_looked_up_when_it_is_used(house: House) -> None:
    await house.app.secrets.put(LOCAL_ACTOR, "mine", OWN)
    session, run = await house.submit("one-shot", "Say hello", model=MODEL, api_key={"$secret": "mine"})
    await ended(house, run.id)
    assert (await house.session(session.id)).config["api_key"] == {"$secret": "mine"}
    await house.app.secrets.put(LOCAL_ACTOR, "mine", NEWER)
    again = await house.app.runs.start(LOCAL_ACTOR, session.id, "Once more")
    assert again.run is not None
    await ended(house, again.run.id)
    assert keys(house.provider) == [OWN, NEWER]
    await house.app.secrets.delete(LOCAL_ACTOR, "mine")
    last = await house.app.runs.start(LOCAL_ACTOR, session.id, "And again")
    assert last.run is not None
    failed = await ended(house, last.run.id, "failed")
    assert "no secret 'mine'" in str(failed.error)
    assert len(house.provider.calls) == 2


async def test_a_new_value_takes_the_place_of_the_old_one(house: House) -> None:
    session, run = await house.submit("one-shot", "Say hello", model=MODEL, api_key=OWN)
    await ended(house, run.id)
    before = (await house.session(session.id)).config["api_key"]
    await house.app.sessions.update(LOCAL_ACTOR, session.id, patch={"config": {"api_key": NEWER}})
    assert (await house.session(session.id)).config["api_key"] == before
    again = await house.app.runs.start(LOCAL_ACTOR, session.id, "Once more")
    assert again.run is not None
    await ended(house, again.run.id)
    assert keys(house.provider) == [OWN, NEWER]
    await house.app.sessions.update(LOCAL_ACTOR, session.id, patch={"config": {"api_key": None}})
    assert await house.app.store.read(lambda tx: secret_rows.ids_of_session(tx, session.id)) == []


async def test_a_key_for_one_run_is_not_the_sessions(house: House) -> None:
    session, run = await house.submit("one-shot", "Say hello", model=MODEL)
    await ended(house, run.id)
    with_key = {"model": MODEL, "api_key": OWN}
    once = await house.app.runs.start(LOCAL_ACTOR, session.id, "Once", config=with_key)
    assert once.run is not None
    await ended(house, once.run.id)
    again = await house.app.runs.start(LOCAL_ACTOR, session.id, "Again")
    assert again.run is not None
    await ended(house, again.run.id)
    assert keys(house.provider) == ["not-a-real-key", OWN, "not-a-real-key"]
    assert "api_key" not in (await house.session(session.id)).config


async def test_an_address_of_a_person_passes_the_guard_and_gets_no_key_of_the_server(house: House) -> None:
    address = house.provider.url
    _, refused = await house.submit("one-shot", "Say hello", model=MODEL, base_url=address)
    await ended(house, refused.id, "failed")
    assert house.provider.calls == []
    await house.app.stop()
    allowed = {"allowed_private_hosts": [f"127.0.0.1:{house.provider.port}"]}
    house.settings = house.settings.model_copy(update=allowed)
    await house.start()
    _, keyless = await house.submit("one-shot", "Say hello", model=MODEL, base_url=address)
    await ended(house, keyless.id)
    _, keyed = await house.submit("one-shot", "Say hello", model=MODEL, base_url=address, api_key=OWN)
    await ended(house, keyed.id)
    assert keys(house.provider) == ["none", OWN]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"api_key": OWN}, "name that as well"),
        ({"model": "local", "api_key": OWN}, "takes no `api_key`"),
        ({"model": MODEL, "api_key": "tiny12"}, "at least 8"),
        ({"model": MODEL, "api_key": "with\nline-end"}, "api_key"),
        ({"model": MODEL, "base_url": "file:///etc/passwd"}, "base_url"),
        ({"model": MODEL, "base_url": "http://user:pass@host/"}, "base_url"),
        ({"model": "cerebras:x", "base_url": "https://example.org"}, "fixed"),
        ({"model": MODEL, "api_key": {"$secret": "nobody-knows"}}, "no secret 'nobody-knows'"),
        ({"model": MODEL, "api_key": {"$secret": "00000000-0000-7000-8000-00000000dead"}}, "not there"),
    ],
)
async def test_what_cannot_be_used_is_refused_before_anything_is_made(
    house: House, config: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        await house.submit("one-shot", "Say hello", **config)
    given = config.get("api_key")
    if isinstance(given, str):
        assert given not in str(caught.value.to_dict())


async def test_nobody_but_the_owner_says_what_secrets_are_used_for(house: House) -> None:
    await house.app.store.write(lambda tx: operations.ensure_user(tx, OTHER.user_id, OTHER.name))
    session, run = await house.submit("one-shot", "Say hello", model=MODEL, api_key=OWN)
    await ended(house, run.id)
    for config in (
        {"base_url": "https://elsewhere.example.org"},
        {"api_key": NEWER},
        {"api_key": {"$secret": "mine"}},
        {"model": "openrouter:test"},
    ):
        with pytest.raises(Forbidden, match="Only the owner"):
            await house.app.sessions.update(OTHER, session.id, patch={"config": config})
        with pytest.raises(Forbidden, match="Only the owner"):
            await house.app.runs.start(OTHER, session.id, "Do it", config=config)
    await house.app.sessions.update(OTHER, session.id, patch={"config": {"instructions": "Be brief."}})
    started = await house.app.runs.start(OTHER, session.id, "Do it")
    assert started.run is not None
    await ended(house, started.run.id)


async def test_a_fork_of_the_owner_has_its_own_copy_and_one_of_others_has_none(house: House) -> None:
    await house.app.store.write(lambda tx: operations.ensure_user(tx, OTHER.user_id, OTHER.name))
    session, run = await house.submit("one-shot", "Say hello", model=MODEL, api_key=OWN)
    await ended(house, run.id)
    mine, mine_run = await house.app.forks.fork(LOCAL_ACTOR, session.id, wish=Wish(input="Go on"))
    assert mine_run is not None
    await ended(house, mine_run.id)
    assert mine.config["api_key"] != (await house.session(session.id)).config["api_key"]
    theirs, their_run = await house.app.forks.fork(OTHER, session.id, wish=Wish(input="Go on"))
    assert their_run is not None
    await ended(house, their_run.id)
    assert "api_key" not in theirs.config
    assert "api_key" not in their_run.config
    assert keys(house.provider) == [OWN, OWN, "not-a-real-key"]
    keyed = Wish(input="Go on", config={"api_key": NEWER})
    own_key, own_run = await house.app.forks.fork(OTHER, session.id, wish=keyed)
    assert own_run is not None
    await ended(house, own_run.id)
    assert house.provider.calls[-1].key == NEWER
    assert NEWER not in json.dumps([own_key.config, own_run.config])
    repeated, repeated_run = await house.app.forks.fork_run(LOCAL_ACTOR, run.id)
    await ended(house, repeated_run.id)
    assert house.provider.calls[-1].key == OWN
    assert is_of_session(repeated.config["api_key"]["$secret"])


async def test_a_secret_of_another_session_is_no_secret_of_this_one(house: House) -> None:
    session, run = await house.submit("one-shot", "Say hello", model=MODEL, api_key=OWN)
    await ended(house, run.id)
    stolen = (await house.session(session.id)).config["api_key"]
    with pytest.raises(SecretMissing):
        await house.submit("one-shot", "Say hello", model=MODEL, api_key=stolen)


async def test_a_secret_that_a_model_says_word_by_word_is_not_seen_live(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = "canary of several words"
    said, deltas = list[str](), house.app.deltas
    append = deltas.append

    def heard(session_id: str, message_id: str, text: str) -> None:
        said.append(text)
        append(session_id, message_id, text)

    monkeypatch.setattr(deltas, "append", heard)
    house.provider.reply("Tell", f"It is {value}, or canary of few")
    session, run = await house.submit("one-shot", "Tell me", model=MODEL, api_key=value)
    await ended(house, run.id)
    assert said == ["It", " is", " ", "", "", "•••,", " or", " ", "", "canary of few", ""]
    page = await house.app.history.messages(LOCAL_ACTOR, session.id)
    assert page.messages[-1].text == "".join(said) == "It is •••, or canary of few"


async def test_what_a_mode_hands_to_a_tool_and_gets_back_is_kept_without_secrets_in_use(house: House) -> None:
    async def body(ctx: RunContext) -> dict[str, Any]:
        return {"said": await ctx.tool("look", at=OWN)}

    with redactor.knowing(OWN):
        result = await run_to_end(house, Probe(), body)
    assert result["said"] == "••• is there"
    assert_kept_nowhere(house, OWN)


async def test_what_a_mode_asks_is_kept_and_shown_without_secrets_in_use(house: House) -> None:
    """A call in a category that asks, and a question of the mode's own; what was allowed is made with the value."""
    probe = Probe()
    own_question = Question(
        key="own",
        type=ApprovalType.SELECTION,
        title=f"Go on with {OWN}?",
        data={"choices": [OWN, "another"], OWN: {"deep": [f"Bearer {OWN}"]}},
        options=(Resolution.ANSWER,),
        answer_schema={"type": "string", "description": f"{OWN} or another"},
    )

    async def body(ctx: RunContext) -> dict[str, Any]:
        await ctx.tool("ring", bell=OWN)
        return {"answer": (await ctx.ask(own_question)).answer}

    house.modes = ModeRegistry({"inline": mode_of(body)})
    await restart(house, probe)
    with redactor.knowing(OWN):
        _, run = await house.submit("inline", "Ring")
        first = await asked(house, run.id)
        assert first.request_data["arguments"] == {"bell": "•••"}
        assert first.request_data["call_hash"] == call_hash("ring", {"bell": OWN})
        await house.app.approvals.answer(LOCAL_ACTOR, first.id, resolution="approve")
        second = await next_question(house, run.id, first.id)
        assert second.title == "Go on with •••?"
        assert second.request_data == {"choices": ["•••", "another"], "•••": {"deep": ["Bearer •••"]}}
        assert second.answer_schema == {"type": "string", "description": "••• or another"}
        await house.app.approvals.answer(LOCAL_ACTOR, second.id, resolution="answer", answer="another")
        done = await ended(house, run.id)
    assert probe.rung == [OWN]
    assert done.result["answer"] == "another"
    assert_kept_nowhere(house, OWN)


class Teller(Probe):
    """Its bell tells a secret, as a program does that finds one."""

    async def ring(self, ctx: AgentContext[ToolContext], bell: str) -> str:
        """Ring a bell, which cannot be undone."""
        return f"{await super().ring(ctx, bell)} for {OWN}"


async def test_what_a_run_may_use_is_masked_from_the_moment_it_goes_on(house: House) -> None:
    """After an answer or a restart nothing has been looked up anew when the allowed call is made."""
    teller = Teller()
    give(house, teller)
    session, run = await house.submit("one-shot", use("ring", bell="big"), model=MODEL, api_key=OWN)
    question = await asked(house, run.id)
    calls = len(house.provider.calls)
    house.provider.hold()
    await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution="approve")
    await house.held()
    (result,) = await results(house, session.id)
    assert (teller.rung, len(house.provider.calls)) == (["big"], calls + 1)
    assert result["result"] == "big rang for •••"
    house.provider.release()
    await ended(house, run.id)
    assert OWN not in house.provider.calls[-1].text
    assert_kept_nowhere(house, OWN)


async def next_question(house: House, run_id: str, before: str) -> Approval:
    """Return the question after one that was answered."""
    question = await asked(house, run_id)
    assert question.id != before
    return question


def assert_kept_nowhere(house: House, value: str) -> None:
    files = sorted(house.settings.data_dir.glob("*.db*"))
    assert len(files) >= 2
    assert [file.name for file in files if value.encode() in file.read_bytes()] == []
