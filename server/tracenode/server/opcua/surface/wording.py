"""What an operator reads of a record: one English sentence (the Message of its event)."""

from __future__ import annotations

from typing import Final

from tracenode.models import events
from tracenode.models.events import TraceEvent
from tracenode.models.identifiers import Identity
from tracenode.models.receipts import Record

__all__ = ["METHODS", "message", "short"]

METHODS: Final = {
    "register": "RegisterItem",
    "receive": "ReceiveLot",
    "observe": "Scan",
    "start": "StartItem",
    "complete": "CompleteItem",
    "abort": "AbortItem",
    "measure": "RecordMeasurements",
    "assemble": "InstallPart",
    "remove": "RemovePart",
    "replace": "ReplacePart",
    "consume": "ConsumeMaterial",
    "fill": "FillContainer",
    "transfer": "TransferContent",
    "empty": "EmptyContainer",
    "adjust": "AdjustStock",
    "load": "LoadMaterial",
    "unload": "UnloadMaterial",
    "identify": "MergePlaceholder",
    "transform": "Transform",
    "split": "SplitLot",
    "merge": "MergeLots",
    "pack": "Pack",
    "unpack": "Unpack",
    "bind": "BindCarrier",
    "relabel": "RelabelItem",
    "scrap": "SetDisposition",
    "ship": "ShipItems",
    "hold": "PlaceHold",
    "release": "ReleaseHold",
    "void": "VoidRecord",
    "correct": "CorrectRecord",
    "master": "ImportMasterData",
}
"""Event type -> the method by which clients ask for it."""


def short(item: str) -> str:
    """Return the number of an item without what it is; other text as it is."""
    identity = Identity.parse(item) if item else None
    return identity.text if identity else item


def message(record: Record) -> str:
    """Return the sentence for a record, such as `SN0001 completed OP10: OK`."""
    if record.refusal is not None:
        place = f" at {record.event.station}" if record.event.station else ""
        what = METHODS.get(record.event.type, record.event.type)
        return f"{what}{place} refused: {record.text}"
    return _sentence(record.event)


def _sentence(event: TraceEvent) -> str:
    place = f" at {event.station}" if event.station else ""
    match event:
        case events.Register():
            return f"{short(event.item)} registered as {event.material}{place}"
        case events.Receive():
            return f"{_amount(event.quantity)}{short(event.item)} of {event.material} received"
        case events.Observe():
            return f"{short(event.item)} read{place}"
        case events.Reject():
            return f"unreadable code{place}: {event.reason}"
        case events.Start():
            return f"{short(event.item)} started{place}"
        case events.Complete():
            code = f" ({event.failure_code})" if event.failure_code else ""
            return f"{short(event.item)} completed {event.station}: {event.evaluation.name}{code}"
        case events.Abort():
            return f"{short(event.item)} aborted{place}{_why(event.reason)}"
        case events.Measure():
            names = ", ".join(measurement.name for measurement in event.measurements[:4])
            return f"{short(event.item)} measured{place}: {names}"
        case events.Assemble():
            where = f" {event.position}" if event.position else ""
            return f"{short(event.part)} installed in {short(event.parent)}{where}{place}"
        case events.Remove():
            return (
                f"{short(event.part)} removed from {short(event.parent)}{place}{_why(event.reason)}"
            )
        case events.Consume():
            return f"{_amount(event.quantity)}{short(event.lot)} used in {short(event.item)}{place}"
        case _:
            return _rarer(event, place)


def _rarer(event: TraceEvent, place: str) -> str:
    match event:
        case events.Replace():
            return (
                f"{short(event.new_part)} replaced {short(event.old_part)} in"
                f" {short(event.parent)}{place}{_why(event.reason)}"
            )
        case events.Transform():
            into = _some([output.item for output in event.outputs])
            return f"{_some([portion.item for portion in event.inputs])} became {into}{place}"
        case events.Split():
            return f"{_amount(event.quantity)}{short(event.child)} split off {short(event.lot)}"
        case events.Merge():
            return f"{_some([lot.item for lot in event.lots])} merged into {short(event.item)}"
        case events.Pack():
            return f"{short(event.item)} packed into {short(event.container)}{place}"
        case events.Unpack():
            return f"{short(event.item)} unpacked from {short(event.container)}{place}"
        case events.Bind():
            return f"carrier {short(event.carrier)} bound to {short(event.item)}{place}"
        case events.Unbind():
            return f"carrier {short(event.carrier)} unbound{place}"
        case events.Relabel():
            return f"{short(event.item)} is also called {event.alias}"
        case events.Scrap():
            return f"{short(event.item)} scrapped{place}{_why(event.reason)}"
        case events.Ship():
            to = f" to {event.customer}" if event.customer else ""
            return f"{_some(list(event.items))} shipped{to}"
        case _:
            return _content(event, place)


def _content(event: TraceEvent, place: str) -> str:
    match event:
        case events.Fill():
            return (
                f"{_amount(event.quantity)}{short(event.lot)} into {short(event.container)}{place}"
            )
        case events.Transfer():
            moved = _amount(event.quantity) + short(event.source)
            return f"{moved} into {short(event.target)}{place}"
        case events.Empty():
            return f"{short(event.container)} emptied{place}{_why(event.reason)}"
        case events.Adjust():
            return f"stock of {short(event.lot)} by {event.quantity}{_why(event.reason)}"
        case events.Load():
            return f"{short(event.lot)} mounted on {event.slot}{place}"
        case events.Unload():
            return f"{event.slot} unloaded{place}"
        case events.Identify():
            return f"{short(event.placeholder)} is {short(event.item)}"
        case _:
            return _office(event, place)


def _office(event: TraceEvent, place: str) -> str:
    match event:
        case events.Hold():
            more = " and all it went into" if event.scope == "where_used" else ""
            held = short(event.item) + more
            if event.window is not None:
                held = f"all that was at {event.window.station} and all it went into"
            return f"{held} on hold{_why(event.reason)}"
        case events.Release():
            return f"hold {event.hold} released{_why(event.reason)}"
        case events.Void():
            return f"record {event.record} declared wrong{_why(event.reason)}"
        case events.Correct():
            return f"record {event.record} corrected: {_sentence(event.replacement)}"
        case events.Master():
            done = "set" if event.data is not None else "taken out of use"
            return f"{event.kind} {event.key} {done}"
        case events.Gap():
            return f"{event.kind} gap{place}: {event.missing} missing{_why(event.note)}"
        case events.Report():
            return f"report {event.name} issued"
        case events.Stale():
            return f"report {event.name} would be another now, because of record {event.cause}"
    raise TypeError(f"expected a trace event, found {type(event).__name__}")


def _why(reason: str) -> str:
    return f": {reason}" if reason else ""


def _amount(quantity: object | None) -> str:
    return "" if quantity is None else f"{quantity} of "


def _some(items: list[str]) -> str:
    shown = ", ".join(short(item) for item in items[:3])
    return shown if len(items) <= 3 else f"{shown} and {len(items) - 3} more"
