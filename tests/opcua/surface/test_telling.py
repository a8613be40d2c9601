"""Records in the flat words of the model, without a server."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from tracenode.models import events
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import EVENT_TYPES, TraceEvent
from tracenode.models.quantities import Quantity
from tracenode.models.receipts import Record
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.surface.telling import told
from tracenode.server.opcua.surface.wording import METHODS

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
UNIT, PART, OTHER = "sn:PUMP:1", "sn:ROTOR:2", "sn:ROTOR:3"
LOT, BOX, TAG = "lot:STEEL:L1", "container:BOX:9", "carrier:TAG:7"
KILO = Quantity.of("1.5", "KGM")
HERE: dict[str, Any] = {"station": "OP10"}


def record(event: TraceEvent, *, item: str = "", **changed: Any) -> Record:
    given: dict[str, Any] = {
        "position": 12,
        "record": "01900000-0000-7000-8000-000000000001",
        "sequence": 7,
        "at": AT,
        "recorded": AT,
        "event": event,
        "requester": "test",
        "user": "",
        "request_id": "r1",
        "hash": b"\x01\x02",
        "item": item,
        "material": "",
    }
    return Record(**(given | changed))


CASES: list[tuple[TraceEvent, str, str, str, int]] = [
    (events.Register(item=UNIT, material="PUMP", **HERE), "Object", UNIT,
     "1 registered as PUMP at OP10", 100),
    (events.Receive(item=LOT, material="STEEL", quantity=KILO), "Object", LOT,
     "1.5 KGM of L1 of STEEL received", 100),
    (events.Observe(item="what", **HERE), "Object", "what", "what read at OP10", 100),
    (events.Reject(raw="00", reason="NoRead: nothing", device="S1"), "Object", "",
     "unreadable code: NoRead: nothing", 300),
    (events.Start(item=UNIT, **HERE), "Object", UNIT, "1 started at OP10", 100),
    (events.Complete(item=UNIT, evaluation=Evaluation.OK, **HERE), "Operation", UNIT,
     "1 completed OP10: OK", 100),
    (events.Complete(item=UNIT, evaluation=Evaluation.NotOK, failure_code="LEAK", **HERE),
     "Operation", UNIT, "1 completed OP10: NotOK (LEAK)", 500),
    (events.Abort(item=UNIT, reason="jam", **HERE), "Operation", UNIT,
     "1 aborted at OP10: jam", 100),
    (events.Measure(item=UNIT, measurements=(events.Measurement(name="F", value=1.0),), **HERE),
     "Operation", UNIT, "1 measured at OP10: F", 100),
    (events.Assemble(parent=UNIT, part=PART, position="P1", **HERE), "Association", PART,
     "2 installed in 1 P1 at OP10", 100),
    (events.Remove(parent=UNIT, part=PART, reason="worn", **HERE), "Association", PART,
     "2 removed from 1 at OP10: worn", 100),
    (events.Replace(parent=UNIT, old_part=PART, new_part=OTHER, **HERE), "Association", OTHER,
     "3 replaced 2 in 1 at OP10", 100),
    (events.Consume(item=UNIT, lot=LOT, quantity=KILO, **HERE), "Transformation", UNIT,
     "1.5 KGM of L1 used in 1 at OP10", 100),
    (events.Transform(
        inputs=(events.Portion(item=LOT),),
        outputs=tuple(events.Output(item=i, material="ROTOR") for i in (PART, OTHER)),
        **HERE), "Transformation", "", "L1 became 2, 3 at OP10", 100),
    (events.Split(lot=LOT, child="lot:STEEL:L2", quantity=KILO), "Transformation",
     "lot:STEEL:L2", "1.5 KGM of L2 split off L1", 100),
    (events.Merge(lots=(events.Portion(item=LOT), events.Portion(item="lot:STEEL:L2")),
                  item="lot:STEEL:L3", material="STEEL"), "Transformation", "lot:STEEL:L3",
     "L1, L2 merged into L3", 100),
    (events.Fill(container=BOX, lot=LOT, quantity=KILO, **HERE), "Transformation", BOX,
     "1.5 KGM of L1 into 9 at OP10", 100),
    (events.Transfer(source=BOX, target=LOT, **HERE), "Transformation", LOT,
     "9 into L1 at OP10", 100),
    (events.Empty(container=BOX, reason="cleaned", **HERE), "Disposition", BOX,
     "9 emptied at OP10: cleaned", 100),
    (events.Adjust(lot=LOT, quantity=KILO, reason="counted"), "Object", LOT,
     "stock of L1 by 1.5 KGM: counted", 100),
    (events.Load(slot="F1", lot=LOT, **HERE), "Association", LOT, "L1 mounted on F1 at OP10", 100),
    (events.Unload(slot="F1", **HERE), "Association", "", "F1 unloaded at OP10", 100),
    (events.Identify(placeholder="sn:?:5", item=UNIT), "Association", UNIT, "5 is 1", 100),
    (events.Pack(container=BOX, item=UNIT), "Aggregation", UNIT, "1 packed into 9", 100),
    (events.Unpack(container=BOX, item=UNIT), "Aggregation", UNIT, "1 unpacked from 9", 100),
    (events.Bind(carrier=TAG, item=UNIT), "Association", UNIT, "carrier 7 bound to 1", 100),
    (events.Unbind(carrier=TAG), "Association", "", "carrier 7 unbound", 100),
    (events.Relabel(item=UNIT, alias="X9"), "Object", UNIT, "1 is also called X9", 100),
    (events.Scrap(item=UNIT, reason="crack", **HERE), "Disposition", UNIT,
     "1 scrapped at OP10: crack", 500),
    (events.Ship(items=(UNIT, PART), customer="ACME", document="D1"), "Transaction", "",
     "1, 2 shipped to ACME", 100),
    (events.Hold(item=UNIT, scope="where_used", reason="crack"), "Disposition", UNIT,
     "1 and all it went into on hold: crack", 500),
    (events.Release(hold="H1", reason="fine"), "Disposition", "", "hold H1 released: fine", 100),
    (events.Void(record="R1", reason="wrong"), "Correction", "",
     "record R1 declared wrong: wrong", 500),
    (events.Correct(record="R1", reason="mixed up",
                    replacement=events.Assemble(parent=UNIT, part=PART)), "Correction", PART,
     "record R1 corrected: 2 installed in 1", 500),
    (events.Master(kind="material", key="PUMP", data={}), "MasterData", "",
     "material PUMP set", 100),
    (events.Gap(kind="fifo", missing=3, note="full", **HERE), "Gap", "",
     "fifo gap at OP10: 3 missing: full", 700),
    (events.Gap(kind="handshake", missing=2, expected=5, found=7, **HERE), "HandshakeGap", "",
     "handshake gap at OP10: 2 missing", 700),
    (events.Stale(report="R1", cause="R2", digest="0" * 64, name="complaint 7",
                  question={"question": "RecallScope", "item": LOT}), "ReportStale", "",
     "report complaint 7 would be another now, because of record R2", 500),
]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "kind", "item", "message", "severity"), CASES, ids=lambda case: str(case)[:20]
)
def test_every_event_has_its_type_and_words(
    event: TraceEvent, kind: str, item: str, message: str, severity: int
) -> None:
    said = told(record(event))
    assert said.event_type == f"Trace{kind}EventType"
    assert said.fields["ItemId"] == item
    assert said.message == message
    assert said.severity == severity
    assert said.fields["EventSequence"] == 7
    assert said.fields["RecordHash"] == "0102"


def test_no_event_is_left_out() -> None:
    assert {case[0].type for case in CASES} == set(EVENT_TYPES) - {"report"}


def test_a_stale_report_says_what_was_asked_and_why() -> None:
    question = {"question": "RecallScope", "item": LOT}
    stale = events.Stale(report="R1", cause="R2", digest="0" * 64, name="x", question=question)
    fields = told(record(stale)).fields
    assert (fields["ReportId"], fields["CausedByRecordId"]) == ("R1", "R2")
    assert fields["ReportQuestion"] == f'{{"item":"{LOT}","question":"RecallScope"}}'


def test_quantities_and_lots_are_flat() -> None:
    used = told(record(events.Consume(item=UNIT, lot=LOT, quantity=KILO))).fields
    assert (used["Quantity"], used["UnitOfMeasure"], used["LotId"]) == (1.5, "KGM", LOT)
    assert (used["InputIds"], used["InputQuantities"]) == ([LOT], [1.5])
    assert used["OutputIds"] == [UNIT]
    assert math.isnan(used["OutputQuantities"][0])
    unknown = told(record(events.Start(item=UNIT, station="OP10"))).fields
    assert math.isnan(unknown["Quantity"])
    assert (unknown["UnitOfMeasure"], unknown["LotId"], unknown["MaterialId"]) == ("", "", "PUMP")


def test_a_refusal_says_what_was_asked_and_why() -> None:
    refused = record(
        events.Assemble(station="OP10", parent=UNIT, part="nobody"),
        refusal=TraceStatus.UnknownItem,
        text="no item is known as 'nobody'",
        sequence=0,
    )
    said = told(refused)
    assert said.event_type == "TraceRejectedEventType"
    assert said.fields == {
        "StationId": "OP10",
        "ItemId": "nobody",
        "RequestId": "r1",
        "MethodName": "InstallPart",
        "Status": TraceStatus.UnknownItem,
        "StatusText": "no item is known as 'nobody'",
    }
    assert said.severity == 300
    assert said.message == "InstallPart at OP10 refused: no item is known as 'nobody'"


def test_every_method_that_books_is_named() -> None:
    assert METHODS.keys() <= EVENT_TYPES.keys()
