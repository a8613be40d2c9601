"""The service HistoryRead (OPC 10000-4 5.11.3, OPC 10000-11 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.address_space import NodeData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaprotocol_auto import (
    ReadAtTimeDetails,
    ReadEventDetails,
    ReadProcessedDetails,
    ReadRawModifiedDetails,
)

from tracenode.server.opcua.history.events import PastEvents
from tracenode.server.opcua.history.pasts import Archive
from tracenode.server.opcua.history.points import HistoryPoints
from tracenode.server.opcua.history.times import micros, range_of
from tracenode.server.opcua.history.values import AtTimes, Modified, Raw, Shape
from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.limits import Limits
from tracenode.server.opcua.nodes.book import attribute
from tracenode.server.opcua.nodes.ranges import BadIndexRange, parsed
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.subscriptions.filters import EventFilters

if TYPE_CHECKING:
    from tracenode.server.opcua.security.rights import Rights

__all__ = ["HistoryService", "Job"]

S = StatusCodes
A = AttributeIds
Job = Raw | Modified | AtTimes | PastEvents
HISTORY: Final = ua.AccessLevel.HistoryRead.mask
EVENT_HISTORY: Final = ua.EventNotifier.HistoryRead.mask


class HistoryService:
    """Answers HistoryRead from an archive; without one there is no history."""

    def __init__(
        self, space: TraceAddressSpace, types: TypeTree, limits: Limits, filters: EventFilters
    ) -> None:
        self._space, self._types, self._limits, self._filters = space, types, limits, filters
        self.archive: Archive | None = None

    def points(self) -> HistoryPoints[tuple[ua.NodeId, Job]]:
        """Return the continuation points of a new session."""
        limits = self._limits
        return HistoryPoints(limits.history_continuation_points, limits.history_point_s)

    async def read(
        self,
        params: ua.HistoryReadParameters,
        rights: Rights,
        points: HistoryPoints[tuple[ua.NodeId, Job]],
    ) -> list[ua.HistoryReadResult]:
        """Answer one request, node after node.

        Raises:
            ServiceError: BadHistoryOperationInvalid: details that are none of HistoryRead.
        """
        if params.ReleaseContinuationPoints:
            return [_released(wanted, points) for wanted in params.NodesToRead]
        details = params.HistoryReadDetails
        if not isinstance(details, ua.HistoryReadDetails):
            raise ServiceError(S.BadHistoryOperationInvalid)
        room, space = self._limits.history_values_per_answer, self._limits.history_answer_bytes
        results = []
        for wanted in params.NodesToRead:
            try:
                result, count = await self._node(wanted, params, rights, points, room)
                space -= len(result.HistoryData.Body or b"")
            except ServiceError as e:
                result, count = ua.HistoryReadResult(StatusCode=ua_status(e.code)), 0
            room = max(1, room - count) if space > 0 else 1
            results.append(result)
        return results

    async def _node(
        self,
        wanted: ua.HistoryReadValueId,
        params: ua.HistoryReadParameters,
        rights: Rights,
        points: HistoryPoints[tuple[ua.NodeId, Job]],
        room: int,
    ) -> tuple[ua.HistoryReadResult, int]:
        node = self._space.get(wanted.NodeId)
        if node is None:
            raise ServiceError(S.BadNodeIdUnknown)
        is_event = isinstance(params.HistoryReadDetails, ReadEventDetails)
        if not rights.remembering(wanted.NodeId, events=is_event):
            raise ServiceError(S.BadUserAccessDenied)
        if wanted.ContinuationPoint:
            held = points.take(wanted.ContinuationPoint)
            if held is None or held[0] != wanted.NodeId or not _fits(held[1], is_event):
                raise ServiceError(S.BadContinuationPointInvalid)
            job = held[1]
        else:
            job = self._job(wanted, node, params)
        assert self.archive is not None
        most = min(room, self._limits.history_values_per_node)
        found = await self.archive.read(lambda reading: job.read(reading, most))
        result = ua.HistoryReadResult()
        if not found.count and found.rest is None:
            result.StatusCode = ua_status(S.GoodNoData)
        if found.rest is not None:
            result.ContinuationPoint = points.keep((wanted.NodeId, found.rest))
            if result.ContinuationPoint is None:
                raise ServiceError(S.BadNoContinuationPoints)
        body: Any = found.body
        result.HistoryData = ua.ExtensionObject(TypeId=found.type_id, Body=body)
        return result, found.count

    # ------------------------------------------------------------------ what is asked
    def _job(
        self, wanted: ua.HistoryReadValueId, node: NodeData, params: ua.HistoryReadParameters
    ) -> Job:
        match params.HistoryReadDetails:
            case ReadEventDetails() as details:
                return self._events(node, details)
            case ReadRawModifiedDetails() as details:
                past, shape = self._variable(wanted, node, params.TimestampsToReturn)
                asked = int(details.NumValuesPerNode)
                range_ = range_of(details.StartTime, details.EndTime, asked)
                if details.IsReadModified:
                    if details.ReturnBounds:  # OPC 10000-11 6.5.3.3: there are none
                        raise ServiceError(S.BadInvalidArgument)
                    return Modified(past, shape, range_, asked)
                return Raw(past, shape, range_, asked, bool(details.ReturnBounds))
            case ReadAtTimeDetails(ReqTimes=times):
                past, shape = self._variable(wanted, node, params.TimestampsToReturn)
                if not times:
                    raise ServiceError(S.BadInvalidArgument)
                if len(times) > self._limits.history_values_per_node:
                    raise ServiceError(S.BadTooManyOperations)
                return AtTimes(past, shape, [micros(moment) for moment in times])
            case ReadProcessedDetails():
                self._variable(wanted, node, params.TimestampsToReturn)
                raise ServiceError(S.BadAggregateNotSupported)
        raise ServiceError(S.BadHistoryOperationUnsupported)

    def _events(self, node: NodeData, details: ReadEventDetails) -> PastEvents:
        notifier = attribute(node, A.EventNotifier)
        archive = self.archive
        past = archive.events_of(node.nodeid) if archive and notifier else None
        if past is None or not (notifier or 0) & EVENT_HISTORY:
            raise ServiceError(S.BadHistoryOperationUnsupported)
        outcome = self._filters.compiled(details.Filter)
        if outcome.compiled is None:
            raise ServiceError(outcome.status)
        asked = int(details.NumValuesPerNode)
        range_ = range_of(details.StartTime, details.EndTime, asked)
        return PastEvents(past, outcome.compiled, self._types, range_, asked)

    def _variable(
        self,
        wanted: ua.HistoryReadValueId,
        node: NodeData,
        timestamps: ua.TimestampsToReturn,
    ) -> tuple[Any, Shape]:
        if timestamps == ua.TimestampsToReturn.Neither:
            raise ServiceError(S.BadInvalidTimestampArgument)
        if timestamps == ua.TimestampsToReturn.Server:
            raise ServiceError(S.BadTimestampNotSupported)
        archive, access = self.archive, attribute(node, A.AccessLevel)
        past = archive.values_of(node.nodeid) if archive else None
        if past is None or access is None or not access & HISTORY:
            raise ServiceError(S.BadHistoryOperationUnsupported)
        if wanted.DataEncoding is not None and wanted.DataEncoding.Name:
            raise ServiceError(S.BadDataEncodingInvalid)  # none is a structure
        try:
            if wanted.IndexRange:
                parsed(wanted.IndexRange)
        except BadIndexRange as e:
            raise ServiceError(e.status) from e
        kind = self._types.encoding(attribute(node, A.DataType))
        return past, Shape(kind, wanted.IndexRange or "")


def _released(
    wanted: ua.HistoryReadValueId, points: HistoryPoints[tuple[ua.NodeId, Job]]
) -> ua.HistoryReadResult:
    held = points.take(wanted.ContinuationPoint or b"")
    code = S.BadContinuationPointInvalid if held is None else S.Good
    return ua.HistoryReadResult(StatusCode=ua_status(code))


def _fits(job: Job, is_event: bool) -> bool:
    return isinstance(job, PastEvents) == is_event
