"""ExportEpcis, page by page, and IssueReport with the answer that it stands for."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client

from tests.opcua.surface.plant import Plant, outputs, request_id
from tracenode.models.events import Assemble, Scrap
from tracenode.models.status import TraceStatus

pytestmark = pytest.mark.asyncio(loop_scope="session")

Q, QUALITY = "Traceability.Queries", "Traceability.Quality"
V = ua.VariantType
S = TraceStatus


async def export(client: Client, item: str, first: int = 0, most: int = 0) -> list[Any]:
    numbers = (ua.Variant(first, V.UInt64), ua.Variant(most, V.UInt32))
    return await outputs(client, Q, "ExportEpcis", item, *numbers)


def events_of(document: str) -> list[dict[str, Any]]:
    said = json.loads(document)
    assert (said["type"], said["schemaVersion"]) == ("EPCISDocument", "2.0")
    return list(said["epcisBody"]["eventList"])


async def test_records_of_an_item_come_as_epcis_documents(plant: Plant, client: Client) -> None:
    pump, rotor = await plant.unit(), await plant.unit("ROTOR")
    built = await plant.book(Assemble(station="OP20", parent=pump, part=rotor, position="P1"))
    document, following, text, status = await export(client, rotor)
    assert (following, text, status) == (0, "", S.Ok)
    registered, assembled = events_of(document)
    assert registered["bizStep"] == "commissioning"
    assert assembled["eventID"] == f"urn:uuid:{built.record}"
    assert assembled["readPoint"]["id"].endswith(":OP20")
    first, following, *_ = await export(client, rotor, most=1)
    assert following == built.sequence
    rest, end, *_ = await export(client, rotor, first=following)
    assert events_of(first) + events_of(rest) == [registered, assembled]
    assert end == 0


async def test_all_records_come_from_a_sequence_on(plant: Plant, client: Client) -> None:
    begun = await plant.book(Scrap(item=await plant.unit()))
    await plant.unit()
    document, following, *_ = await export(client, "", first=begun.sequence, most=1)
    assert [each["bizStep"] for each in events_of(document)] == ["destroying"]
    assert following == begun.sequence + 1
    document, following, *_ = await export(client, "", first=2**63)
    assert (events_of(document), following) == ([], 0)


async def test_an_unknown_item_is_a_status(client: Client) -> None:
    document, following, _, status = await export(client, "nobody")
    assert (document, following, status) == ("", 0, S.UnknownItem)


async def test_a_report_is_issued_and_its_answer_can_be_had(plant: Plant, client: Client) -> None:
    pump, rotor = await plant.unit(), await plant.unit("ROTOR")
    await plant.book(Assemble(station="OP20", parent=pump, part=rotor))
    asked = (request_id(), "complaint 7", "TraceIngredients", json.dumps({"ItemId": pump}))
    report, digest, pinned, text, status = await outputs(client, QUALITY, "IssueReport", *asked)
    assert (text, status) == ("report 'complaint 7'", S.Ok)
    await plant.book(Scrap(item=rotor))
    said, _, status = await outputs(client, Q, "QueryJson", "TraceIngredients", pinned)
    assert status == S.Ok
    answer = json.loads(said)
    for name in ("as_known_at", "data_version"):
        del answer["statement"][name]
    canonical = json.dumps(answer, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == digest
    issued = {each.record: each for each in await plant.trace.reports(stale_too=True)}
    assert (issued[report].name, issued[report].digest) == ("complaint 7", digest)
    again = await outputs(client, QUALITY, "IssueReport", *asked)
    assert again == [report, digest, pinned, text, S.OkReplayed]


async def test_a_report_that_can_not_be_is_refused(plant: Plant, client: Client) -> None:
    pump = await plant.unit()
    known = json.dumps({"ItemId": pump, "AsKnownAt": 1})
    for name, question, arguments, refused in (
        ("", "GetItem", json.dumps({"ItemId": pump}), S.MalformedRequest),
        ("complaint", "GetItem", known, S.MalformedRequest),
        ("complaint", "GetItem", '{"ItemId": "nobody"}', S.UnknownItem),
        ("complaint", "Nothing", "{}", S.MalformedRequest),
    ):
        asked = (request_id(), name, question, arguments)
        report, digest, pinned, text, status = await outputs(client, QUALITY, "IssueReport", *asked)
        assert (report, digest, pinned, status) == ("", "", "", refused), text
