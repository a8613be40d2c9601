"""The index of another process says what the tables say, however far the writer got meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.genealogy.indexed import asked, found
from tests.support.waiting import eventually_sync
from tracenode.models.events import Consume, Master, Receive, Register, Void
from tracenode.models.quantities import Quantity
from tracenode.models.receipts import Requester
from tracenode.server.answering.follower import Follower
from tracenode.server.store.adjacency import notes as waiting
from tracenode.server.store.file.database import connect_reader
from tracenode.server.trace import Trace

OFFICE = Requester("test:office")


@pytest.fixture
def trace(tmp_path: Path) -> Iterator[Trace]:
    with Trace.open(tmp_path / "t.db", site="S", create=True) as trace:
        book(trace, Master(kind="material", key="PUMP", data={"kind": "unit"}))
        book(trace, Master(kind="material", key="STEEL", data={"kind": "lot", "unit": "KGM"}))
        book(trace, Receive(item="L", material="STEEL", quantity=Quantity.of(1000, "KGM")))
        yield trace


def book(trace: Trace, event: object) -> str:
    receipt = trace.record_now(event, OFFICE)  # type: ignore[arg-type]
    assert not receipt.refused, receipt.text
    return receipt.record


def use(trace: Trace, name: str) -> str:
    book(trace, Register(item=name, material="PUMP"))
    return book(trace, Consume(item=name, lot="L"))


@contextmanager
def following(trace: Trace) -> Iterator[Follower]:
    """A follower in this process; its requests are answered as the server answers them."""
    notes = trace.store.index.note_for_another()
    over = threading.Event()
    made: Follower

    def ask() -> None:
        made.taken(notes.take(trace.store.index.watermark))

    def follow() -> None:
        while not over.wait(0.01):
            made.look()

    made = Follower(trace.store.path, trace.store.identity, ask)
    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield made
    finally:
        over.set()
        thread.join()


def same(trace: Trace, follower: Follower) -> bool:
    """True where the follower's index is asked and finds what the tables have."""
    with closing(connect_reader(trace.store.path)) as tables:
        expected = found(tables)
    with closing(connect_reader(trace.store.path)) as indexed:
        indexed.index = follower.index
        return asked(indexed) and found(indexed) == expected


def test_an_index_follows_the_writer_of_another_process(trace: Trace) -> None:
    first = use(trace, "A")
    with following(trace) as follower:
        assert follower.index.watermark is None
        trace.index_now()
        eventually_sync(lambda: follower.index.watermark is not None)
        for name in ("B", "C", "D"):
            use(trace, name)
            assert same(trace, follower)
        book(trace, Void(record=first, reason="wrong lot"))
        assert same(trace, follower)
        trace.index_now()
        newer = trace.store.index.watermark
        eventually_sync(lambda: follower.index.watermark == newer)
        use(trace, "E")
        assert same(trace, follower)


def test_an_index_whose_notes_were_lost_is_loaded_anew(trace: Trace) -> None:
    use(trace, "A")
    with following(trace) as follower:
        trace.index_now()
        eventually_sync(lambda: follower.index.watermark is not None)
        for notes in trace.store.index._notes:
            notes.lose()
        with closing(connect_reader(trace.store.path)) as connection:
            connection.index = follower.index
            use(trace, "B")
            assert not asked(connection) or same(trace, follower)
        eventually_sync(lambda: same(trace, follower))


def test_notes_that_nobody_takes_are_bounded_and_said_to_be_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "MOST", 3)
    notes = waiting.Notes()
    notes.take(None)
    notes.hand_over(7, [(2, 1, False, 1), (3, 1, True, -1)])
    (batch,) = notes.take(5).batches
    assert (batch[0], waiting.moved_of(batch[1])) == (7, [(2, 1, False, 1), (3, 1, True, -1)])
    notes.hand_over(8, [(2, 1, False, 1)] * 2)
    notes.hand_over(9, [(2, 1, False, 1)] * 2)
    taken = notes.take(5)
    assert (taken.lost, taken.watermark, [at for at, _ in taken.batches]) == (True, 5, [9])
    assert notes.take(5) == (False, 5, [])


def test_a_commit_that_failed_takes_the_index_from_the_follower_too(trace: Trace) -> None:
    use(trace, "A")
    with following(trace) as follower:
        trace.index_now()
        eventually_sync(lambda: follower.index.watermark is not None)
        trace.store.index.drop()
        use(trace, "B")
        with closing(connect_reader(trace.store.path)) as connection:
            connection.index = follower.index
            assert not asked(connection)
        trace.index_now()
        use(trace, "C")
        eventually_sync(lambda: same(trace, follower))
