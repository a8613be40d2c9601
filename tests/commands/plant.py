"""A small plant in a database, booked through the door, and the commands called on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tests.support.project import ROOT
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import (
    Assemble,
    Complete,
    Consume,
    Hold,
    Register,
    Replace,
    Ship,
    Start,
    TraceEvent,
    Void,
)
from tracenode.models.quantities import Quantity
from tracenode.models.receipts import Receipt, Requester
from tracenode.server.__main__ import main
from tracenode.server.trace import Trace

__all__ = [
    "BEGUN",
    "EXAMPLES",
    "build",
    "called",
    "coming_from",
    "command_line",
    "document",
    "error_of",
    "writing",
]

EXAMPLES = ROOT / "examples"
TABLES = ("materials", "routes", "bom", "orders", "lots")
BEGUN = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
PUMPS = 3
LOT = "lot:COIL:COIL-2026-17"
PROCESS_S = 60.0
"""Seconds that a command in a process of its own may take."""


def called(*arguments: str | Path, **options: Any) -> Result:
    """Call a command in this process; an exception that is not told in words is one here too."""
    result = CliRunner().invoke(main, [str(a) for a in arguments], prog_name="tracenode", **options)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def document(*arguments: str | Path) -> Any:
    """Call a command with --json and return what it prints."""
    result = called(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def error_of(result: Result) -> Any:
    """Return the error that a command with --json told."""
    assert result.stdout == ""
    return json.loads(result.stderr)["error"]


def command_line(*arguments: str | Path) -> list[str]:
    """Return the words that start `tracenode` in a process of its own."""
    return [sys.executable, "-P", "-m", "tracenode.server", *map(str, arguments)]


def coming_from(
    folder: Path, *arguments: str | Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Call a command in a process of its own whose current folder is `folder`."""
    return subprocess.run(
        command_line(*arguments),
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=PROCESS_S,
        check=False,
    )


@contextmanager
def writing(database: Path) -> Iterator[int]:
    """Have a process of its own hold the database open for writing; gives its number."""
    program = (
        "import sys\n"
        "from tracenode.server.trace import Trace\n"
        "with Trace.open(sys.argv[1]):\n"
        "    print('open', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", program, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            assert process.stdout.readline() == "open\n"
            yield process.pid
        finally:
            process.stdin.close()
            process.wait(PROCESS_S)


def build(folder: Path) -> Path:
    """Make a configuration and a database in `folder` and book three pumps; return the database.

    P1 was shipped, in P2 the board B2 was replaced by B9, P3 is in process. All motors are wound
    of one lot. One measurement of wrong material was voided.
    """
    assert called("init", folder).exit_code == 0
    database = folder / "tracenode.db"
    for table in TABLES:
        assert called("import-master", EXAMPLES / f"{table}.csv", "--db", database).exit_code == 0
    with Trace.open(database) as trace:
        _book(trace)
    return database


def _book(trace: Trace) -> None:
    def book(event: TraceEvent) -> Receipt:
        receipt = trace.record_now(event, Requester("test"))
        assert not receipt.refused, receipt.text
        return receipt

    for number in range(1, PUMPS + 1):
        pump, at = f"P{number}", BEGUN + timedelta(hours=number)
        book(Register(item=pump, material="PUMP", station="OP10", event_time=at))
        book(Register(item=f"M{number}", material="MOTOR", event_time=at))
        book(Register(item=f"B{number}", material="BOARD", event_time=at))
        book(
            Consume(
                item=f"M{number}",
                lot=LOT,
                quantity=Quantity.of("0.35", "KGM"),
                event_time=at + timedelta(minutes=1),
            )
        )
        for minute, (step, station) in enumerate((("mount", "OP10"), ("seal", "OP20")), 2):
            during = at + timedelta(minutes=2 * minute)
            book(Start(item=pump, step=step, station=station, event_time=during))
            if station == "OP10":
                book(Assemble(parent=pump, part=f"M{number}", event_time=during))
                book(Assemble(parent=pump, part=f"B{number}", event_time=during))
            if number == PUMPS and station == "OP20":
                return
            ended = during + timedelta(minutes=1)
            book(
                Complete(
                    item=pump,
                    step=step,
                    station=station,
                    evaluation=Evaluation.OK,
                    event_time=ended,
                )
            )
        if number == 1:
            sealed = at + timedelta(minutes=6)
            wrong = book(Consume(item=pump, lot="SEAL-2026-08", event_time=sealed))
            book(Void(record=wrong.record, reason="not this pump"))
            book(Ship(items=(pump,), customer="Customer", event_time=at + timedelta(hours=8)))
        else:
            book(Register(item="B9", material="BOARD", event_time=at))
            book(
                Replace(
                    parent=pump,
                    old_part="B2",
                    new_part="B9",
                    reason="\x1b]0;owned\x07 burnt",
                    event_time=at + timedelta(minutes=30),
                )
            )
            book(Hold(item="M2", reason="noise"))
