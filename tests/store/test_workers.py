"""The threads behind whoever awaits the store."""

import threading
from concurrent.futures import Future

import pytest

from perdure.errors import StorageUnavailable
from perdure.store.workers import Workers

_PATIENCE_S = 30


def test_work_that_waits_is_begun_in_the_order_in_which_it_came() -> None:
    workers = Workers(1, "test")
    held, begun = threading.Event(), list[int]()
    replies: list[Future[None]] = [Future() for _ in range(20)]
    workers.put(lambda: begun.append(-1) if held.wait(_PATIENCE_S) else None, Future())
    for number, reply in enumerate(replies):
        workers.put(lambda number=number: begun.append(number), reply)
    held.set()
    for reply in replies:
        reply.result(_PATIENCE_S)
    workers.close()
    assert begun == [-1, *range(20)]


def test_all_threads_work_side_by_side() -> None:
    workers = Workers(3, "test")
    met = threading.Barrier(3)
    replies: list[Future[int]] = [Future() for _ in range(3)]
    for reply in replies:
        workers.put(lambda: met.wait(_PATIENCE_S), reply)
    assert sorted(reply.result(_PATIENCE_S) for reply in replies) == [0, 1, 2]
    workers.close()


def test_closing_finishes_what_waits_and_takes_nothing_more() -> None:
    workers = Workers(2, "test")
    held = threading.Event()
    replies: list[Future[bool]] = [Future() for _ in range(10)]
    for reply in replies:
        workers.put(lambda: held.wait(_PATIENCE_S), reply)
    closing = threading.Thread(target=workers.close)
    closing.start()
    held.set()
    closing.join(_PATIENCE_S)
    assert not closing.is_alive()
    assert all(reply.result(0) for reply in replies)
    workers.close()
    with pytest.raises(StorageUnavailable):
        workers.put(lambda: None, Future())


def test_an_error_reaches_whoever_waits_and_the_thread_goes_on() -> None:
    workers = Workers(1, "test")
    failed: Future[None] = Future()
    fine: Future[str] = Future()

    def fail() -> None:
        raise SystemExit("no")

    workers.put(fail, failed)
    workers.put(lambda: "yes", fine)
    with pytest.raises(SystemExit):
        failed.result(_PATIENCE_S)
    assert fine.result(_PATIENCE_S) == "yes"
    workers.close()
