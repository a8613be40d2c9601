"""The consumers of the log: clients that must not miss a record, and how far each is.

A watermark is kept apart from the journal (ADR 010). It carries the hash of the record it stands
at, so that a journal which a restore put back is noticed before a consumer goes on from a record
that it never had.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tracenode.models.config import ConsumersConfig
from tracenode.models.errors import MalformedRequest
from tracenode.server.store.reading.sequences import Mark, mark_of
from tracenode.server.store.reading.snapshot import Connection
from tracenode.server.store.state import consumers as rows
from tracenode.server.store.state.consumers import Consumer, Owner
from tracenode.server.store.writing.journal import now
from tracenode.server.trace import Trace

__all__ = ["Consumer", "ConsumerLag", "Consumers", "Owner"]

LAST: Final = 2**63 - 1
"""The greatest EventSequence there can be."""


@dataclass(frozen=True, slots=True)
class ConsumerLag:
    """How far a consumer is behind. `oldest` is when the first record was recorded that it has not
    acknowledged; `strayed`: the journal does not hold the record that it acknowledged last."""

    consumer: Consumer
    pending: int
    oldest: datetime | None = None
    lagging: bool = False
    strayed: bool = False

    @property
    def text(self) -> str:
        """What is wrong, in words; empty while all is well."""
        if self.strayed:
            return (
                f"the journal does not hold record {self.consumer.acknowledged} as it was "
                "acknowledged: a backup was restored; register again with FromSequence"
            )
        if self.lagging and self.oldest is not None:
            return f"{self.pending} records wait, the oldest since {self.oldest:%Y-%m-%d %H:%M} UTC"
        return ""


class Consumers:
    """All consumers of one trace. Works beside a running server, also where opened read-only."""

    def __init__(self, trace: Trace, limits: ConsumersConfig | None = None) -> None:
        self._trace, self._state = trace, trace.store.state
        limits = limits or ConsumersConfig()
        self.changed = asyncio.Event()
        """Set after each change of a watermark."""
        self._most, self._longest = limits.lag_records, timedelta(hours=limits.lag_hours)

    async def register(self, name: str, owner: Owner, first: int) -> Consumer:
        """Become a consumer that wants all records from EventSequence `first` (0: from the
        beginning), or come back: then it stays where it is and `first` is not looked at, unless the
        journal was put back.

        Raises:
            MalformedRequest: the name can't be one, there are too many, `first` is beyond the next
                record, or the journal was put back and `first` is 0.
            NotAuthorized: it is another's.
            StoreError: what is to be kept can't be written.
        """
        known = await self._known(name)
        strayed = known is not None and await self._strayed(known)
        if strayed and not first:
            expected = "the first record wanted: a backup of the journal was restored"
            raise MalformedRequest("FromSequence", expected, "0")
        acknowledged, digest = 0, b""
        if known is None or strayed:
            acknowledged = max(first, 1) - 1
            digest = await self._digest("FromSequence", first, acknowledged)
        made = await self._state.write(
            lambda connection: rows.register(
                connection, name, owner, acknowledged, digest, now(), anew=strayed
            )
        )
        self.changed.set()
        return made

    async def acknowledge(self, name: str, owner: Owner, up_to: int) -> int:
        """Say that all records up to an EventSequence are safe with a consumer; return how many are
        still to come. The same number again is harmless.

        Raises:
            MalformedRequest: no such consumer, `up_to` below what it acknowledged before or beyond
                the latest record, or the journal was put back.
            NotAuthorized: it is another's.
            StoreError: it can't be written; the watermark may stand where it was.
        """
        await self.own(name, owner)
        digest = await self._digest("UpToSequence", up_to, up_to)
        await self._state.write(
            lambda connection: rows.move(connection, name, owner, up_to, digest, now())
        )
        self.changed.set()
        return max(0, self._trace.head.sequence - up_to)

    async def own(self, name: str, owner: Owner) -> Consumer:
        """Return a consumer of this owner.

        Raises:
            MalformedRequest: there is none of this name, or the journal was put back.
            NotAuthorized: it is another's.
        """
        known = await self._known(name)
        if known is None:
            raise MalformedRequest("ConsumerId", "a registered consumer", repr(name))
        found = await self._state.read(
            lambda connection: rows.consumer(connection, name, owner), known
        )
        if await self._strayed(found):
            lag = ConsumerLag(found, 0, strayed=True)
            raise MalformedRequest(
                "ConsumerId", "a consumer of this journal", f"{name}: {lag.text}"
            )
        return found

    async def remove(self, name: str) -> bool:
        """Forget a consumer; False where there is none of this name."""
        return await self._state.write(lambda connection: rows.forget(connection, name))

    async def lags(self) -> list[ConsumerLag]:
        """Return how far every consumer is behind, by name."""
        found = await self._all()
        if not found:
            return []
        head, moment = self._trace.head.sequence, datetime.now(UTC)

        def marked(connection: Connection) -> list[tuple[Mark | None, Mark | None]]:
            return [
                (mark_of(connection, each.acknowledged), mark_of(connection, each.acknowledged + 1))
                for each in found
            ]

        marks = await self._trace.store.readers.run(marked)
        return [
            self._lag(consumer, head, moment, *both)
            for consumer, both in zip(found, marks, strict=True)
        ]

    def _lag(
        self, consumer: Consumer, head: int, moment: datetime, at: Mark | None, after: Mark | None
    ) -> ConsumerLag:
        pending = max(0, head - consumer.acknowledged)
        oldest = after.recorded if pending and after else None
        late = oldest is not None and moment - oldest > self._longest
        strayed = (at.hash if at else b"") != consumer.hash
        return ConsumerLag(consumer, pending, oldest, pending > self._most or late, strayed)

    # -------------------------------------------------------------- shared
    async def _known(self, name: str) -> Consumer | None:
        return next((each for each in await self._all() if each.name == name), None)

    async def _all(self) -> tuple[Consumer, ...]:
        none: tuple[Consumer, ...] = ()
        return await self._state.read(rows.consumers, none)

    async def _strayed(self, consumer: Consumer) -> bool:
        return await self._mark(consumer.acknowledged) != consumer.hash

    async def _digest(self, argument: str, given: int, sequence: int) -> bytes:
        """Return the hash of the record at a sequence, none for 0.

        Raises:
            MalformedRequest: there is no such record yet.
        """
        digest = await self._mark(sequence)
        if sequence and not digest:
            latest = self._trace.head.sequence
            most = latest + given - sequence
            raise MalformedRequest(argument, f"at most {most}: {latest} is the latest", str(given))
        return digest

    async def _mark(self, sequence: int) -> bytes:
        if not 0 < sequence <= LAST:
            return b""
        found = await self._trace.store.readers.run(
            lambda connection: mark_of(connection, sequence)
        )
        return found.hash if found else b""
