"""A registered consumer that hears events while the server is killed, and closes its gaps with the
log: by ReadRecords and by Replay in turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.subscription import Subscription
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from benchmarks._fuzz_requests import site, standard
from benchmarks._kills_callers import ANSWER_S, outlasting
from benchmarks._served import client_of, text

__all__ = ["Consumer"]

LOG: Final = "Traceability.Log"
FIELDS: Final = ("EventSequence", "RecordId", "Replayed")
PAGE: Final = 200
LOOK_S: Final = 0.1
PATIENCE_S: Final = 3.0
"""Until what a Replay should have brought is read instead."""


class Consumer:
    """What it knows outlives its connections, as an MES keeps it on its disk: `ledger` has the
    RecordId of every EventSequence without a gap."""

    def __init__(self, endpoint: str, name: str) -> None:
        self.ledger: list[str] = []
        self.connections = 0
        self.by: Counter[str] = Counter()
        """How records came: heard, replayed, read."""
        self.faults: list[str] = []
        self._endpoint, self._name = endpoint, name
        self._told: Counter[int] = Counter()
        self._ahead: dict[int, tuple[str, str]] = {}
        """Records that came before others: the RecordId and how."""

    @property
    def last(self) -> int:
        """The EventSequence up to which it has every record."""
        return len(self.ledger)

    async def work(self, stop: asyncio.Event) -> None:
        """Hear until told to stop."""
        await outlasting(lambda: self._follow(stop), lambda: None)

    # ------------------------------------------------------------------ one connection
    async def _follow(self, stop: asyncio.Event) -> None:
        async with client_of(self._endpoint, timeout=ANSWER_S) as client:
            if not hasattr(ua, "TraceRecordDataType"):
                await client.load_data_type_definitions()
            acknowledged, *_ = await self._call(client, "RegisterConsumer", _u64(0))
            if acknowledged > self.last:
                self.faults.append(f"acknowledged is {acknowledged}, but {self.last} came")
            await self._subscribe(client)
            self.connections += 1
            if self.connections % 2:
                await self._read(client)
            else:
                await self._replay(client)
            while not stop.is_set():
                if self._ahead:
                    await self._read(client)
                await self._call(client, "Acknowledge", _u64(self.last))
                await asyncio.sleep(LOOK_S)

    async def _subscribe(self, client: Client) -> None:
        subscription: Subscription = await client.create_subscription(50, self)
        wanted = ua.EventFilter()
        wanted.SelectClauses = [
            ua.SimpleAttributeOperand(
                TypeDefinitionId=standard(ObjectIds.BaseEventType),
                BrowsePath=[ua.QualifiedName(name)],
                AttributeId=ua.UInt32(AttributeIds.Value),
            )
            for name in FIELDS
        ]
        server = client.get_node(standard(ObjectIds.Server))
        await subscription.subscribe_events(server, evfilter=wanted, queuesize=10_000)

    def event_notification(self, event: Any) -> None:
        """Hear an event; asyncua calls this."""
        sequence, record, replayed = (field.Value for field in event.event_fields)
        if not sequence:
            return  # of no record
        if not replayed:
            self._told[sequence] += 1
            if self._told[sequence] > 1:
                self.faults.append(f"event {sequence} came twice, and no mark says so")
        self._take(sequence, record, "replayed" if replayed else "heard")

    # ------------------------------------------------------------------ gaps
    async def _read(self, client: Client) -> None:
        while True:
            page = ua.Variant(PAGE, ua.VariantType.UInt32)
            asked = (_u64(self.last + 1), page)
            records, following, latest, *_ = await self._call(client, "ReadRecords", *asked)
            for record in records:
                self._take(record.EventSequence, record.RecordId, "read")
            if following > latest:
                return

    async def _replay(self, client: Client) -> None:
        asked = (_u64(self.last + 1), ua.Variant(1, ua.VariantType.UInt32))
        *_, latest, _words, _status = await self._call(client, "ReadRecords", *asked)
        if latest <= self.last:
            return
        bounds = (_u64(self.last + 1), _u64(latest), ua.Variant(0, ua.VariantType.UInt16))
        await self._call(client, "Replay", *bounds)
        patience = PATIENCE_S + (latest - self.last) / 500
        while self.last < latest and patience > 0:
            await asyncio.sleep(LOOK_S)
            patience -= LOOK_S
        await self._read(client)

    def _take(self, sequence: int, record: str, how: str) -> None:
        """Keep a record, in the order of the sequence."""
        if sequence <= self.last:
            if self.ledger[sequence - 1] != record:
                self.faults.append(f"{sequence} is {record}, was {self.ledger[sequence - 1]}")
            return
        self._ahead.setdefault(sequence, (record, how))
        while (following := self._ahead.pop(self.last + 1, None)) is not None:
            self.ledger.append(following[0])
            self.by[following[1]] += 1

    async def _call(self, client: Client, method: str, *given: ua.Variant) -> list[Any]:
        asked = ua.CallMethodRequest(ObjectId=site(LOG), MethodId=site(f"{LOG}.{method}"))
        named = () if method == "ReadRecords" else (text(self._name),)
        asked.InputArguments = [*named, *given]
        (result,) = await client.uaclient.call([asked])
        result.StatusCode.check()
        found = [value.Value for value in result.OutputArguments]
        if found[-1] >= 100:
            self.faults.append(f"{method}: {found[-1]} {found[-2]}")
        return found


def _u64(value: int) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.UInt64)
