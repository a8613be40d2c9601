"""The methods of Queries: questions to the genealogy, answered in arrays or structures."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

from tracenode.models.answers import (
    Asked,
    GenealogyAnswer,
    HistoryAnswer,
    Ingredients,
    ItemAnswer,
    ItemDetail,
    ItemHistory,
    PathAnswer,
    PathBetween,
    RecallHit,
    RecallScope,
    WhereUsed,
)
from tracenode.models.errors import MalformedRequest
from tracenode.models.genealogy import Direction
from tracenode.models.receipts import Record
from tracenode.server.answering.held import Page
from tracenode.server.opcua.methods.gateway import CallContext, Handler
from tracenode.server.opcua.surface.methods.analyses import AnalysisMethods
from tracenode.server.opcua.surface.methods.booking import reference
from tracenode.server.opcua.surface.methods.limits import (
    MAX_DETAILS,
    MAX_ITEMS,
    MAX_NODES,
    MAX_PAGE,
    MAX_RECALLED,
    MAX_RECORDS,
    QUESTION_TIME,
    limited,
)
from tracenode.server.opcua.surface.structures import (
    genealogy_structure,
    item_structure,
    record_structure,
)
from tracenode.server.store.reading.catalogue import records_at, sequences_of
from tracenode.server.trace import Trace

__all__ = ["QUERY_BOUNDS", "QueryMethods"]

Q = TypeVar("Q", bound=Asked)

QUERY_BOUNDS: Final = {"Direction": (0, 2), "MinShare": (0.0, 1.0), "State": (-1, 6)}
"""Least and greatest number of arguments that are enumerations or fractions."""


class QueryMethods:
    """The handlers of TraceQueryType's methods."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        return {
            "GetItem": self.get_item,
            "TraceIngredients": self.trace_ingredients,
            "TraceWhereUsed": self.trace_where_used,
            "QueryGenealogy": self.query_genealogy,
            "AffectedItems": self.affected_items,
            "RecallScope": self.recall_scope,
            "FetchPage": self.fetch_page,
            "FetchDetails": self.fetch_details,
            "ReleaseResult": self.release_result,
            "PathBetween": self.path_between,
            "GetHistory": self.get_history,
            "GetRecords": self.get_records,
            **AnalysisMethods(self._ask).handlers,
        }

    # -------------------------------------------------------------- one item
    async def get_item(self, call: CallContext, *, item_id: str | None) -> dict[str, object]:
        answer: ItemAnswer = await self._ask(ItemDetail(item=reference(item_id)))
        return {"item": item_structure(answer.view)}

    async def get_history(
        self,
        call: CallContext,
        *,
        item_id: str | None,
        offset: int | None,
        max_records: int | None,
    ) -> dict[str, object]:
        answer = await self._history(item_id, offset, limited(max_records, MAX_ITEMS))
        entries = answer.entries
        return {
            "event_sequences": [entry.sequence for entry in entries],
            "event_times": [entry.at for entry in entries],
            "event_types": [entry.type for entry in entries],
            "station_ids": [entry.station for entry in entries],
            "texts": [entry.text for entry in entries],
            "total": answer.total,
        }

    async def get_records(
        self,
        call: CallContext,
        *,
        item_id: str | None,
        offset: int | None,
        max_records: int | None,
    ) -> dict[str, object]:
        answer = await self._history(item_id, offset, limited(max_records, MAX_RECORDS))
        positions = [entry.position for entry in answer.entries]
        records: list[Record] = await self._trace.store.readers.run(
            lambda connection: records_at(connection, positions)
        )
        return {"records": [record_structure(record) for record in records], "total": answer.total}

    async def _history(self, item_id: str | None, offset: int | None, limit: int) -> HistoryAnswer:
        question = ItemHistory(item=reference(item_id), offset=offset or 0, limit=limit)
        answer: HistoryAnswer = await self._ask(question)
        return answer

    # -------------------------------------------------------------- trees
    async def trace_ingredients(
        self,
        call: CallContext,
        *,
        item_id: str | None,
        max_depth: int | None,
        max_items: int | None,
    ) -> dict[str, object]:
        limit = limited(max_items, MAX_ITEMS)
        question = Ingredients(
            item=reference(item_id), max_depth=max_depth or None, max_nodes=limit
        )
        return _tree(await self._ask(question), limit)

    async def trace_where_used(
        self,
        call: CallContext,
        *,
        item_id: str | None,
        max_depth: int | None,
        max_items: int | None,
    ) -> dict[str, object]:
        limit = limited(max_items, MAX_ITEMS)
        question = WhereUsed(item=reference(item_id), max_depth=max_depth or None, max_nodes=limit)
        return _tree(await self._ask(question), limit)

    async def query_genealogy(
        self,
        call: CallContext,
        *,
        item_id: str | None,
        direction: int | None,
        as_of: datetime | None,
        as_known_at: int | None,
        min_share: float | None,
        max_depth: int | None,
        max_nodes: int | None,
    ) -> dict[str, object]:
        limit = limited(max_nodes, MAX_NODES)
        given: dict[str, Any] = {
            "item": reference(item_id),
            "as_of": as_of,
            "as_known_at": as_known_at or None,
            "max_depth": max_depth or None,
            "max_nodes": limit,
        }
        match Direction(direction or 0):
            case Direction.Ingredients if min_share:
                raise MalformedRequest("MinShare", "0 with Direction 0", str(min_share))
            case Direction.Ingredients:
                answer: GenealogyAnswer = await self._ask(Ingredients(**given))
            case Direction.WhereUsed:
                least = Decimal(repr(min_share)) if min_share else None
                answer = await self._ask(WhereUsed(**given, min_share=least))
            case Direction.Both:
                raise MalformedRequest("Direction", "0 Ingredients or 1 WhereUsed", "2 Both")
        positions = [edge.record for edge in answer.edges]
        sequences: dict[int, int] = await self._trace.store.readers.run(
            lambda connection: sequences_of(connection, positions)
        )
        return {"result": genealogy_structure(answer, limit, sequences)}

    # -------------------------------------------------------------- recall
    async def affected_items(
        self,
        call: CallContext,
        *,
        item_ids: tuple[str, ...],
        as_of: datetime | None,
        as_known_at: int | None,
        max_items: int | None,
    ) -> dict[str, object]:
        """What any of the suspects went into; asked about one state of the journal."""
        known = as_known_at or self._trace.head.seq
        truncated = False
        depths: dict[str, int] = {}
        suspects: set[str] = set()
        for text in item_ids:
            answer: GenealogyAnswer = await self._ask(
                WhereUsed(item=reference(text), as_of=as_of, as_known_at=known)
            )
            truncated |= answer.statement.truncated
            suspects.add(answer.root)
            for node in answer.nodes:
                depths[node.item] = min(node.depth, depths.get(node.item, node.depth))
        affected = [item for item in depths if item not in suspects]
        affected.sort(key=lambda item: (depths[item], item))
        shown = affected[: limited(max_items, MAX_DETAILS)]
        views = [
            await self._ask(ItemDetail(item=item, as_of=as_of, as_known_at=known)) for item in shown
        ]
        return {
            "items": [item_structure(found.view) for found in views],
            "total": len(affected),
            "truncated": truncated or len(shown) < len(affected),
        }

    async def recall_scope(
        self,
        call: CallContext,
        *,
        item_id: str | None,
        as_of: datetime | None,
        as_known_at: int | None,
        max_items: int | None,
    ) -> dict[str, object]:
        """Counts, and the first page; what is more is held for FetchPage."""
        question = RecallScope(
            item=reference(item_id),
            as_of=as_of,
            as_known_at=as_known_at or None,
            limit=MAX_RECALLED if max_items else 0,
            max_nodes=MAX_RECALLED,
        )
        found = await self._trace.recall(_in_time(question), min(max_items or 0, MAX_PAGE))
        answer = found.answer
        return {
            **_columns(answer.hits),
            "total_affected": answer.affected,
            "complete": answer.statement.complete and found.total == answer.end_items,
            "result_id": found.name,
        }

    async def fetch_page(
        self,
        call: CallContext,
        *,
        result_id: str | None,
        offset: int | None,
        max_items: int | None,
    ) -> dict[str, object]:
        hits, total = await self._page(result_id, offset, max_items)
        return {**_columns(hits), "total": total}

    async def fetch_details(
        self,
        call: CallContext,
        *,
        result_id: str | None,
        offset: int | None,
        max_items: int | None,
    ) -> dict[str, object]:
        hits, _ = await self._page(result_id, offset, max_items)
        return {
            "states": [int(hit.state) for hit in hits],
            "shares": [math.nan if hit.share is None else float(hit.share) for hit in hits],
            "pooled": [hit.pooled for hit in hits],
            "reasons": [" > ".join(hit.reason) for hit in hits],
        }

    def _page(
        self, result_id: str | None, offset: int | None, max_items: int | None
    ) -> Awaitable[Page]:
        return self._trace.page(result_id or "", offset or 0, limited(max_items, MAX_PAGE))

    async def release_result(
        self, call: CallContext, *, result_id: str | None
    ) -> dict[str, object]:
        await self._trace.release(result_id or "")
        return {}

    async def path_between(
        self, call: CallContext, *, from_item_id: str | None, to_item_id: str | None
    ) -> dict[str, object]:
        answer: PathAnswer = await self._ask(
            PathBetween(item=reference(from_item_id), into=reference(to_item_id))
        )
        return {
            "item_ids": list(answer.items),
            "relations": [int(edge.relation) for edge in answer.edges],
        }

    # -------------------------------------------------------------- shared
    def _ask(self, question: Asked) -> Awaitable[Any]:
        return self._trace.ask(_in_time(question))


def _columns(hits: Sequence[RecallHit]) -> dict[str, object]:
    return {
        "item_ids": [hit.item for hit in hits],
        "material_ids": [hit.material for hit in hits],
        "marks": [int(hit.mark) for hit in hits],
        "depths": [hit.depth for hit in hits],
    }


def _in_time(question: Q) -> Q:
    return replace(question, deadline_s=min(question.deadline_s, QUESTION_TIME))


def _tree(answer: GenealogyAnswer, limit: int) -> dict[str, object]:
    """Return parallel arrays; the parent of an item is the first one a step nearer to the root."""
    nodes = answer.nodes[:limit]
    index = {node.item: place for place, node in enumerate(nodes)}
    inward = answer.direction is Direction.Ingredients
    parents = [-1] * len(nodes)
    for edge in answer.edges:
        nearer, farther = (edge.output, edge.input) if inward else (edge.input, edge.output)
        place, above = index.get(farther), index.get(nearer)
        if place is None or above is None or nodes[above].depth != nodes[place].depth - 1:
            continue
        if parents[place] < 0 or above < parents[place]:
            parents[place] = above
    return {
        "item_ids": [node.item for node in nodes],
        "material_ids": [node.material for node in nodes],
        "parent_indexes": parents,
        "depths": [node.depth for node in nodes],
        "truncated": answer.statement.truncated or len(nodes) < len(answer.nodes),
    }
