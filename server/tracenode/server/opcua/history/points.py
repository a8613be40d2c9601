"""Continuation points of one session's HistoryReads (OPC 10000-11 6.3)."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["HistoryPoints"]

T = TypeVar("T")


class HistoryPoints(Generic[T]):
    """What is to be read on, by point: `limit` at most, each for `life_s` seconds and for one use.
    A point is a place in time; nothing is held open in the store."""

    def __init__(self, limit: int, life_s: float) -> None:
        self._limit, self._life_s = limit, life_s
        self._points: OrderedDict[bytes, tuple[float, T]] = OrderedDict()

    def keep(self, rest: T) -> bytes | None:
        """Return a new point, None where all are in use."""
        self._expire()
        if len(self._points) >= self._limit:
            return None
        point = secrets.token_bytes(16)
        self._points[point] = time.monotonic() + self._life_s, rest
        return point

    def take(self, point: bytes) -> T | None:
        """Return and forget what a point stands for, None where there is none, or not any more."""
        self._expire()
        found = self._points.pop(bytes(point), None)
        return None if found is None else found[1]

    def _expire(self) -> None:
        now = time.monotonic()
        while self._points and next(iter(self._points.values()))[0] < now:
            self._points.popitem(last=False)
