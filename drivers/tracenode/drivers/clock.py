"""Time as a parameter: the wall clock for stamps, the monotonic one for spans."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["SYSTEM_CLOCK", "Clock"]


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """Two clocks that must not be mixed: the wall clock may step, the monotonic one may not."""

    utc: Callable[[], datetime] = _utc
    """Aware, UTC."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds from any origin."""


SYSTEM_CLOCK = Clock()
