"""Recalls that are held: stable pages, bounded in number, hits and age."""

from __future__ import annotations

import pytest

from tracenode.models.answers import RecallHit
from tracenode.models.errors import MalformedRequest
from tracenode.models.genealogy import HitMark
from tracenode.models.items import ItemState
from tracenode.server.answering import held
from tracenode.server.answering.held import HeldRecalls


def hit(number: int) -> RecallHit:
    item = f"sn:PUMP:{number}"
    return RecallHit(item, "PUMP", ItemState.Registered, HitMark.Current, 1, False, ("L", item))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_held_recall_is_forgotten_when_nobody_asks_for_it() -> None:
    clock = Clock()
    recalls = HeldRecalls(clock)
    name = recalls.hold((hit(1), hit(2), hit(3)))
    assert recalls.page(name, 1, 1) == ((hit(2),), 3)
    clock.now = held.HELD_S
    assert recalls.page(name, 2, 9) == ((hit(3),), 3)
    clock.now += held.HELD_S + 1
    recalls.forget_old()
    with pytest.raises(MalformedRequest, match="is not kept"):
        recalls.page(name, 0, 1)


def test_what_is_held_is_bounded_by_results_and_by_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    recalls = HeldRecalls(Clock())
    names = [recalls.hold((hit(n),)) for n in range(held.MAX_RESULTS + 1)]
    with pytest.raises(MalformedRequest):
        recalls.page(names[0], 0, 1)
    assert recalls.page(names[1], 0, 1) == ((hit(1),), 1)
    monkeypatch.setattr(held, "MAX_HITS", 4)
    large = recalls.hold((hit(1), hit(2), hit(3), hit(4), hit(5)))
    assert recalls.page(large, 0, 1)[1] == 5
    with pytest.raises(MalformedRequest):
        recalls.page(names[-1], 0, 1)
    recalls.release(large)
    with pytest.raises(MalformedRequest):
        recalls.page(large, 0, 1)
