"""Secrets planted everywhere one can be given are found nowhere: not in files, logs, events, exports or answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.attack.planted_world import (
    CONTROL,
    EMAIL,
    FIXED,
    House,
    Place,
    control_in,
    dumped,
    files,
    found_in,
    planted,
    rows,
)
from tests.fakes.openai_server import MODEL
from tests.provision.postgres import PostgresServer

SPOKEN = FIXED["a secret of several words"]
PASSWORD = FIXED["the database's password"]
LIVE_ENDS = '"workflow_complete"'


def test_nothing_that_was_planted_is_found(tmp_path: Path) -> None:
    with planted(tmp_path) as house:
        sign_in_and_out(house)
        names_and_links(house)
        told, places = asyncio.run(live(house))
        sessions = [told, planned(house), *work(house)]
        places += asyncio.run(read_streams(house, sessions)) + taken_away(house, sessions, tmp_path)
        data = house.server.data_dir
        places += files(data)  # while it runs, with the write-ahead log
        house.server.stop()
        places += [*files(data), *house.answers]
    databases = sorted([*data.glob("*.db"), *(tmp_path / "backup").glob("*.db"), tmp_path / "alone.db"])
    assert len(databases) == 5
    places += [place for database in databases for place in rows(database)]
    assert len(places) > 300
    assert found_in(house, places) == []
    in_the_open = control_in(places)
    assert in_the_open >= {
        "live socket",
        "live stream",
        f"socket {told}",
        f"GET /api/sessions/{told}/history",
        f"GET /api/sessions/{told}/console.log",
        f"/api/sessions/{told}/files.zip control.txt",
        "perdure.db",
        "perdure.db pd_events",
        "alone.db",
        "alone.db pd_events",
    }


def test_nothing_that_was_planted_is_found_with_postgresql(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    url = postgres_url.replace("postgres@", f"postgres:{PASSWORD}@")
    with planted(tmp_path, PERDURE_DATABASE_URL=url) as house:
        sign_in_and_out(house)
        names_and_links(house)
        told, places = asyncio.run(live(house))
        planned(house)
        house.provider.require_keys("nobody has this one")
        house.ended(house.start("Server key refused", {}))
        places += [house.raw(f"/api/sessions/{told}/console.log"), house.raw("/metrics")]
        config = house.run("config")
        assert "postgresql://" in config[1]
        places += [config, house.run("config", "--json"), house.run("doctor", "--json", may_fail=True)]
        house.server.stop()
        assert "RuntimeError: no luck with" in house.server.log()  # of the tool server
        house.server.environment["PERDURE_DATABASE_URL"] = url.replace("127.0.0.1", "127.0.0.2")
        with pytest.raises(RuntimeError):  # nobody is there: what it says of that is in its log
            house.server.start()
        places += [*files(house.server.data_dir), *dumped(postgres_url), *house.answers]
    tables = {where for where, _ in places}
    assert {"public.pd_events", "public.pd_idempotency_keys", "perdure_engine.operation_outputs"} <= tables
    assert found_in(house, places) == []
    assert control_in(places) >= {"public.pd_events", "perdure_engine.operation_outputs"}


def sign_in_and_out(house: House) -> None:
    """Passwords, tokens, a ticket and a key; good ones and refused ones."""
    sign_in = {"email": EMAIL, "password": FIXED["wrong password"]}
    assert house.ask("POST", "/api/auth/login", json=sign_in)["code"]
    sign_in["password"] = FIXED["password"]
    first = house.ask("POST", "/api/auth/login", gives="access_token refresh_token", json=sign_in)
    refreshed = {"refresh_token": first["refresh_token"]}
    second = house.ask("POST", "/api/auth/refresh", gives="access_token refresh_token", json=refreshed)
    house.ask("POST", "/api/auth/refresh", json=refreshed)  # used a second time: everything of it ends
    third = house.ask("POST", "/api/auth/login", gives="access_token refresh_token", json=sign_in)
    house.token = third["access_token"]
    assert second["access_token"] != third["access_token"]
    change = {"current_password": FIXED["password"], "new_password": FIXED["second password"]}
    house.ask("PATCH", "/api/auth/me", json=change)
    house.ask("POST", "/api/auth/tickets", gives="ticket", json={})
    key = house.ask("POST", "/api/auth/keys", gives="key", json={"name": "robot", "scopes": ["admin"]})
    house.token = key["key"]


def names_and_links(house: House) -> None:
    """Named secrets."""
    for name, what in (("work", "a named secret"), ("notes", "a tool server's secret")):
        house.ask("PUT", f"/api/secrets/{name}", json={"value": FIXED[what]})
    house.ask("PUT", "/api/secrets/Wrong", json={"value": FIXED["a named secret"]})
    house.ask("PUT", "/api/secrets/work", json={"value": [FIXED["a named secret"]]})


def work(house: House) -> list[str]:
    """Runs with all kinds of keys, with a provider that says each refused key back."""
    provider = house.provider
    own = {"api_key": FIXED["a session's key"]}
    metadata = {"note": FIXED["metadata"], FIXED["metadata"]: 1}
    good = house.start("A good run", own, metadata=metadata)
    assert house.ended(good)["status"] == "completed"
    named = house.start("A named secret", {"api_key": {"$secret": "work"}})
    assert house.ended(named)["status"] == "completed"
    assert {call.key for call in provider.calls[-2:]} == {FIXED["a session's key"], FIXED["a named secret"]}

    tools = {"mcp_servers": ["notes"], "tool_permissions": {"shell": "auto_allow"}, **own}
    told = house.start("[[call notes_reveal {}]] and tell", tools)
    assert house.ended(told)["status"] == "completed"
    answered = [message for message in provider.calls[-1].messages if message.get("role") == "tool"]
    assert "•••" in json.dumps(answered, ensure_ascii=False)

    provider.require_keys("nobody has this one")
    echoed = [house.start("Own key refused", own), house.start("Server key refused", {})]
    for session_id in echoed:
        assert "•••" in json.dumps(house.ended(session_id), ensure_ascii=False)
    config = {"model": MODEL, "api_key": FIXED["a run's key"]}
    house.ask("POST", f"/api/sessions/{good}/messages", json={"content": "One run", "config": config})
    house.ended(good)
    provider.require_keys(*FIXED.values())

    changed = {"config": {"api_key": FIXED["a session's newer key"]}, "metadata": {"more": FIXED["metadata"]}}
    house.ask("PATCH", f"/api/sessions/{named}", json=changed)
    provider.hold("Stay")
    house.ask("POST", f"/api/sessions/{named}/messages", json={"content": "Stay"})
    provider.wait_until_held()
    config = {"model": MODEL, "api_key": FIXED["a queued key"]}
    house.ask("POST", f"/api/sessions/{named}/queue", json={"content": "Next", "config": config})
    provider.release()
    provider.wait_for(lambda server: server.count("Next") > 0)
    house.ended(named)
    assert provider.calls[-1].key == FIXED["a queued key"]
    forked = house.ask(
        "POST",
        f"/api/sessions/{good}/fork",
        json={"input": "In a fork", "config": {"api_key": FIXED["a fork's key"]}},
    )
    assert house.ended(forked["session_id"])["status"] == "completed", house.server.log()
    refused = {"mode": "one-shot", "config": {"model": MODEL, "api_key": FIXED["a key that is refused"]}}
    assert house.ask("POST", "/api/sessions", json=refused)["code"] == "invalid-input"
    wrong_kind = {"mode": "one-shot", "config": {"model": MODEL, "api_key": {"key": FIXED["a run's key"]}}}
    assert house.ask("POST", "/api/sessions", json=wrong_kind)["code"] == "invalid-input"
    link = house.ask("POST", f"/api/sessions/{good}/share-links", gives="token", json={"role": "view"})
    house.ask("POST", "/api/share-links/accept", json={"token": link["token"]})
    house.ask("POST", "/api/share-links/accept", json={"token": link["token"] + "x"})
    return [good, named, told, *echoed, forked["session_id"]]


def planned(house: House) -> str:
    """Let a planned run whose planner and model say the key in use ask about its plan and about two calls.

    The plan is accepted, the first call edited, and the second question stays open.
    """
    key = FIXED["a planned run's key"]
    asked = [json.dumps({"command": command}) for command in (f"echo {key}", f"echo again {key}")]
    calls = " ".join(f"[[call run_shell {each}]]" for each in asked).replace("canary", "c\\u0061nary")
    first, then = (
        {"name": f"Use {key}", "goal": f"Say {key} {marks}", "agent": "engineer", "bullet_points": [key]}
        for marks in (calls, "")
    )
    house.provider.reply("Plan this task", json.dumps({"steps": [first, then]}))
    config = {"api_key": key, "approval_mode": "after_planning", "n_plan_reviews": 0}
    config["tool_permissions"] = {"shell": "prompt"}
    session = house.start("Plan and ask", config, "planning-control")
    plan = house.asked(session)
    step = plan["request_data"]["steps"][1]
    assert (step["name"], step["goal"], step["bullet_points"]) == ("Use •••", "Say •••", ["•••"])
    house.ask("POST", f"/api/approvals/{plan['approval_id']}", json={"resolution": "approve"})

    question = house.asked(session, plan["approval_id"])
    assert question["request_data"]["arguments"]["command"] == "echo •••"
    edited = {"arguments": {"command": f"printf '%s%s' '{key[:9]}' '{key[9:]}'"}}
    answer = {"resolution": "modify", "modifications": edited}
    house.ask("POST", f"/api/approvals/{question['approval_id']}", json=answer)
    second = house.asked(session, question["approval_id"])
    assert second["request_data"]["arguments"]["command"] == "echo again •••"
    (result,) = house.ask("GET", f"/api/sessions/{session}/events?type=tool_result")["events"]
    assert (result["data"]["ok"], "•••" in result["data"]["result"]) == (True, True)
    (mission,) = house.ask("GET", f"/api/missions?session_id={session}")["missions"]
    hops = house.ask("GET", f"/api/missions/{mission['mission_id']}")["hops"]
    assert [step["status"] for step in hops[0]["tool_steps"]] == ["completed", "executing"]
    house.ask("GET", f"/api/sessions/{session}/approvals")
    return session


async def live(house: House) -> tuple[str, list[Place]]:
    """Let tools and the model say secrets in use while a socket and a stream listen; returns what they heard.

    The prompt holds no secret: a program puts one together, and an argument has a letter of it escaped.
    """
    house.ask("PUT", "/api/secrets/spoken", json={"value": SPOKEN})
    first, second, rest = SPOKEN[:9], SPOKEN[9:16], SPOKEN[16:]
    shown = f"echo {CONTROL} | tee control.txt"
    code = json.dumps(
        {"command": f"env; printf '%s%s%s\\n' '{first}' '{second}' '{rest}' | tee /dev/stderr; {shown}"}
    )
    escaped = SPOKEN.replace("n", "\\u006e", 1)
    calls = f'[[call run_shell {code}]] [[call read_file {{"path": "{escaped}.md"}}]] [[call notes_break_down {{}}]]'
    house.provider.reply("Live", f"Your key is {SPOKEN}; keep it.")
    config = {
        "model": MODEL,
        "api_key": {"$secret": "spoken"},
        "mcp_servers": ["notes"],
        "tool_permissions": {"shell": "auto_allow", "code": "auto_allow"},
    }
    session = house.ask("POST", "/api/sessions", json={"mode": "one-shot", "config": config})["session_id"]
    ticket = house.ask("POST", "/api/auth/tickets", gives="ticket", json={"session_id": session})
    socket_url = f"ws://127.0.0.1:{house.server.port}/ws/sessions/{session}?after=0"
    stream_url = f"{house.server.url}/api/sessions/{session}/stream?after=0"
    async with connect(socket_url, proxy=None) as socket, httpx.AsyncClient(trust_env=False) as http:
        await socket.send(json.dumps({"type": "auth", "ticket": ticket["ticket"]}))
        heard = [
            asyncio.create_task(listened(socket)),
            asyncio.create_task(streamed(http, stream_url, house.headers)),
        ]
        said = {"content": f"{calls} Live {CONTROL}"}
        await asyncio.to_thread(house.ask, "POST", f"/api/sessions/{session}/messages", json=said)
        async with asyncio.timeout(60):
            frames, stream = await asyncio.gather(*heard)
    for text in (frames, stream):
        assert '"message_delta"' in text
        assert text.count("•••") >= 5
    console = house.ask("GET", f"/api/sessions/{session}/events?type=tool_result")["events"]
    assert [(event["data"]["tool"], event["data"]["ok"]) for event in console] == [
        ("run_shell", True),
        ("read_file", False),
        ("notes_break_down", False),
    ]
    unsaid = [event["data"]["result"] for event in console if "•••" not in event["data"]["result"]]
    assert unsaid == ["Error executing tool break_down"]  # its words go to its error output
    assert house.provider.calls[-1].key == SPOKEN
    assert SPOKEN not in house.provider.calls[-1].text
    return session, [("live socket", frames), ("live stream", stream)]


async def listened(socket: ClientConnection) -> str:
    """Return the frames of a socket until the run is done."""
    frames: list[str] = []
    while not frames or LIVE_ENDS not in frames[-1]:
        frames.append(str(await socket.recv()))
    return "\n".join(frames)


async def streamed(http: httpx.AsyncClient, url: str, headers: dict[str, str]) -> str:
    """Return the bytes of a stream until the run is done."""
    text = ""
    async with http.stream("GET", url, headers=headers, timeout=60) as answer:
        assert answer.status_code == 200
        async for part in answer.aiter_text():
            text += part
            if LIVE_ENDS in text:
                break
    return text


async def read_streams(house: House, sessions: list[str]) -> list[Place]:
    """Read everything that can be read of the sessions: details, logs, and a socket opened with a ticket."""
    found: list[Place] = []
    parts = ("", "/events", "/history", "/runs", "/steps", "/console", "/files", "/costs", "/queue", "/dag")
    for session_id in sessions:
        for part in parts:
            house.ask("GET", f"/api/sessions/{session_id}{part}")
        ticket = house.ask("POST", "/api/auth/tickets", gives="ticket", json={"session_id": session_id})
        url = f"ws://127.0.0.1:{house.server.port}/ws/sessions/{session_id}?after=0"
        last = house.ask("GET", f"/api/sessions/{session_id}")["as_of_seq"]
        async with connect(url, proxy=None) as socket, asyncio.timeout(30):
            await socket.send(json.dumps({"type": "auth", "ticket": ticket["ticket"]}))
            seq = 0
            while seq < last:
                frame = str(await socket.recv())
                found.append((f"socket {session_id}", frame))
                # Only events have ids: the greeting says at once how far the log is.
                seq = max(seq, *(e["seq"] for e in events_of(json.loads(frame)) if "id" in e), 0)
    return found


def taken_away(house: House, sessions: list[str], folder: Path) -> list[Place]:
    """Take away everything there is to take: downloads, figures, copies, and what commands print."""
    for path in (
        "/openapi.json",
        "/api/secrets",
        "/api/auth/keys",
        "/api/auth/sign-ins",
        "/api/audit",
        "/ready",
    ):
        house.ask("GET", path)
    places = [house.raw("/metrics"), house.run("config"), house.run("config", "--json")]
    for session_id in sessions:
        base = f"/api/sessions/{session_id}"
        places += [house.raw(f"{base}/console.log"), house.raw(f"{base}/files.zip")]
        places += house.unpacked(f"{base}/files.zip")
    places += [house.run("backup", folder / "backup"), house.run("db", "backup", folder / "alone.db")]
    places += [house.run("doctor", "--json", may_fail=True), house.run("audit", "verify")]
    return [
        *places,
        *files(folder / "backup"),
        ("alone.db", (folder / "alone.db").read_bytes().decode("latin-1")),
    ]


def events_of(frame: dict[str, Any]) -> list[dict[str, Any]]:
    return frame.get("events") or [frame]
