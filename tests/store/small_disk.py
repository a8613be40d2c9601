"""A process whose files may not grow past some size for a while: the system refuses its writes.

    python -m tests.store.small_disk DATABASE

Records until that happens, gets the limit lifted, and goes on. Prints as `tests.store.recorder`.
"""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from pathlib import Path

from tests.store.line import LINE, masters, open_line, register
from tracenode.models.errors import JournalDown

FILE_SIZE = 600_000


async def main(path: Path) -> None:
    # Without this the system kills the process instead of refusing the write.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    trace = open_line(path)
    await asyncio.to_thread(masters, trace)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, hard))
    number = 0

    async def record() -> None:
        receipt = await trace.record(register(f"P{number}"), LINE, f"r{number}")
        print(receipt.position, receipt.record, f"r{number}", flush=True)

    try:
        while number < 10_000:
            await record()
            number += 1
    except JournalDown:
        assert not trace.healthy
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await record()
    assert trace.healthy
    await trace.aclose()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
