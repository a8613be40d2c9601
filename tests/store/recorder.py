"""A process that records without end and prints each acknowledged record, to be killed.

    python -m tests.store.recorder DATABASE [CALLERS]

Prints one line `<position> <record> <serial>` an acknowledgement, unbuffered.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path

from tests.store.line import LINE, masters, open_line, register


async def main(path: Path, callers: int) -> None:
    trace = open_line(path)
    if trace.head.seq == 0:
        await asyncio.to_thread(masters, trace)
    start = trace.head.seq
    numbers = itertools.count()

    async def caller() -> None:
        while True:
            serial = f"K{start}-{next(numbers)}"
            receipt = await trace.record(register(serial), LINE, serial)
            os.write(1, f"{receipt.position} {receipt.record} {serial}\n".encode())

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
