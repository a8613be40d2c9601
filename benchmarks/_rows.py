"""What every benchmark shares: its command line, its rows, its verdict.

A row compares one number of ours with the same number of a peer, measured in the same run. With
`--json FILE` the rows are written as a JSON list of {name, ours, peer, ratio, target, unit}.
`ratio` is ours / peer. `target` bounds the ratio, or our number where there is no peer; it is null
where none is set. `peer` and `ratio` are null where there is no peer, or it is missing on this
machine: the row's name says so then.

Exit codes: 0 all answers agree, whether or not targets are met and whatever peer is missing;
1 answers disagree (each is printed); 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

__all__ = [
    "Options",
    "Report",
    "Row",
    "arguments",
    "clocked",
    "command_line",
    "median",
    "met",
    "microseconds",
    "percentile",
    "scratch",
]

T = TypeVar("T")
WIDTH = 84
"""Of a printed row's name."""
MAX_DISAGREEMENTS = 20
"""Printed one by one; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Options:
    """`quick` asks for small sizes, done in less than a minute."""

    quick: bool
    json: Path | None
    folder: Path | None


def command_line(text: str) -> argparse.ArgumentParser:
    """Return what every benchmark understands; `text` is what its help says."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    parser.add_argument(
        "--dir", type=Path, metavar="DIR", help="where the databases are made (and removed)"
    )
    return parser


def arguments(text: str, argv: Sequence[str] | None = None) -> Options:
    """Read the command line of a benchmark that understands no more than that."""
    found = command_line(text).parse_args(argv)
    return Options(found.quick, found.json, found.dir)


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number beside a peer's."""

    name: str
    ours: float
    peer: float | None
    ratio: float | None
    target: str | None
    unit: str


def met(row: Row) -> bool | None:
    """Say whether a row meets its target; None where it has none, or nothing to compare with."""
    if row.target is None:
        return None
    compared = row.ratio if row.ratio is not None else row.ours
    if row.ratio is None and row.name.endswith("missing)"):
        return None
    bound = float(row.target[2:])
    return compared <= bound if row.target.startswith("<=") else compared >= bound


class Report:
    """The rows of one run, and what did not agree."""

    def __init__(self, options: Options, title: str) -> None:
        self._options = options
        self.quick = options.quick
        self._begun = time.monotonic()
        self._disagreements = 0
        self._compared = 0
        self.rows: list[Row] = []
        sizes = "quick sizes, not for quoting" if options.quick else "full sizes"
        print(f"{title}: {sizes}")
        print(
            f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, "
            f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
            flush=True,
        )

    def add(
        self,
        name: str,
        ours: float,
        peer: float | None = None,
        *,
        unit: str,
        target: str | None = None,
        missing: str = "",
    ) -> None:
        """Add a row and print it; `missing` names a peer that is not on this machine."""
        if missing:
            name = f"{name} ({missing} missing)"
        ratio = ours / peer if peer else None
        row = Row(
            name,
            _rounded(ours),
            None if peer is None else _rounded(peer),
            None if ratio is None else _rounded(ratio),
            target,
            unit,
        )
        self.rows.append(row)
        verdict = {True: "met", False: "MISSED", None: ""}[met(row)]
        print(
            f"  {name:<{WIDTH}} {_shown(ours):>11} {_shown(peer):>11} {unit:<8}"
            f" {_shown(ratio):>8} {target or '':<8} {verdict}",
            flush=True,
        )

    def section(self, title: str) -> None:
        """Print the head of a table."""
        print(
            f"\n{title}  [{time.monotonic() - self._begun:.0f} s]\n"
            f"  {'':<{WIDTH}} {'ours':>11} {'peer':>11} {'':<8} {'ratio':>8} {'target':<8}",
            flush=True,
        )

    def note(self, text: str) -> None:
        """Print a remark."""
        print(f"  {text}", flush=True)

    def agree(self, what: str, ours: object, peer: object) -> None:
        """Compare two answers to one question; a difference is printed and fails the run."""
        self._compared += 1
        if ours == peer:
            return
        self._disagreements += 1
        if self._disagreements > MAX_DISAGREEMENTS:
            return
        if isinstance(ours, set | frozenset) and isinstance(peer, set | frozenset):
            difference = (
                f"only ours {_some(ours - peer)} ({len(ours - peer)}), "
                f"only the peer's {_some(peer - ours)} ({len(peer - ours)})"
            )
        else:
            difference = f"ours {_brief(ours)}, the peer's {_brief(peer)}"
        print(f"  DISAGREE {what}: {difference}", flush=True)

    def finish(self) -> int:
        """Write the rows where they are wanted; return the exit code."""
        print(
            f"\n{self._compared} answers compared, {self._disagreements} disagree; "
            f"{time.monotonic() - self._begun:.0f} s",
            flush=True,
        )
        if self._options.json is not None:
            rows = [asdict(row) for row in self.rows]
            self._options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        return 1 if self._disagreements else 0


# ------------------------------------------------------------------ numbers
def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie: the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def clocked(call: Callable[..., T], *arguments: Any, **named: Any) -> tuple[float, T]:
    """Call; return (microseconds it took, what it returned)."""
    begun = time.perf_counter_ns()
    result = call(*arguments, **named)
    return microseconds(begun), result


def microseconds(begun: int) -> float:
    """Return the time since `begun`, a `perf_counter_ns`."""
    return (time.perf_counter_ns() - begun) / 1000


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _some(values: set[object] | frozenset[object]) -> str:
    return _brief(sorted(values, key=repr)[:3])


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


# ------------------------------------------------------------------ places
@contextmanager
def scratch(options: Options) -> Iterator[Path]:
    """Yield an empty folder on a disk, removed afterwards.

    Where the system's temporary folder is memory (tmpfs), a sync would cost nothing there and
    nothing durable could be measured: the folder is then made beside the project.
    """
    parent = options.folder
    if parent is None:
        parent = Path(tempfile.gettempdir())
        if _in_memory(parent):
            parent = Path(__file__).resolve().parent.parent
    folder = Path(tempfile.mkdtemp(prefix="tracenode-bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _in_memory(folder: Path) -> bool:
    mounts = Path("/proc/mounts")
    if sys.platform != "linux" or not mounts.exists():
        return False
    best, kind = "", ""
    for line in mounts.read_text(encoding="utf-8").splitlines():
        _, place, found, *_ = line.split(" ")
        inside = place == "/" or str(folder.resolve()).startswith(place.rstrip("/") + "/")
        if (inside or str(folder.resolve()) == place) and len(place) >= len(best):
            best, kind = place, found
    return kind in ("tmpfs", "ramfs")
