"""Continuation points are kept for a while, and so many of them."""

from __future__ import annotations

from tracenode.server.opcua.history.points import HistoryPoints


def test_a_point_expires() -> None:
    points = HistoryPoints[int](2, life_s=-1.0)
    point = points.keep(1)
    assert point is not None
    assert points.take(point) is None


def test_expired_points_make_room_and_others_do_not() -> None:
    points = HistoryPoints[int](2, life_s=60.0)
    first, second = points.keep(1), points.keep(2)
    assert points.keep(3) is None
    assert first is not None and second is not None
    assert points.take(second) == 2
    assert points.take(second) is None
    assert points.keep(4) is not None
    assert points.take(first) == 1
