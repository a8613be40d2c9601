"""Run the line: `python -m tracenode.drivers.simulator --dir DIR [--units N]`.

Prints JSON lines: first where its controllers and readers are, once all of them listen, then its
progress for each tested unit. Finished units are appended to DIR/truth.jsonl.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from tracenode.drivers.simulator.line import Line, Progress, Station, as_line
from tracenode.drivers.simulator.memory import HOST, RegisterServer
from tracenode.drivers.simulator.plc import SIZE, Plc
from tracenode.drivers.simulator.product import STATIONS
from tracenode.drivers.simulator.reader import open_reader


def report(progress: Progress) -> None:
    print(as_line(progress), flush=True)  # noqa: T201


async def run(folder: Path, units: int | None, seed: int, pace_s: float) -> None:
    async with AsyncExitStack() as stack:
        stations: dict[str, Station] = {}
        places = []
        for number, name in enumerate(STATIONS, 1):
            memory = await stack.enter_async_context(RegisterServer(SIZE))
            reader = await open_reader()
            stack.callback(reader.close)
            stations[name] = Station(Plc(number * 10, memory), reader)
            places.append(
                {
                    "station": name,
                    "number": number * 10,
                    "plc": f"tcp://{HOST}:{memory.port}",
                    "reader": reader.link,
                }
            )
        print(json.dumps(places), flush=True)  # noqa: T201
        line = Line(
            stations, folder / "truth.jsonl", units=units, seed=seed, pace_s=pace_s, report=report
        )
        await line.run()


def main() -> None:
    parser = argparse.ArgumentParser(prog="tracenode-simulator")
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--units", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pace", type=float, default=0.05, help="seconds of work at a station")
    arguments = parser.parse_args()
    try:
        asyncio.run(run(arguments.dir, arguments.units, arguments.seed, arguments.pace))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
