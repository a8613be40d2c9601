"""Past events by filter, encoded as they went out live."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, replace
from typing import Any, Final

from asyncua.ua.object_ids import ObjectIds

from tracenode.server.opcua.history.pasts import EventPast, Page
from tracenode.server.opcua.history.times import Range
from tracenode.server.opcua.history.values import PAGE_S, Read
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.subscriptions.filters import CompiledFilter
from tracenode.server.opcua.subscriptions.selection import encoded

__all__ = ["PastEvents"]

EVENTS: Final = ua_id(ObjectIds.HistoryEvent_Encoding_DefaultBinary)


@dataclass(frozen=True, slots=True)
class PastEvents:
    """The events of a range that pass a filter, by time of record (OPC 10000-11 6.5.2)."""

    past: EventPast
    filter: CompiledFilter
    types: TypeTree
    range: Range
    limit: int

    def read(self, reading: Any, room: int) -> Read:
        """Read up to `room` events, one at least."""
        range_ = self.range
        room = max(1, min(room, self.limit or room, range_.total or room))
        page = Page(range_.low, range_.high, range_.down, room, time.monotonic() + PAGE_S)
        heard = self.past.events(reading, page, self.filter.passes)
        parts = [encoded(event, self.filter.selection, self.types).data for _, event in heard.found]
        body = struct.pack("<i", len(parts)) + b"".join(parts)
        left = range_.beyond(heard.more, len(parts))
        rest = None if left is None else replace(self, range=left)
        return Read(EVENTS, body, len(parts), rest)
