"""Waiting for a condition, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

__all__ = ["eventually", "eventually_sync"]

T = TypeVar("T")

POLL = 0.01
"""Seconds between two looks."""


async def eventually(condition: Callable[[], T | Awaitable[T]], within: float = 5.0) -> T:
    """Return the first truthy result of `condition`, which may be async.

    Raises:
        AssertionError: nothing truthy within `within` seconds; carries the last result.
    """
    ends = time.monotonic() + within
    while True:
        found = condition()
        result = cast("T", await found if isinstance(found, Awaitable) else found)
        if result:
            return result
        assert time.monotonic() < ends, f"not within {within} s; last result {result!r}"
        await asyncio.sleep(POLL)


def eventually_sync(condition: Callable[[], T], within: float = 5.0) -> T:
    """As `eventually`, for tests without an event loop."""
    ends = time.monotonic() + within
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < ends, f"not within {within} s; last result {result!r}"
        time.sleep(POLL)
