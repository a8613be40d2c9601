"""The methods of Log: records in their order, and the proof that none was altered."""

from __future__ import annotations

from typing import Final

from tracenode.models.errors import MalformedRequest
from tracenode.server.opcua.methods.gateway import CallContext, Handler
from tracenode.server.opcua.surface.methods.limits import MAX_RECORDS, MAX_VERIFIED, limited
from tracenode.server.opcua.surface.structures import record_structure
from tracenode.server.store.file.inspection import Inspected, inspect
from tracenode.server.trace import Trace

__all__ = ["LogMethods"]


LAST: Final = 2**63 - 1
"""The greatest EventSequence there can be: what a column of the store holds."""


class LogMethods:
    """The handlers of TraceLogType's methods."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        return {
            "ReadRecords": self.read_records,
            "VerifyIntegrity": self.verify_integrity,
        }

    async def read_records(
        self, call: CallContext, *, from_sequence: int | None, max_records: int | None
    ) -> dict[str, object]:
        """Records without a gap; NextSequence is where the next page begins, past the newest when
        there is no more yet."""
        first = max(1, from_sequence or 1)
        records = await self._trace.records(min(first, LAST), limited(max_records, MAX_RECORDS))
        latest = max(self._trace.head.sequence, records[-1].sequence if records else 0)
        return {
            "records": [record_structure(record) for record in records],
            "next_sequence": records[-1].sequence + 1 if records else first,
            "latest_sequence": latest,
        }

    async def verify_integrity(
        self, call: CallContext, *, from_sequence: int | None, to_sequence: int | None
    ) -> dict[str, object]:
        """Compute the hashes of the journal entries from one record to another again. The first
        entry is checked against the hash that stands before it."""
        latest = self._trace.head.sequence
        first, last = min(max(1, from_sequence or 1), LAST), min(to_sequence or latest, LAST)
        if first == 1 and last == 0:
            return {}  # nothing is published yet
        if last < first:
            raise MalformedRequest("ToSequence", f"{first} or more, or 0", str(last))
        found: Inspected = await self._trace.store.readers.run(
            lambda connection: inspect(connection, first, last, MAX_VERIFIED)
        )
        return {
            "first_bad_sequence": found.first_bad,
            "head_hash": found.hash.hex(),
            "status_text": found.text,
        }
