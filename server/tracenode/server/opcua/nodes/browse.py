"""Browse in pages and follow browse paths, over real and virtual references alike."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.address_space import NodeData, ViewService
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.limits import Limits, check_operations
from tracenode.server.opcua.nodes.space import TraceAddressSpace
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.nodes.virtual import Listing

__all__ = ["ContinuationPoints", "TraceView"]

S = StatusCodes

END = ua.Index(0xFFFFFFFF)
"""RemainingPathIndex of a path that was followed to its end (OPC 10000-4 5.9.4)."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a Browse stopped: in the references held, or in the listings after them."""

    description: ua.BrowseDescription
    limit: int
    mask: int
    held: Sequence[ua.ReferenceDescription]
    position: int = 0
    listing: int = 0
    after: str | None = None


class ContinuationPoints:
    """The continuation points of one session (OPC 10000-4 7.9); older ones make room for newer."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._points: OrderedDict[bytes, Cursor] = OrderedDict()

    def keep(self, cursor: Cursor, given: set[bytes]) -> bytes | None:
        """Return a new point, or None where this request has used up all there are.

        `given` are the points that the request got so far; those of other requests make room.
        """
        if len(self._points) >= self._limit:
            oldest = next(iter(self._points))
            if oldest in given:
                return None
            del self._points[oldest]
        point = secrets.token_bytes(16)
        self._points[point] = cursor
        given.add(point)
        return point

    def take(self, point: bytes | None) -> Cursor | None:
        """Return and forget the cursor of a point."""
        return self._points.pop(bytes(point or b""), None)


class TraceView(ViewService):
    """asyncua's view service with paging, result masks and virtual references."""

    def __init__(self, space: TraceAddressSpace, types: TypeTree, limits: Limits) -> None:
        super().__init__(space)
        self._space = space
        self._types = types
        self._limits = limits

    # ------------------------------------------------------------------ Browse
    async def browse_page(
        self, params: ua.BrowseParameters, points: ContinuationPoints
    ) -> list[ua.BrowseResult]:
        """Answer a Browse; between its nodes others have their turn.

        Raises:
            ServiceError: BadNothingToDo, BadTooManyOperations, BadViewIdUnknown.
        """
        nodes = params.NodesToBrowse
        check_operations(nodes, self._limits.nodes_per_browse)
        if params.View is not None and not params.View.ViewId.is_null():
            raise ServiceError(S.BadViewIdUnknown)
        page = self._limits.references_per_node
        limit = min(params.RequestedMaxReferencesPerNode or page, page)
        room = self._limits.references_per_answer
        given: set[bytes] = set()
        results = []
        for description in nodes:
            result = self._first(description, max(1, min(limit, room)), points, given)
            room -= len(result.References)
            results.append(result)
            await asyncio.sleep(0)
        return results

    async def browse_more(
        self, params: ua.BrowseNextParameters, points: ContinuationPoints
    ) -> list[ua.BrowseResult]:
        """Answer a BrowseNext; each point is good once."""
        check_operations(params.ContinuationPoints, self._limits.nodes_per_browse)
        given: set[bytes] = set()
        results = []
        for point in params.ContinuationPoints:
            cursor = points.take(point)
            if cursor is None:
                results.append(_failed(S.BadContinuationPointInvalid))
            elif params.ReleaseContinuationPoints:
                results.append(ua.BrowseResult())
            else:
                results.append(self._result(cursor, points, given))
            await asyncio.sleep(0)
        return results

    def _first(
        self,
        description: ua.BrowseDescription,
        limit: int,
        points: ContinuationPoints,
        given: set[bytes],
    ) -> ua.BrowseResult:
        node = self._space.get(description.NodeId)
        if node is None:
            return _failed(S.BadNodeIdUnknown)
        asked = description.ReferenceTypeId
        if not asked.is_null() and not self._types.exists(asked):
            return _failed(S.BadReferenceTypeIdInvalid)
        if description.BrowseDirection not in (0, 1, 2):
            return _failed(S.BadBrowseDirectionInvalid)
        held = [link for link in node.references if self._is_suitable_ref(description, link)]
        cursor = Cursor(description, limit, description.ResultMask, held)
        return self._result(cursor, points, given)

    def _result(
        self, cursor: Cursor, points: ContinuationPoints, given: set[bytes]
    ) -> ua.BrowseResult:
        references, rest = self._page(cursor)
        result = ua.BrowseResult(References=[_masked(r, cursor.mask) for r in references])
        if rest is not None:
            point = points.keep(rest, given)
            if point is None:
                return _failed(S.BadNoContinuationPoints)
            result.ContinuationPoint = point
        return result

    def _page(self, cursor: Cursor) -> tuple[list[ua.ReferenceDescription], Cursor | None]:
        end = cursor.position + cursor.limit
        page = list(cursor.held[cursor.position : end])
        position = min(end, len(cursor.held))
        index, after = cursor.listing, cursor.after
        listings = self._listings(cursor.description)
        if len(page) < cursor.limit:
            while index < len(listings) and len(page) < cursor.limit:
                part = listings[index].page(after, cursor.limit - len(page))
                page.extend(part.references)
                after = part.next
                if after is None:
                    index += 1
        if position == len(cursor.held) and index >= len(listings):
            return page, None
        if position == len(cursor.held) and after is None and len(page) == cursor.limit:
            # nothing of listing `index` was read yet: look ahead, lest an empty page is promised
            while index < len(listings) and not listings[index].page(None, 1).references:
                index += 1
            if index >= len(listings):
                return page, None
        held = cursor.held if position < len(cursor.held) else ()
        position = position if held else 0
        rest = Cursor(cursor.description, cursor.limit, cursor.mask, held, position, index, after)
        return page, rest

    def _listings(self, description: ua.BrowseDescription) -> list[Listing]:
        return [
            listing
            for listing in self._space.virtual.listings(description.NodeId)
            if self._suitable_direction(description.BrowseDirection, listing.forward)
            and self._suitable_reftype(
                description.ReferenceTypeId, listing.reference_type, description.IncludeSubtypes
            )
            and (not description.NodeClassMask or description.NodeClassMask & listing.node_class)
        ]

    def _suitable_reftype(self, ref1: ua.NodeId, ref2: ua.NodeId, subtypes: bool) -> bool:
        if ref1.is_null() or ref1 == ref2:
            return True
        return subtypes and ref2 in self._types.subtypes(ref1)

    # ------------------------------------------------------------------ browse paths
    async def translate(self, paths: Sequence[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        """Follow browse paths, through listings too; between them others have their turn."""
        check_operations(paths, self._limits.paths_per_translate)
        results = []
        for path in paths:
            results.append(self._translate(path))
            await asyncio.sleep(0)
        return results

    def translate_browsepaths_to_nodeids(
        self, browsepaths: list[ua.BrowsePath]
    ) -> list[ua.BrowsePathResult]:
        """Follow browse paths, for what runs inside the server."""
        return [self._translate(path) for path in browsepaths]

    def _translate(self, path: ua.BrowsePath) -> ua.BrowsePathResult:
        elements = path.RelativePath.Elements
        if not elements:
            return _no_path(S.BadNothingToDo)
        if len(elements) > self._limits.path_elements:
            return _no_path(S.BadQueryTooComplex)
        if any(not element.TargetName or not element.TargetName.Name for element in elements):
            return _no_path(S.BadBrowseNameInvalid)
        if path.StartingNode not in self._space:
            return _no_path(S.BadNodeIdUnknown)
        reached = [path.StartingNode]
        for element in elements:
            steps = (target for node_id in reached for target in self._step(node_id, element))
            reached = list(dict.fromkeys(islice(steps, self._limits.path_targets + 1)))
            if len(reached) > self._limits.path_targets:
                return _no_path(S.BadTooManyMatches)
        if not reached:
            return _no_path(S.BadNoMatch)
        targets = [ua.BrowsePathTarget(TargetId=n, RemainingPathIndex=END) for n in reached]
        return ua.BrowsePathResult(Targets=targets)

    def _step(self, node_id: ua.NodeId, element: ua.RelativePathElement) -> Iterator[ua.NodeId]:
        node: NodeData | None = self._space.get(node_id)
        if node is None:
            return
        forward, asked = not element.IsInverse, element.ReferenceTypeId
        seen: set[ua.NodeId] = set()
        for link in node.references:
            if (
                link.BrowseName == element.TargetName
                and link.IsForward == forward
                and link.NodeId not in seen
                and self._suitable_reftype(
                    asked, link.ReferenceTypeId, bool(element.IncludeSubtypes)
                )
            ):
                seen.add(link.NodeId)
                yield link.NodeId
        for listing in self._space.virtual.listings(node_id):
            if listing.forward == forward and self._suitable_reftype(
                asked, listing.reference_type, bool(element.IncludeSubtypes)
            ):
                found = listing.find(element.TargetName)
                if found is not None and found.NodeId not in seen:
                    seen.add(found.NodeId)
                    yield found.NodeId


def _masked(link: ua.ReferenceDescription, mask: int) -> ua.ReferenceDescription:
    """Leave out the fields that the ResultMask does not ask for (OPC 10000-4 5.9.2)."""
    m = ua.BrowseResultMask
    if mask & m.All == m.All:
        return link
    short = ua.ReferenceDescription(NodeId=link.NodeId, IsForward=False)
    if mask & m.ReferenceTypeId:
        short.ReferenceTypeId = link.ReferenceTypeId
    if mask & m.IsForward:
        short.IsForward = link.IsForward
    if mask & m.NodeClass:
        short.NodeClass = link.NodeClass
    if mask & m.BrowseName:
        short.BrowseName = link.BrowseName
    if mask & m.DisplayName:
        short.DisplayName = link.DisplayName
    if mask & m.TypeDefinition:
        short.TypeDefinition = link.TypeDefinition
    return short


def _failed(code: int) -> ua.BrowseResult:
    return ua.BrowseResult(StatusCode=ua_status(code))


def _no_path(code: int) -> ua.BrowsePathResult:
    return ua.BrowsePathResult(StatusCode=ua_status(code))
