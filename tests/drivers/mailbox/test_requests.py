"""From request codes to events, from receipts to answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.drivers.mailbox.conftest import STATION
from tests.support.project import ROOT
from tracenode.drivers.mailbox.layout import Code, MeasuredValue, Request, Result
from tracenode.drivers.mailbox.requests import answer_to, event_of, refused
from tracenode.models.errors import MalformedRequest, UnitMismatch
from tracenode.models.events import event_fields
from tracenode.models.receipts import Receipt
from tracenode.models.status import TraceStatus

COMMON = {"station": "OP10", "device": "PLC1"}
AMOUNT = {"quantity": 1250, "scale": 3, "unit": "KGM"}
TORQUE = {"name": "Torque", "value": 4.7, "evaluation": 1}


@pytest.mark.parametrize(
    ("code", "given", "kind", "fields"),
    [
        (Code.CheckIn, {"id1": "U", "step": 10, "recipe": 3}, "start",
         {"item": "U", "step": "OP10", "recipe": "R3"}),
        (Code.CompleteItem, {"id1": "U", "evaluation": 2, "reason": 1,
                             "measurements": (MeasuredValue(1, 1, 4.7),)}, "complete",
         {"item": "U", "evaluation": 2, "failure_code": "TORQUE_LOW", "measurements": [TORQUE]}),
        (Code.InstallPart, {"id1": "U", "id2": "P", "position": 2, **AMOUNT}, "assemble",
         {"parent": "U", "part": "P", "position": "right", "quantity": "1.25 KGM"}),
        (Code.RemovePart, {"id1": "U", "id2": "P", "position": 9, "reason": 7}, "remove",
         {"parent": "U", "part": "P", "position": "#9", "reason": "#7"}),
        (Code.ReplacePart, {"id1": "U", "id2": "P", "id3": "Q", "position": 1}, "replace",
         {"parent": "U", "old_part": "P", "new_part": "Q", "position": "left"}),
        (Code.RegisterItem, {"id1": "PUMP", "id2": "O1", "id3": "U"}, "register",
         {"item": "U", "material": "PUMP", "order": "O1"}),
        (Code.SetDisposition, {"id1": "U", "evaluation": 1, "reason": 1}, "hold",
         {"item": "U", "reason": "TORQUE_LOW"}),
        (Code.SetDisposition, {"id1": "U", "evaluation": 2}, "scrap", {"item": "U"}),
        (Code.Pack, {"id1": "U", "id2": "BOX"}, "pack", {"container": "BOX", "item": "U"}),
        (Code.Unpack, {"id1": "U", "id2": "BOX"}, "unpack", {"container": "BOX", "item": "U"}),
        (Code.AbortItem, {"id1": "U", "reason": 1}, "abort",
         {"item": "U", "reason": "TORQUE_LOW"}),
        (Code.RecordMeasurements, {"id1": "U", "measurements": (MeasuredValue(1, 1, 4.7),)},
         "measure", {"item": "U", "measurements": [TORQUE]}),
        (Code.ConsumeMaterial, {"id1": "U", "id2": "L", "position": 1, **AMOUNT}, "consume",
         {"item": "U", "lot": "L", "quantity": "1.25 KGM", "position": "left"}),
        (Code.LoadMaterial, {"id1": "left over", "id2": "L", "position": 1, **AMOUNT}, "load",
         {"slot": "left", "lot": "L", "quantity": "1.25 KGM"}),
        (Code.UnloadMaterial, {"id2": "left over", "position": 2}, "unload", {"slot": "right"}),
        (Code.UnloadMaterial, {"position": 2, "unit": "KGM"}, "unload",
         {"slot": "right", "remaining": "0 KGM"}),
        (Code.BindCarrier, {"id1": "TAG", "id2": "U"}, "bind", {"carrier": "TAG", "item": "U"}),
    ],
)  # fmt: skip
def test_request_code_becomes_its_event(
    code: Code, given: dict[str, Any], kind: str, fields: dict[str, Any]
) -> None:
    event = event_of(Request(code, **given), STATION, device="PLC1", time_valid=False)
    assert event.type == kind
    assert event_fields(event) == COMMON | fields


def test_operator_cycle_and_time_belong_to_every_event() -> None:
    request = Request(1, id1="U", operator=5, cycle=9, seconds=1_767_225_600, milliseconds=5)
    event = event_of(request, STATION, device="", time_valid=True)
    assert (event.operator, event.source_seq) == ("J. Doe", 9)
    assert str(event.event_time) == "2026-01-01 00:00:00.005000+00:00"
    assert event_of(request, STATION, device="", time_valid=False).event_time is None


def test_step_zero_is_the_stations_own() -> None:
    station = STATION.model_copy(update={"step": "PRESS"})
    event = event_of(Request(1, id1="U"), station, device="", time_valid=False)
    assert event_fields(event)["step"] == "PRESS"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (Request(0), "request code"),
        (Request(16), "request code"),
        (Request(6, id2="L"), "position: expected the slot"),
        (Request(7), "position: expected the slot"),
        (Request(2, id1="U"), "evaluation: expected 1"),
        (Request(2, id1="U", evaluation=4), "evaluation: expected 1"),
        (Request(9, id1="U", evaluation=3), "disposition"),
        (Request(13, id1="U"), "measurements"),
        (Request(13, id1="U", measurements=(MeasuredValue(0, 1, 1.0),)), "1, parameter"),
        (Request(13, id1="U", measurements=(MeasuredValue(1, 4, 1.0),)), "1, evaluation"),
        (Request(13, id1="U", measurements=(MeasuredValue(1, 1, float("nan")),)), "finite"),
        (Request(14, id1="U", id2="L", quantity=5), "unit of measure"),
        (Request(14, id1="U", id2="L", quantity=5, unit="KGM", scale=65535), "quantity"),
        (Request(1, id1="U", seconds=1, milliseconds=1000), "milliseconds"),
    ],
)
def test_field_out_of_range_is_named(request_: Request, field: str) -> None:
    with pytest.raises(MalformedRequest, match=field):
        event_of(request_, STATION, device="", time_valid=True)


def test_unknown_unit_of_measure_is_named() -> None:
    with pytest.raises(UnitMismatch, match="'XYZ'"):
        event_of(Request(14, quantity=5, unit="XYZ"), STATION, device="", time_valid=False)


# ---------------------------------------------------------------- answers
def receipt(status: TraceStatus, **more: Any) -> Receipt:
    return Receipt(status, "why", 7, "r", 3, **more)


def test_answer_says_next_step_and_recipe_as_numbers() -> None:
    booked = receipt(TraceStatus.Ok, item="sn:PUMP:P1", next_step="OP20", recipe="R3")
    answer = answer_to(booked, 8, STATION)
    assert (answer.boot, answer.result, answer.reason) == (8, Result.Go, 0)
    assert (answer.step, answer.recipe, answer.transaction) == (20, 3, 7)
    assert answer.assigned == "sn:PUMP:P1"


def test_replay_answers_as_the_booking_did() -> None:
    first, again = receipt(TraceStatus.Ok), receipt(TraceStatus.OkReplayed)
    assert answer_to(first, 8, STATION) == answer_to(again, 8, STATION)


def test_public_id_that_does_not_fit_is_given_as_its_number() -> None:
    item = f"sn:{'M' * 40}:{'P' * 30}"
    assert answer_to(receipt(TraceStatus.Ok, item=item), 8, STATION).assigned == "P" * 30


def test_every_status_has_the_result_that_is_documented() -> None:
    document = (ROOT / "docs" / "handshake.md").read_text("utf-8")
    for status in TraceStatus:
        answer = answer_to(receipt(status), 8, STATION)
        if status.refused:
            assert f"| {status.value} {status.name} | {answer.result.name.upper()} |" in document
            assert answer.reason == status
        else:
            assert answer.result is Result.Go


def test_request_that_can_not_be_read_is_rejected_with_its_reason() -> None:
    answer = refused(MalformedRequest("CRC", "0x1", "0x2"), 8, 44)
    assert (answer.result, answer.reason, answer.transaction) == (Result.Rejected, 152, 44)
    assert answer.text == "CRC: expected 0x1, found 0x2"
