"""The method of Queries that gives records to other systems: EPCIS documents."""

from __future__ import annotations

from typing import Final

from tracenode.server.epcis import export_epcis
from tracenode.server.opcua.methods.gateway import CallContext, Handler
from tracenode.server.opcua.surface.methods.limits import MAX_RECORDS, limited
from tracenode.server.store.reading.snapshot import Connection
from tracenode.server.trace import Trace

__all__ = ["ExportMethods"]

LAST: Final = 2**63 - 1


class ExportMethods:
    """The handler of ExportEpcis."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        return {"ExportEpcis": self.export_epcis}

    async def export_epcis(
        self,
        call: CallContext,
        *,
        item_id: str | None,
        from_sequence: int | None,
        max_records: int | None,
    ) -> dict[str, object]:
        """A page of the records that touch an item, or of all."""
        site = self._trace.store.identity.site
        first, limit = min(from_sequence or 1, LAST), limited(max_records, MAX_RECORDS)

        def page(connection: Connection) -> tuple[str, int]:
            found = export_epcis(connection, site, item_id or "", first, limit)
            return found.document, found.following

        document, following = await self._trace.store.readers.run(page)
        return {"json": document, "next_sequence": following}
