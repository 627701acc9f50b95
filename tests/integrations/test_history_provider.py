"""The history provider keeps one conversation."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure import HistoryProvider, create_session_manager
from perdure.errors import InvalidInput, NotFound

HELLO = {"role": "user", "content": "Hello"}
HI = {"role": "assistant", "content": "Hi there!", "agent": "greeter"}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'history.db'}"


def test_keeps_messages_in_order_across_processes(url: str, tmp_path: Path) -> None:
    with HistoryProvider(database_url=url, data_dir=tmp_path) as history:
        assert history.get_messages() == []
        history.add_message(HELLO)
        history.add_message(HI)
        session_id = history.session_id
    with HistoryProvider(session_id, url, data_dir=tmp_path) as again:
        assert again.get_messages() == [HELLO, HI]


def test_cleared_history_starts_anew(url: str, tmp_path: Path) -> None:
    with HistoryProvider(database_url=url, data_dir=tmp_path) as history:
        history.add(HELLO)
        history.clear()
        assert history.get() == []
        history.add(HI)
        assert history.get() == [HI]


def test_writes_into_a_session_of_the_session_manager(url: str, tmp_path: Path) -> None:
    with create_session_manager(url, data_dir=tmp_path) as manager:
        session_id = manager.create_session("copilot")
    with HistoryProvider(session_id, url, data_dir=tmp_path) as history:
        history.add_message(HELLO)
    with create_session_manager(url, data_dir=tmp_path) as manager:
        state = manager.load_session_state(session_id)
    assert state is not None
    assert state["conversation_history"] == [HELLO]


async def test_can_be_awaited(tmp_path: Path) -> None:
    history = HistoryProvider(database_url="sqlite://", data_dir=tmp_path)
    await history.aadd_message(HELLO)
    assert await history.aget_messages() == [HELLO]
    await history.aclear_messages()
    assert await history.aget_messages() == []
    history.close()


def test_refuses_what_is_no_message(tmp_path: Path) -> None:
    with HistoryProvider(database_url="sqlite://", data_dir=tmp_path) as history:
        with pytest.raises(InvalidInput):
            history.add_message({"text": "Hello"})
        with pytest.raises(InvalidInput):
            history.add_message({"role": "wizard", "content": "Hello"})


def test_reports_a_session_that_does_not_exist(tmp_path: Path) -> None:
    unknown = "01900000-0000-7000-8000-000000000000"
    with HistoryProvider(unknown, "sqlite://", data_dir=tmp_path) as history, pytest.raises(NotFound):
        history.add_message(HELLO)
