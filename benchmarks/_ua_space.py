"""What every server of the benchmark serves: the same nodes under the same ids, and how it is told
to change them.

    ns=3;s=Bench            a folder with VARIABLES variables ns=3;s=Bench.V0 ..., writable Doubles
    ns=3;s=Machine          an object that sends events; its method ns=3;s=Machine.GetItem returns
                            its one String

The method has the name of one of ours that books nothing, so that it stands in our permissions, and
is audited like a question.

A server is a process. It prints `serving ENDPOINT` when it listens, then takes lines:

    update COUNT VARIABLES EVERY_MS    give the first variables a new value, COUNT times
    emit COUNT PER_SECOND              send events, numbered in their message; 0: flat out

and prints `done WORD` after each; it ends with its standard input. `FLAT_OUT` events are sent
between two turns of the event loop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

__all__ = [
    "ECHO",
    "FLAT_OUT",
    "FOLDER",
    "MACHINE",
    "NAMESPACES",
    "VARIABLES",
    "Update",
    "commanded",
    "variable",
]

VARIABLES: Final = 1_000
FLAT_OUT: Final = 10
FOLDER: Final = "Bench"
MACHINE: Final = "Machine"
ECHO: Final = "Machine.GetItem"
NAMESPACES: Final = ("urn:bench:types", "urn:bench:site")
"""Of indexes 2 and 3."""

Update = Callable[[int, float], Awaitable[None]]


def variable(number: int) -> str:
    """Return the identifier of a variable."""
    return f"{FOLDER}.V{number}"


async def commanded(endpoint: str, update: Update, emit: Callable[[int], Awaitable[None]]) -> None:
    """Say that the server serves, and do what it is told until its input ends.

    `update(variables, value)` sets the first variables, `emit(number)` sends one event.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(f"serving {endpoint}", flush=True)
    value = 0.0

    async def updates(count: int, variables: int, every_ms: float) -> None:
        nonlocal value
        due = loop.time()
        for _ in range(count):
            value += 1.0
            await update(variables, value)
            due += every_ms / 1000
            await asyncio.sleep(max(0.0, due - loop.time()))
        print("done update", flush=True)

    async def events(count: int, per_second: float) -> None:
        due = loop.time()
        for number in range(count):
            await emit(number)
            if per_second:
                due += 1 / per_second
                await asyncio.sleep(max(0.0, due - loop.time()))
            elif number % FLAT_OUT == 0:
                await asyncio.sleep(0)
        print("done emit", flush=True)

    async with asyncio.TaskGroup() as group:
        while line := await reader.readline():
            match line.decode().split():
                case ["update", count, variables, every]:
                    group.create_task(updates(int(count), int(variables), float(every)))
                case ["emit", count, rate]:
                    group.create_task(events(int(count), float(rate)))
