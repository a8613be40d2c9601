"""Tasks that live and die together, with a plain error at the end of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from tracenode.models.device_errors import DriverError

__all__ = ["together"]


async def together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all of them until one fails; cancel the others, and raise its error itself, not a group.

    Where several failed, what no driver should raise goes before a DriverError, so that a fault of
    the program is not hidden by the link that was lost along with it.
    """
    # Not a TaskGroup: that of Python 3.11 forgets a cancellation which comes while a part fails,
    # and whoever tries again after such a failure would then never stop.
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        errors = [e for task in tasks if not task.cancelled() and (e := task.exception())]
    if errors:
        raise next((error for error in errors if not isinstance(error, DriverError)), errors[0])
