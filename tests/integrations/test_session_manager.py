"""The session manager keeps sessions in any database, called from anywhere."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import perdure
from perdure import SessionManager, create_session_manager
from perdure.errors import InvalidInput, StartupError

HELLO = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi there!"}]


@pytest.fixture(params=["file", "memory", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path / 'sessions.db'}" if request.param == "file" else "sqlite://"


@pytest.fixture
def manager(url: str, tmp_path: Path) -> Iterator[SessionManager]:
    with create_session_manager(url, data_dir=tmp_path) as sm:
        yield sm


def _saved(sm: SessionManager, **changes: Any) -> str:
    session_id = sm.create_session("copilot", {"model": "gpt-4"})
    values: dict[str, Any] = {
        "conversation_history": HELLO,
        "context_variables": {},
        "current_phase": "execution",
    }
    assert sm.save_session_state(session_id, **{**values, **changes})
    return session_id


def _document_sequence(sm: SessionManager) -> None:
    session_id = sm.create_session(mode="copilot", config={"model": "gpt-4"}, name="Test Session")
    assert session_id is not None
    success = sm.save_session_state(
        session_id=session_id,
        conversation_history=[
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi there!"},
        ],
        context_variables={"key": "value"},
        current_phase="execution",
        current_step=1,
    )
    assert success
    state = sm.load_session_state(session_id)
    assert state is not None
    assert len(state["conversation_history"]) == 2
    assert state["current_phase"] == "execution"
    success = sm.suspend_session(session_id)
    assert success
    success = sm.resume_session(session_id)
    assert success
    sessions = sm.list_sessions(status="active")
    assert any(s["session_id"] == session_id for s in sessions)
    success = sm.complete_session(session_id)
    assert success
    success = sm.delete_session(session_id)
    assert success


def test_the_documented_sequence_works_without_an_event_loop(url: str, tmp_path: Path) -> None:
    sm = create_session_manager(url, data_dir=tmp_path)
    _document_sequence(sm)
    sm.stop()


async def test_the_documented_sequence_works_inside_an_event_loop(url: str, tmp_path: Path) -> None:
    sm = create_session_manager(url, data_dir=tmp_path)
    await sm.start()
    _document_sequence(sm)
    await sm.stop()


async def test_every_method_has_an_awaited_twin(url: str, tmp_path: Path) -> None:
    async with create_session_manager(url, data_dir=tmp_path) as sm:
        session_id = await sm.acreate_session("copilot", {}, "ana", "Mine")
        assert await sm.asave_session_state(session_id, HELLO, {"a": 1}, "execution", 2, {"steps": []})
        state = await sm.aload_session_state(session_id)
        assert state is not None
        assert state["plan_data"] == {"steps": []}
        assert await sm.asuspend_session(session_id)
        assert await sm.aresume_session(session_id)
        assert [s["name"] for s in await sm.alist_sessions(user_id="ana")] == ["Mine"]
        info = await sm.aget_session_info(session_id)
        assert info is not None
        assert info["user_id"] == "ana"
        assert await sm.acomplete_session(session_id)
        assert await sm.adelete_session(session_id)
        assert (await sm.acleanup_expired())["expired"] == 0


def test_loads_what_was_saved(manager: SessionManager) -> None:
    session_id = _saved(
        manager, context_variables={"key": [1, {"deep": True}]}, current_step=3, plan_data={"p": 1}
    )
    state = manager.load_session_state(session_id)
    assert state is not None
    assert state["conversation_history"] == HELLO
    assert state["context_variables"] == {"key": [1, {"deep": True}]}
    assert (state["current_step"], state["plan_data"]) == (3, {"p": 1})
    assert (state["mode"], state["status"], state["config"]) == ("copilot", "active", {"model": "gpt-4"})
    assert state["created_at"].tzinfo is not None
    assert state["updated_at"] >= state["created_at"]
    assert state["version"] == 2


def test_appends_only_what_is_new(manager: SessionManager) -> None:
    session_id = _saved(manager)
    longer = [*HELLO, {"role": "user", "content": "More", "agent": "ana"}]
    assert manager.save_session_state(session_id, longer, {}, "execution")
    state = manager.load_session_state(session_id)
    assert state is not None
    assert state["conversation_history"] == longer


def test_loads_a_history_of_many_pages(manager: SessionManager) -> None:
    history = [{"role": "user", "content": str(n)} for n in range(1203)]
    session_id = _saved(manager, conversation_history=history)
    state = manager.load_session_state(session_id)
    assert state is not None
    assert state["conversation_history"] == history


def test_refuses_a_history_that_forgets(manager: SessionManager, caplog: pytest.LogCaptureFixture) -> None:
    session_id = _saved(manager)
    with caplog.at_level(logging.WARNING):
        assert not manager.save_session_state(session_id, HELLO[:1], {}, "execution")
    assert "does not extend" in caplog.text
    state = manager.load_session_state(session_id)
    assert state is not None
    assert state["conversation_history"] == HELLO


def test_saves_only_into_active_sessions(manager: SessionManager) -> None:
    session_id = _saved(manager)
    assert manager.suspend_session(session_id)
    assert not manager.save_session_state(session_id, HELLO, {}, "execution")


def test_a_second_suspend_or_resume_is_false(manager: SessionManager) -> None:
    session_id = _saved(manager)
    assert manager.suspend_session(session_id)
    assert not manager.suspend_session(session_id)
    assert manager.resume_session(session_id)
    assert not manager.resume_session(session_id)


def test_a_suspended_session_can_be_loaded_and_a_completed_one_cannot(manager: SessionManager) -> None:
    session_id = _saved(manager)
    manager.suspend_session(session_id)
    assert manager.load_session_state(session_id) is not None
    assert manager.complete_session(session_id)
    assert manager.complete_session(session_id)
    assert manager.load_session_state(session_id) is None
    info = manager.get_session_info(session_id)
    assert info is not None
    assert info["status"] == "completed"


@pytest.mark.parametrize("unknown", ["01900000-0000-7000-8000-000000000000", "not an id", ""])
def test_what_does_not_exist_is_false_or_none(manager: SessionManager, unknown: str) -> None:
    assert not manager.save_session_state(unknown, [], {}, "x")
    assert manager.load_session_state(unknown) is None
    assert manager.get_session_info(unknown) is None
    assert not manager.suspend_session(unknown)
    assert not manager.resume_session(unknown)
    assert not manager.complete_session(unknown)
    assert not manager.delete_session(unknown)


def test_a_deleted_session_is_gone(manager: SessionManager) -> None:
    session_id = _saved(manager)
    assert manager.delete_session(session_id)
    assert not manager.delete_session(session_id)
    assert manager.get_session_info(session_id) is None
    assert manager.list_sessions() == []


def test_any_text_is_a_user(manager: SessionManager) -> None:
    for user in ("ana", 'O"Brien %_\\', "ünï@例.org", "an"):
        manager.create_session("copilot", {}, user_id=user)
    assert len(manager.list_sessions()) == 4
    for user in ("ana", 'O"Brien %_\\', "ünï@例.org", "an"):
        (row,) = manager.list_sessions(user_id=user)
        info = manager.get_session_info(row["session_id"])
        assert info is not None
        assert info["user_id"] == user
    assert manager.list_sessions(user_id="nobody") == []


def test_lists_by_status_and_mode_newest_change_first(manager: SessionManager) -> None:
    first, second = manager.create_session("copilot"), manager.create_session("planning-control")
    manager.suspend_session(first)
    assert [s["session_id"] for s in manager.list_sessions()] == [first, second]
    assert [s["session_id"] for s in manager.list_sessions(status="suspended")] == [first]
    assert [s["session_id"] for s in manager.list_sessions(mode="planning-control")] == [second]
    assert len(manager.list_sessions(limit=1)) == 1
    with pytest.raises(InvalidInput):
        manager.list_sessions(status="asleep")


def test_a_name_is_made_from_mode_and_time(manager: SessionManager) -> None:
    manager.create_session("copilot")
    assert manager.list_sessions()[0]["name"].startswith("copilot_20")


def test_many_threads_may_use_one_manager(manager: SessionManager) -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(_saved(manager))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 8
    assert len(manager.list_sessions(status="active")) == 8


def test_idle_sessions_expire(url: str, tmp_path: Path) -> None:
    ttl = timedelta(milliseconds=1)
    with create_session_manager(url, data_dir=tmp_path, session_ttl=ttl) as sm:
        session_id = sm.create_session("copilot")
        threading.Event().wait(0.02)
        assert sm.cleanup_expired()["expired"] == 1
        info = sm.get_session_info(session_id)
        assert info is not None
        assert info["status"] == "expired"


async def test_the_clean_up_runs_by_itself(tmp_path: Path) -> None:
    sm = create_session_manager(
        "sqlite://", data_dir=tmp_path, session_ttl=timedelta(milliseconds=1), cleanup_interval_seconds=0.02
    )
    await sm.start()
    session_id = sm.create_session("copilot")
    for _ in range(200):
        info = await sm.aget_session_info(session_id)
        if info is not None and info["status"] == "expired":
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("the session did not expire")
    await sm.stop()


def test_sessions_survive_the_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sessions.db'}"
    with create_session_manager(url, data_dir=tmp_path) as sm:
        session_id = _saved(sm)
    with create_session_manager(url, data_dir=tmp_path) as again:
        state = again.load_session_state(session_id)
    assert state is not None
    assert state["conversation_history"] == HELLO


def test_a_file_in_use_is_refused_with_what_to_do(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sessions.db'}"
    with create_session_manager(url, data_dir=tmp_path), pytest.raises(StartupError, match="in use"):
        create_session_manager(url, data_dir=tmp_path).start()


def test_a_database_of_another_kind_is_refused() -> None:
    with pytest.raises(StartupError, match="mysql"):
        create_session_manager("mysql://localhost/x")


def test_there_is_one_shared_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("perdure.integrations.session_manager._shared", None)
    shared = perdure.get_session_manager()
    assert perdure.get_session_manager() is shared
    shared.create_session("copilot")
    shared.stop()
    assert (tmp_path / "perdure.db").exists()
