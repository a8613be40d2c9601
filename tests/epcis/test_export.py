"""Records as EPCIS 2.0 documents: every event type, identities, errors declared, pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tracenode.models.errors import UnknownItem
from tracenode.models.events import parse_event
from tracenode.models.receipts import Receipt, Record, Requester
from tracenode.server.epcis import EpcisPage, export, export_epcis
from tracenode.server.store.writing.journal import Entry, record_of
from tracenode.server.trace import Trace

GTIN, SSCC = "09506000134352", "106141412345678908"
PUMP = f"https://id.gs1.org/01/{GTIN}/21/P%2F1"
URN = "urn:tracenode:item:Plant%201"
BOX = f"https://id.gs1.org/00/{SSCC}"

STEPS = {"arriving", "assembling", "commissioning", "creating_class_instance", "cycle_counting",
         "destroying", "disassembling", "holding", "inspecting", "packing", "receiving",
         "replacing", "sensor_reporting", "shipping", "unpacking"}  # fmt: skip
DISPOSITIONS = {"active", "conformant", "destroyed", "in_progress", "in_transit", "non_conformant"}
WHAT = ("epcList", "quantityList", "parentID", "childEPCs", "inputEPCList", "inputQuantityList")


class Line:
    """A store, and what it says as EPCIS events."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def book(self, kind: str, /, **fields: Any) -> Receipt:
        event = parse_event({"type": kind, **fields})
        receipt = self.trace.record_now(event, Requester("test"))
        assert not receipt.refused, receipt.text
        return receipt

    def page(self, item: str = "", first: int = 1, limit: int = 1000) -> EpcisPage:
        site = self.trace.store.identity.site
        return self.trace.store.readers.run_now(
            lambda connection: export_epcis(connection, site, item, first, limit)
        )

    def of(self, receipt: Receipt) -> list[dict[str, Any]]:
        """The events of one record."""
        return [json.loads(text) for text in self.page(first=receipt.sequence, limit=1).events]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with Trace.open(tmp_path / "line.db", site="Plant 1", create=True) as trace:
        made = Line(trace)
        for key, data in {
            "PUMP": {"kind": "unit", "gtin": GTIN},
            "ROTOR": {"kind": "unit"},
            "STEEL": {"kind": "lot"},
            "BOX": {"kind": "container"},
            "TRAY": {"kind": "carrier"},
        }.items():
            made.book("master", kind="material", key=key, data=data)
        made.book("master", kind="order", key="47/11", data={"material": "PUMP"})
        made.book("register", item="P/1", material="PUMP", station="OP10", order="47/11")
        made.book("register", item="R1", material="ROTOR")
        made.book("register", item="R2", material="ROTOR")
        made.book("receive", item="L1", material="STEEL", quantity="2.5 KGM", supplier="Smith")
        made.book("register", item=SSCC, material="BOX")
        made.book("register", item="T1", material="TRAY")
        yield made


def test_a_registration_commissions_what_has_a_gs1_key(line: Line) -> None:
    first = json.loads(line.page(item="P/1").events[0])
    assert (first["type"], first["action"]) == ("ObjectEvent", "ADD")
    assert (first["bizStep"], first["disposition"]) == ("commissioning", "active")
    assert first["epcList"] == [PUMP]
    assert first["ilmd"] == {"tracenode:material": "PUMP"}
    assert first["readPoint"] == {"id": "urn:tracenode:station:Plant%201:OP10"}
    assert first["bizTransactionList"] == [
        {"type": "prodorder", "bizTransaction": "urn:tracenode:order:Plant%201:47%2F11"}
    ]


@pytest.mark.parametrize("serial", ["A" * 21, "P 1", "P#1", "\u00c41"])
def test_a_number_that_gs1_does_not_allow_makes_no_gs1_key(line: Line, serial: str) -> None:
    item = line.book("register", item=serial, material="PUMP").item
    (said,) = [json.loads(text) for text in line.page(item=item).events]
    assert said["epcList"] == [f"{URN}:{quote(item, safe='')}"]


def test_a_gtin_that_a_material_gets_later_is_told_of_its_earlier_items_too(line: Line) -> None:
    (before,) = [json.loads(text) for text in line.page(item="R2").events]
    line.book("master", kind="material", key="ROTOR", data={"kind": "unit", "gtin": GTIN})
    (after,) = [json.loads(text) for text in line.page(item="R2").events]
    assert after["epcList"] == [f"https://id.gs1.org/01/{GTIN}/21/R2"]
    assert {**before, "epcList": []} == {**after, "epcList": []}


def test_a_page_reads_no_more_records_than_it_tells(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(9):
        line.book("observe", item="R1", station="OP10")
    read: list[Entry] = []

    def noted(entry: Entry) -> Record:
        read.append(entry)
        return record_of(entry)

    monkeypatch.setattr(export, "record_of", noted)
    for item in ("", "R1"):
        read.clear()
        assert len(line.page(item=item, limit=3).events) <= 3
        assert len(read) == 4


def test_a_lot_is_a_quantity_of_a_class(line: Line) -> None:
    (received,) = [json.loads(text) for text in line.page(item="L1").events]
    assert (received["action"], received["bizStep"]) == ("OBSERVE", "receiving")
    lot = f"{URN}:lot%3ASTEEL%3AL1"
    assert received["quantityList"] == [{"epcClass": lot, "quantity": 2.5, "uom": "KGM"}]
    assert "epcList" not in received
    assert received["tracenode:supplier"] == "Smith"
    used = line.book("consume", item="P/1", lot="L1", quantity="0.5 KGM", station="OP10")
    (made,) = line.of(used)
    assert made["type"] == "TransformationEvent"
    assert "action" not in made
    assert made["inputQuantityList"] == [{"epcClass": lot, "quantity": 0.5, "uom": "KGM"}]
    assert made["outputEPCList"] == [PUMP]


def test_an_operation_carries_its_verdict_and_measurements(line: Line) -> None:
    line.book("start", item="P/1", station="OP10", device="Press", operator="Kim")
    torque = {"name": "Torque 1", "value": 4.5, "unit": "NU", "low": 4, "evaluation": 1}
    done = line.book(
        "complete",
        item="P/1",
        station="OP10",
        device="Press",
        evaluation=2,
        failure_code="F7",
        measurements=[torque, {"name": "Colour", "text": "red"}],
    )
    (said,) = line.of(done)
    assert (said["bizStep"], said["disposition"]) == ("inspecting", "non_conformant")
    assert said["tracenode:failureCode"] == "F7"
    (element,) = said["sensorElementList"]
    assert element["sensorReport"][0] == {
        "type": "urn:tracenode:measurement:Plant%201:Torque%201",
        "deviceID": "urn:tracenode:device:Plant%201:Press",
        "value": 4.5,
        "uom": "NU",
        "tracenode:lowLimit": 4,
        "tracenode:evaluation": "OK",
    }
    assert element["sensorReport"][1]["stringValue"] == "red"


def test_what_belongs_together_is_told_by_its_parent(line: Line) -> None:
    line.book("assemble", parent="P/1", part="R1", position="A")
    out, into = line.of(line.book("replace", parent="P/1", old_part="R1", new_part="R2"))
    assert [each["action"] for each in (out, into)] == ["DELETE", "ADD"]
    assert {each["type"] for each in (out, into)} == {"AssociationEvent"}
    assert out["childEPCs"] == [f"{URN}:sn%3AROTOR%3AR1"]
    assert into["parentID"] == PUMP
    assert out["eventID"] != into["eventID"]
    (packed,) = line.of(line.book("pack", container=f"container:BOX:{SSCC}", item="P/1"))
    assert (packed["type"], packed["parentID"]) == ("AggregationEvent", BOX)
    assert packed["childEPCs"] == [PUMP]
    (shipped,) = line.of(line.book("ship", items=["P/1"], document="D 9", order="47/11"))
    assert [each["type"] for each in shipped["bizTransactionList"]] == ["prodorder", "desadv"]


def test_what_was_wrong_is_told_again_as_an_error(line: Line) -> None:
    first = line.book("consume", item="P/1", lot="L1", quantity="0.5 KGM", station="OP10")
    (before,) = line.of(first)
    again = {"type": "consume", "item": "P/1", "lot": "L1", "quantity": "0.7 KGM",
             "station": "OP10"}  # fmt: skip
    corrected = line.book("correct", record=first.record, reason="misread", replacement=again)
    wrong, right = line.of(corrected)
    assert wrong.pop("errorDeclaration") | {"declarationTime": ""} == {
        "declarationTime": "",
        "reason": "incorrect_data",
        "correctiveEventIDs": [right["eventID"]],
    }
    assert wrong == before
    assert right["inputQuantityList"][0]["quantity"] == 0.7
    assert right["eventTime"] == before["eventTime"]
    voided = line.book("void", record=corrected.record, reason="not at all")
    (gone,) = line.of(voided)
    assert gone.pop("errorDeclaration")["reason"] == "did_not_occur"
    assert gone == right


def test_a_hold_is_a_disposition_that_lasts_until_it_is_unset(line: Line) -> None:
    held = line.book("hold", item="P/1", reason="doubt")
    (said,) = line.of(held)
    assert said["persistentDisposition"] == {"set": ["non_sellable_other"]}
    (said,) = line.of(line.book("release", hold=held.record, reason="none left"))
    assert said["persistentDisposition"] == {"unset": ["non_sellable_other"]}
    assert said["epcList"] == [PUMP]


EVERYTHING: list[dict[str, Any]] = [
    {"type": "observe", "item": "P/1", "station": "OP10"},
    {"type": "relabel", "item": "P/1", "alias": "C-77"},
    {"type": "measure", "item": "P/1", "measurements": [{"name": "T", "value": 1.5}]},
    {"type": "start", "item": "P/1", "station": "OP10"},
    {"type": "abort", "item": "P/1", "station": "OP10"},
    {"type": "bind", "carrier": "T1", "item": "sn:PUMP:P/1"},
    {"type": "unbind", "carrier": "carrier:TRAY:T1"},
    {"type": "assemble", "parent": "sn:PUMP:P/1", "part": "R1"},
    {"type": "remove", "parent": "sn:PUMP:P/1", "part": "R1"},
    {"type": "load", "station": "OP10", "slot": "S1", "lot": "L1"},
    {"type": "unload", "station": "OP10", "slot": "S1", "remaining": "2 KGM"},
    {"type": "adjust", "lot": "L1", "quantity": "-0.1 KGM", "reason": "counted"},
    {"type": "split", "lot": "L1", "child": "L2", "quantity": "1 KGM"},
    {"type": "merge", "lots": [{"item": "L1"}, {"item": "L2"}], "item": "L3", "material": "STEEL"},
    {"type": "transform", "inputs": [{"item": "L3"}], "outputs": [{"item": "R9", "material":
     "ROTOR"}]},
    {"type": "fill", "container": f"container:BOX:{SSCC}", "lot": "L3"},
    {"type": "empty", "container": f"container:BOX:{SSCC}"},
    {"type": "pack", "container": f"container:BOX:{SSCC}", "item": "R1"},
    {"type": "unpack", "container": f"container:BOX:{SSCC}", "item": "R1"},
    {"type": "scrap", "item": "R1", "reason": "bent"},
    {"type": "reject", "raw": "00ff", "reason": "NotDecodable"},
    {"type": "gap", "kind": "fifo", "missing": 2, "station": "OP10"},
    {"type": "hold", "scope": "window", "window": {"station": "OP10"}, "reason": "doubt"},
]  # fmt: skip
SAYS_NOTHING = {"reject", "gap", "hold", "master"}


def test_every_kind_of_record_is_an_event_of_the_standard_or_none(line: Line) -> None:
    for fields in EVERYTHING:
        given = dict(fields)
        kind = given.pop("type")
        receipt = line.book(kind, **given)
        said = line.of(receipt)
        assert bool(said) == (kind not in SAYS_NOTHING), kind
    for event in map(json.loads, line.page().events):
        assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
        assert event["eventTimeZoneOffset"] == "+00:00"
        assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", event["eventID"])
        assert event.get("bizStep", "arriving") in STEPS, event
        assert event.get("disposition", "active") in DISPOSITIONS, event
        assert any(event.get(key) for key in WHAT), event
        assert ("action" in event) == (event["type"] != "TransformationEvent"), event
        assert "ilmd" not in event or event["action"] == "ADD"
        for uri in re.findall(r'"((?:urn|https):[^"]+)"', json.dumps(event)):
            assert re.fullmatch(r"[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+", uri), uri


def test_pages_are_the_whole_and_the_same_each_time(line: Line) -> None:
    for serial in range(7):
        line.book("register", item=f"N{serial}", material="ROTOR")
    whole = line.page()
    assert whole.following == 0
    events: list[str] = []
    first, pages = 1, 0
    while first:
        page = line.page(first=first, limit=4)
        events += page.events
        first, pages = page.following, pages + 1
    assert tuple(events) == whole.events
    assert pages > 3
    line.book("register", item="LATER", material="ROTOR")
    assert line.page(limit=4).document == line.page(limit=4).document
    assert line.page(first=10**9).events == ()


def test_an_item_has_its_own_records_alone(line: Line) -> None:
    line.book("assemble", parent="P/1", part="R1")
    line.book("scrap", item="R2")
    found = [json.loads(text) for text in line.page(item="R1").events]
    assert [each["bizStep"] for each in found] == ["commissioning", "assembling"]
    one = line.page(item="R1", limit=1)
    assert len(one.events) == 1
    assert line.page(item="R1", first=one.following).events == (line.page(item="R1").events[1],)
    with pytest.raises(UnknownItem):
        line.page(item="nobody")


def test_a_document_names_its_context_and_version(line: Line) -> None:
    said = json.loads(line.page().document)
    assert said["type"] == "EPCISDocument"
    assert said["schemaVersion"] == "2.0"
    assert said["@context"][0].endswith("/epcis/2.0.0/epcis-context.jsonld")
    assert said["@context"][1] == {"tracenode": "urn:tracenode:epcis:"}
    assert len(said["epcisBody"]["eventList"]) == len(line.page().events)
    assert said["creationDate"] == said["epcisBody"]["eventList"][-1]["recordTime"]
