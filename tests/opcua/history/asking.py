"""HistoryRead as a client sends it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.status_codes import StatusCodes

from tests.opcua.surface.hearing import FIELDS, _operand

__all__ = ["ask", "code", "events", "raw", "selecting", "values"]

NONE = ua.get_win_epoch()


def raw(
    start: datetime | None = None,
    end: datetime | None = None,
    count: int = 0,
    *,
    bounds: bool = False,
    modified: bool = False,
) -> ua.ReadRawModifiedDetails:
    details = ua.ReadRawModifiedDetails()
    details.IsReadModified = modified
    details.StartTime, details.EndTime = start or NONE, end or NONE
    details.NumValuesPerNode, details.ReturnBounds = count, bounds
    return details


def selecting(*names: str, where: ua.ContentFilter | None = None) -> ua.EventFilter:
    clauses = [_operand(name) for name in names or FIELDS]
    return ua.EventFilter(SelectClauses=clauses, WhereClause=where or ua.ContentFilter())


def events(
    start: datetime | None = None,
    end: datetime | None = None,
    count: int = 0,
    *,
    wanted: ua.EventFilter | None = None,
) -> ua.ReadEventDetails:
    details = ua.ReadEventDetails()
    details.StartTime, details.EndTime = start or NONE, end or NONE
    details.NumValuesPerNode = count
    details.Filter = wanted or selecting()
    return details


async def ask(
    client: Client,
    node_id: ua.NodeId,
    details: Any,
    *,
    point: bytes | None = None,
    release: bool = False,
    timestamps: ua.TimestampsToReturn = ua.TimestampsToReturn.Source,
    index_range: str = "",
    encoding: str = "",
) -> ua.HistoryReadResult:
    """Read one node's history, whatever the result."""
    wanted = ua.HistoryReadValueId(NodeId=node_id, IndexRange=index_range, ContinuationPoint=point)
    wanted.DataEncoding = ua.QualifiedName(encoding)
    params = ua.HistoryReadParameters()
    params.HistoryReadDetails = details
    params.TimestampsToReturn = timestamps
    params.ReleaseContinuationPoints = release
    params.NodesToRead = [wanted]
    (result,) = await client.uaclient.history_read(params)
    return result


def code(result: ua.HistoryReadResult) -> int:
    return int(result.StatusCode.value)


def values(result: ua.HistoryReadResult) -> list[tuple[datetime | None, Any]]:
    """Return time and value of each, or its status where that is not Good."""
    history: Any = result.HistoryData
    return [
        (
            one.SourceTimestamp,
            one.Value.Value if one.StatusCode.value == StatusCodes.Good else one.StatusCode.name,
        )
        for one in history.DataValues
    ]
