"""The log: every published record once and in order, and the proof of its hashes."""

from __future__ import annotations

import pytest
from asyncua import ua
from asyncua.client.client import Client

from tests.opcua.surface.plant import Plant, outputs, read, shows
from tracenode.models.status import TraceStatus

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOG = "Traceability.Log"
V = ua.VariantType


def u64(value: int) -> ua.Variant:
    return ua.Variant(value, V.UInt64)


def u32(value: int) -> ua.Variant:
    return ua.Variant(value, V.UInt32)


async def test_records_are_read_page_by_page_without_gaps(plant: Plant, client: Client) -> None:
    for _ in range(7):
        await plant.unit()
    latest = plant.trace.head.sequence
    seen: list[int] = []
    after = 1
    while after <= latest:
        records, following, newest, *_ = await outputs(
            client, LOG, "ReadRecords", u64(after), u32(3)
        )
        assert 1 <= len(records) <= 3
        assert newest == latest
        seen += [record.EventSequence for record in records]
        after = following
    assert seen == list(range(1, latest + 1))
    records, following, newest, *_ = await outputs(
        client, LOG, "ReadRecords", u64(latest + 1), u32(0)
    )
    assert (records, following, newest) == ([], latest + 1, latest)


async def test_a_record_says_what_was_booked(plant: Plant, client: Client) -> None:
    item = await plant.unit()
    sequence = plant.trace.head.sequence
    (record,), *_ = await outputs(client, LOG, "ReadRecords", u64(sequence), u32(1))
    assert record.RecordType == "TraceObjectEventType"
    assert (record.ItemId, record.MaterialId, record.StationId) == (item, "PUMP", "OP10")
    assert (record.BizStep, record.Action) == ("commissioning", 1)
    assert record.RecordHash == plant.trace.head.hash.hex()
    assert '"item":"sn:PUMP' in record.Json


async def test_the_head_is_shown(plant: Plant, client: Client) -> None:
    await plant.unit()
    head = plant.trace.head
    await shows(client, f"{LOG}.LatestSequence", head.sequence)
    assert await read(client, f"{LOG}.HeadHash") == head.hash.hex()
    assert await read(client, f"{LOG}.OldestSequence") == 1


async def test_hashes_are_computed_again(plant: Plant, client: Client) -> None:
    await plant.unit()
    head = plant.trace.head
    bad, found, text, status = await outputs(client, LOG, "VerifyIntegrity", u64(0), u64(0))
    assert (bad, text, status) == (0, "", TraceStatus.Ok)
    assert found == head.hash.hex()
    answer = await outputs(client, LOG, "VerifyIntegrity", u64(2), u64(3))
    assert answer[0] == 0
    for first, last in ((3, 2), (1, head.sequence + 5)):
        answer = await outputs(client, LOG, "VerifyIntegrity", u64(first), u64(last))
        assert answer[3] == TraceStatus.MalformedRequest


@pytest.mark.parametrize("sequence", [2**63, 2**64 - 1])
async def test_numbers_that_no_record_can_have_are_answered(client: Client, sequence: int) -> None:
    records, following, latest, text, status = await outputs(
        client, LOG, "ReadRecords", u64(sequence), u32(1)
    )
    assert (records, following, text, status) == ([], sequence, "", TraceStatus.Ok)
    assert latest < sequence
    answer = await outputs(client, LOG, "VerifyIntegrity", u64(1), u64(sequence))
    assert answer[3] == TraceStatus.MalformedRequest
