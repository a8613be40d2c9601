"""bench items: a million items in the address space of the real server.

    python run.py bench items [--quick] [--items N] [--json FILE]

The real server process (`tracenode run`) over a file with 1,000,000 units, made in lots of a
thousand; beside it one over a hundredth of them, asked the same, and one over an empty file. A
client walks through the folder of the material with Browse and BrowseNext, reads variables of
items, follows browse paths to them, calls CheckItem and TraceIngredients, and watches variables of
items that are started meanwhile; node-opcua walks through the folder too, where the packages of
tests/node are installed. Every answer is compared with what the file was filled with. Everything is
done twice: memory must not grow from the first time to the second, nor with the file.

Exit codes: see _rows.py.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks._fill import fill
from benchmarks._items_client import FOLDER, Looker
from benchmarks._items_file import LOT_SIZE, STATION, events, unit
from benchmarks._rows import Options, Report, command_line, percentile, scratch
from benchmarks._served import Served, served

FULL: Final = 1_000_000
QUICK: Final = 5_000
SMALLER: Final = 100
"""Times smaller is the file beside."""
ROUNDS: Final = 2
PAGE: Final = 1_000
MORE_MIB: Final = 16.0
"""From one round to the next, and beside the small file."""
LIMIT_MIB: Final = "<=40"
_CONFIG: Final = f'[[stations]]\nid = "{STATION}"\npath = "Plant1/Hall1/Line1"\n'
SCRIPTS: Final = Path(__file__).resolve().parent.parent / "tests" / "node"
WALK_S: Final = 1_200.0


@dataclass(slots=True)
class Size:
    """A file and who serves it; `mib` is the server's anonymous memory at its start and after each
    round."""

    name: str
    units: int
    server: Served
    looker: Looker
    mib: list[float]


def run(report: Report, folder: Path, *, units: int, each: int, watched: int) -> None:
    """Serve a file of so many units, one of a hundredth, and an empty one; ask both."""
    with ExitStack() as stack:
        sizes = []
        few = max(units // SMALLER, 2 * LOT_SIZE)
        for name, count in (("full", units), ("small", few), ("empty", 0)):
            own = folder / name
            own.mkdir()
            entries = fill(own / "items.db", events(count))
            report.note(f"{name}: {count:,} units, {entries:,} journal entries")
            server = stack.enter_context(served(own, own / "items.db", _CONFIG))
            looker = Looker(report, server.endpoint, count, name)
            stack.callback(looker.close)
            sizes.append(Size(name, count, server, looker, [_memory(server)]))
        full, small, empty = sizes
        for turn in range(ROUNDS):
            for size in (full, small):
                report.note(f"round {turn + 1}: {size.name}")
                size.looker.look(random.Random(turn), each, watched)
                size.mib.append(_memory(size.server))
        times(report, full, small)
        memory(report, full, small, empty)
        walked_by_node(report, full)


def times(report: Report, full: Size, small: Size) -> None:
    """How long answers took, beside those of the small file."""
    report.section(f"{full.units:,} units, beside {small.units:,}: time of an answer")
    for question, taken in full.looker.times.items():
        beside = small.looker.times[question]
        for share in (0.5, 0.99):
            report.add(
                f"{question} p{share * 100:.0f}, {len(taken):,} and {len(beside):,} of them",
                percentile(taken, share),
                percentile(beside, share),
                unit="ms",
            )


def memory(report: Report, full: Size, small: Size, empty: Size) -> None:
    """What the server took, and whether that is constant."""
    report.section("anonymous memory of the server (RssAnon)")
    more = full.mib[0] - empty.mib[0]
    report.add("at start, beside an empty file", full.mib[0], empty.mib[0], unit="MiB")
    report.add("at start, more than with an empty file", more, unit="MiB", target=LIMIT_MIB)
    for turn, (ours, beside) in enumerate(zip(full.mib[1:], small.mib[1:], strict=True), 1):
        what = f"after round {turn}, beside the small file"
        report.add(what, ours, beside, unit="MiB")
    used = full.mib[-1] - full.mib[0]
    report.add("after all of it, more than at its start", used, unit="MiB", target=LIMIT_MIB)
    grown = full.mib[-1] - full.mib[1]
    report.add("grown from the first round to the last", grown, unit="MiB")
    report.agree("memory grown from round to round by more", grown > MORE_MIB, False)
    beyond = full.mib[-1] - small.mib[-1]
    report.agree("memory beyond that with a small file", beyond > MORE_MIB, False)


def _memory(server: Served) -> float:
    found = server.rss_anon_mib
    if found is None:
        raise RuntimeError("RssAnon is read from /proc, which this system has not")
    return found


# ------------------------------------------------------------------ another client
def walked_by_node(report: Report, size: Size) -> None:
    """Let node-opcua walk through the folder; every unit stands there once, in order."""
    report.section("node-opcua walks through the folder")
    node = shutil.which("node")
    if node is None or not (SCRIPTS / "node_modules" / "node-opcua").is_dir():
        report.note("the packages of tests/node are not installed (a test installs them)")
        return
    ended = subprocess.run(
        [
            node,
            str(SCRIPTS / "items_client.js"),
            size.server.endpoint,
            f"ns=3;s={FOLDER}",
            f"{PAGE}",
        ],
        cwd=SCRIPTS,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WALK_S,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr[-2000:])
    line = next(line for line in ended.stdout.splitlines() if line.startswith("{"))
    seen: dict[str, Any] = json.loads(line)
    names = hashlib.sha256()
    for number in range(size.units):
        names.update(f"{unit(number)}\n".encode())
    report.agree("node-opcua: units", seen["items"], size.units)
    report.agree("node-opcua: their names in order", seen["sha256"], names.hexdigest())
    report.add(f"node-opcua: all {seen['pages']:,} pages", seen["tookMs"] / 1000, unit="s")
    report.add(
        "memory after it, beside that before", _memory(size.server), size.mib[-1], unit="MiB"
    )
    grown = _memory(size.server) - size.mib[-1]
    report.agree("memory grown by more", grown > MORE_MIB, False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return its exit code."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--items", type=int, metavar="N", help="units in the file")
    given = parser.parse_args(argv)
    options = Options(given.quick, given.json, given.dir)
    report = Report(options, "items")
    units = given.items or (QUICK if given.quick else FULL)
    each, watched = (200, 20) if given.quick else (2_000, 200)
    with scratch(options) as folder:
        run(report, folder, units=units, each=each, watched=watched)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
