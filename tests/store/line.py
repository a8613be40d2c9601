"""A small line to fill a real database file with."""

from __future__ import annotations

from pathlib import Path

from tracenode.models.evaluation import Evaluation
from tracenode.models.events import Assemble, Complete, Consume, Master, Receive, Register, Start
from tracenode.models.receipts import Receipt, Requester
from tracenode.server.store.writing.journal import Clock, now
from tracenode.server.trace import Trace

__all__ = ["BEFORE_UNITS", "LINE", "fill", "masters", "open_line", "register", "unit"]

LINE = Requester("test line", user="meier")
BEFORE_UNITS = 5
"""Journal entries that `masters` makes."""


def open_line(path: Path, *, clock: Clock = now) -> Trace:
    """Open a database for writing, made where there is none."""
    return Trace.open(path, site="plant 1", create=True, clock=clock)


def masters(trace: Trace) -> None:
    for key, kind in (("PUMP", "unit"), ("SEAL", "unit"), ("GREASE", "lot")):
        accepted(trace.record_now(Master(kind="material", key=key, data={"kind": kind}), LINE))
    accepted(trace.record_now(Receive(item="G1", material="GREASE"), LINE))
    accepted(trace.record_now(Receive(item="G2", material="GREASE"), LINE))


def register(serial: str) -> Register:
    return Register(item=serial, material="PUMP", station="OP10")


def unit(trace: Trace, number: int) -> None:
    """Make one unit: seven entries, the last a refusal."""
    serial, seal = f"P{number:05}", f"S{number:05}"
    for event in (
        register(serial),
        Register(item=seal, material="SEAL"),
        Start(item=serial, station="OP10"),
        Assemble(parent=serial, part=seal, position="top"),
        Consume(item=serial, lot="G1"),
        Complete(item=serial, station="OP10", evaluation=Evaluation.OK),
    ):
        accepted(trace.record_now(event, LINE, f"{event.type}-{number}-{event_item(event)}"))
    assert trace.record_now(register("NOREAD"), LINE).refused


def event_item(event: object) -> str:
    return str(getattr(event, "item", ""))


def fill(path: Path, units: int = 3) -> None:
    """Make a database with some units in it, closed."""
    with open_line(path) as trace:
        masters(trace)
        for number in range(units):
            unit(trace, number)


def accepted(receipt: Receipt) -> Receipt:
    assert not receipt.refused, receipt.text
    return receipt
