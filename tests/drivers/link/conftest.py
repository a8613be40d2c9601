"""Links run on both event loops: uvloop's transports differ from asyncio's in small things."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

LoopFactories = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]

try:
    import uvloop
except ImportError:
    LOOPS: LoopFactories = {"asyncio": asyncio.new_event_loop}
else:
    LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> LoopFactories:
    return LOOPS
