"""Calls that book: CheckItem and StartItem on the real server process, each durable when it
returns."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from asyncua import ua

from benchmarks._fill import fill
from benchmarks._mix import beginning
from benchmarks._plant import START_US
from benchmarks._rows import Report
from benchmarks._served import served
from benchmarks._ua_client import Wire, exchange
from benchmarks._ua_peers import cpu_of
from tracenode.models.events import Register, TraceEvent

__all__ = ["bookings"]

SESSIONS: Final = 10
_STATION: Final = '[[stations]]\nid = "OP10"\npath = "Plant1/Hall1/Line1"\n'


def bookings(report: Report, *, quick: bool) -> None:
    """Measure the calls by ten sessions at once; every unit is checked, then started."""
    each = 20 if quick else 200
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        fill(folder / "line.db", _registered(SESSIONS * each))
        server = stack.enter_context(served(folder, folder / "line.db", _STATION))
        wires = []
        for _ in range(SESSIONS):
            wires.append(Wire(server.endpoint))
            stack.callback(wires[-1].close)
        for method, extra in (("CheckItem", 0), ("StartItem", 2)):
            units = [_call(method, number, extra) for number in range(SESSIONS * each)]
            before, begun = cpu_of(server.pid), time.perf_counter()
            count, answers = exchange(wires, units, len(units), 120.0, spread=True, seen=len(units))
            took, used = time.perf_counter() - begun, cpu_of(server.pid) - before
            statuses = {_status(answer) for answer in answers()}
            report.agree(f"{method}: statuses", statuses, {(0, 0)})
            kind = "durable" if method == "StartItem" else "nothing booked"
            title = f"{method}, 10 sessions, {kind}"
            report.add(f"{title}: processor of the server", used / count, unit="us")
            report.add(f"{title}: calls a second", count / took, unit="/s")


def _status(answer: Any) -> tuple[int, int]:
    (result,) = answer.Results
    return result.StatusCode.value, int(result.OutputArguments[-1].Value)


def _unit(number: int) -> str:
    return f"sn:PUMP:B{number:06}"


def _registered(units: int) -> Iterator[tuple[int, TraceEvent]]:
    at = START_US
    for event in beginning():
        at += 1_000
        yield at, event
    for number in range(units):
        at += 1_000
        yield at, Register(item=_unit(number), material="PUMP", station="OP10")


def _call(method: str, number: int, extra: int) -> Callable[[], ua.CallRequest]:
    def made() -> ua.CallRequest:
        request = ua.CallRequest()
        station: Any = "St/OP10"
        asked = ua.CallMethodRequest(ObjectId=ua.NodeId(station, ua.Int16(3)))
        named: Any = f"{station}.{method}"
        asked.MethodId = ua.NodeId(named, ua.Int16(3))
        words = [f"{method}-{number}", _unit(number)] + [""] * extra
        asked.InputArguments = [ua.Variant(word, ua.VariantType.String) for word in words]
        request.Parameters.MethodsToCall = [asked]
        return request

    return made
