"""Every question as JSON: named as its method, its arguments as there or as in the models."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from asyncua.client.client import Client

from tests.opcua.surface.plant import Plant, outputs
from tracenode.models import questions
from tracenode.models.analysis import (
    CommonCause,
    CompareToBom,
    Coverage,
    FindItems,
    Impact,
    MassBalance,
    TimeWindow,
)
from tracenode.models.answers import (
    Asked,
    Ingredients,
    ItemDetail,
    ItemHistory,
    PathBetween,
    RecallScope,
    WhereUsed,
    canonical,
    plain,
)
from tracenode.models.errors import MalformedRequest
from tracenode.models.events import Consume
from tracenode.models.items import ItemState
from tracenode.models.status import TraceStatus
from tracenode.server.opcua.surface.methods.questions import question_of

Q = "Traceability.Queries"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
BY_METHOD: list[tuple[str, dict[str, Any], Asked]] = [
    ("GetItem", {"ItemId": "A"}, ItemDetail(item="A")),
    ("TraceIngredients", {"ItemId": "A", "MaxDepth": 1, "MaxItems": 0},
     Ingredients(item="A", max_depth=1)),
    ("TraceIngredients", {"ItemId": "A", "MaxDepth": 0, "MaxNodes": 2},
     Ingredients(item="A", max_nodes=2)),
    ("TraceWhereUsed", {"ItemId": "A", "MinShare": 0.1, "AsKnownAt": 7},
     WhereUsed(item="A", min_share=Decimal("0.1"), as_known_at=7)),
    ("TraceWhereUsed", {"ItemId": "A", "MinShare": 0.0, "AsKnownAt": 0}, WhereUsed(item="A")),
    ("PathBetween", {"FromItemId": "A", "ToItemId": "B"}, PathBetween(item="A", into="B")),
    ("RecallScope", {"ItemId": "A", "AsOf": None, "AsKnownAt": 0, "MaxItems": 0},
     RecallScope(item="A", limit=0)),
    ("RecallScope", {"ItemId": "A", "AsOf": "2026-11-02T12:00:00", "MaxItems": 5},
     RecallScope(item="A", as_of=NOON, limit=5)),
    ("GetHistory", {"ItemId": "A", "Offset": 0, "MaxRecords": 2}, ItemHistory(item="A", limit=2)),
    ("CommonCauses", {"FailedItemIds": ["A"], "PassedItemIds": ["B", "C"], "MaxItems": 0},
     CommonCause(failed=("A",), passed=("B", "C"))),
    ("MassBalance", {"LotId": "A", "AsOf": "2026-11-02T13:00:00+01:00"},
     MassBalance(item="A", as_of=NOON)),
    ("TimeWindow", {"StationId": "OP10", "From": "2026-11-02T12:00:00Z", "To": None,
                    "Offset": 3, "MaxItems": 4},
     TimeWindow(station="OP10", since=NOON, offset=3, limit=4)),
    ("FindItems", {"Text": "7", "MaterialId": "", "State": -1, "From": None, "MaxItems": 0},
     FindItems(text="7")),
    ("FindItems", {"LotId": "A", "OrderId": "4711", "State": 2, "MaxItems": 5, "Offset": 3},
     FindItems(made_from="A", order="4711", state=ItemState.Completed, limit=5, offset=3)),
    ("CompareToBom", {"ItemId": "A"}, CompareToBom(item="A")),
    ("Coverage", {"StationId": "OP10", "From": None, "To": "2026-11-02T12:00:00"},
     Coverage(stations=("OP10",), until=NOON)),
    ("Impact", {"ItemId": "A"}, Impact(item="A")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "asked"), BY_METHOD, ids=str)
def test_arguments_are_named_as_those_of_the_methods(
    name: str, arguments: dict[str, Any], asked: Asked
) -> None:
    assert question_of(name, json.dumps(arguments)) == asked


@pytest.mark.parametrize("asked", [case[2] for case in BY_METHOD], ids=str)
def test_arguments_are_named_as_those_of_the_models(asked: Asked) -> None:
    said = questions.question_fields(asked)
    assert question_of(said["question"], json.dumps(said)) == asked
    own = {name: plain(value) for name, value in said.items() if name != "question"}
    assert question_of(said["question"], json.dumps(own)) == asked


def test_every_question_has_a_case() -> None:
    assert {case[0] for case in BY_METHOD} == questions.QUESTION_NAMES.keys()


@pytest.mark.parametrize(
    ("name", "arguments", "fault"),
    [
        ("Genealogy", "{}", "one of TraceIngredients"),
        ("", "{}", "one of TraceIngredients"),
        ("TraceIngredients", "{", "JSON object"),
        ("TraceIngredients", "[]", "JSON object"),
        ("TraceIngredients", "{}", "item"),
        ("TraceIngredients", '{"item": "A", "colour": "red"}', "colour"),
        ("TraceIngredients", '{"item": "A", "LotID": "A"}', "LotID"),
        ("TraceIngredients", '{"item": "A", "as_of": "yesterday"}', "yesterday"),
        ("TraceIngredients", '{"item": "A", "max_depth": "deep"}', "deep"),
        ("TraceIngredients", '{"question": "TraceWhereUsed", "item": "A"}', "TraceWhereUsed"),
        ("Coverage", '{"StationId": null}', "stations"),
        ("CommonCauses", '{"FailedItemIds": "A"}', "failed"),
    ],
)
def test_what_is_no_question_is_refused(name: str, arguments: str, fault: str) -> None:
    with pytest.raises(MalformedRequest, match=fault):
        question_of(name, arguments)


@pytest.mark.integration
@pytest.mark.asyncio(loop_scope="session")
async def test_the_answer_is_that_of_the_door(plant: Plant, client: Client) -> None:
    lot, pump = await plant.lot(), await plant.unit()
    await plant.book(Consume(station="OP10", item=pump, lot=lot))
    head = plant.trace.head.seq
    for asked in (
        Ingredients(item=pump, as_known_at=head),
        PathBetween(item=lot, into=pump, as_known_at=head),
        CommonCause(failed=(pump,), as_known_at=head),
        MassBalance(item=lot, as_known_at=head),
        TimeWindow(station="OP10", limit=3, as_known_at=head),
        CompareToBom(item=pump, as_known_at=head),
        Coverage(stations=("OP10",), as_known_at=head),
        Impact(item=lot, as_known_at=head),
    ):
        said = questions.question_fields(asked)
        given = json.dumps(said)
        text, _, status = await outputs(client, Q, "QueryJson", said["question"], given)
        assert status == TraceStatus.Ok
        assert text.encode() == canonical(await plant.trace.ask(asked))
    refused = await outputs(client, Q, "QueryJson", "TraceIngredients", "{")
    fault = json.loads(refused[0])["error"]
    assert (fault["message"], fault["status"], refused[2]) == (refused[1], 152, 152)
