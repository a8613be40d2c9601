"""Coroutines of the complete path that give others their turn, run without doing so."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["at_once"]

T = TypeVar("T")


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing but its turn (`asyncio.sleep(0)`) to its end.

    Raises:
        RuntimeError: it waits for something; what the coroutine raises.
    """
    try:
        while True:
            if work.send(None) is not None:
                work.close()
                raise RuntimeError("expected work that waits for nothing, and it waits")
    except StopIteration as done:
        result: T = done.value
        return result
