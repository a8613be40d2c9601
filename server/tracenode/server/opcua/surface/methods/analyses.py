"""The methods of Queries about many items: causes, balances, windows, coverage, impact."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from tracenode.models.analysis import (
    BomComparison,
    CauseAnswer,
    CauseKind,
    CommonCause,
    CompareToBom,
    Coverage,
    CoverageAnswer,
    FindItems,
    FoundItems,
    Impact,
    ImpactAnswer,
    MassBalance,
    MassBalanceAnswer,
    TimeWindow,
    WindowAnswer,
)
from tracenode.models.answers import Asked
from tracenode.models.items import ItemState
from tracenode.models.quantities import Quantity
from tracenode.server.opcua.methods.gateway import CallContext, Handler
from tracenode.server.opcua.surface.methods.booking import reference, required
from tracenode.server.opcua.surface.methods.limits import MAX_FOUND, MAX_ITEMS, limited
from tracenode.server.opcua.surface.structures import item_structure

__all__ = ["AnalysisMethods"]


class AnalysisMethods:
    """The handlers of the methods that compare and count. `ask` answers within the time limit."""

    def __init__(self, ask: Callable[[Asked], Awaitable[Any]]) -> None:
        self._ask = ask

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        return {
            "FindItems": self.find_items,
            "CommonOrigins": self.common_origins,
            "CommonCauses": self.common_causes,
            "MassBalance": self.mass_balance,
            "TimeWindow": self.time_window,
            "CompareToBom": self.compare_to_bom,
            "Coverage": self.coverage,
            "Impact": self.impact,
        }

    # -------------------------------------------------------------- search
    async def find_items(
        self,
        call: CallContext,
        *,
        text: str | None,
        material_id: str | None,
        lot_id: str | None,
        order_id: str | None,
        station_id: str | None,
        state: int | None,
        from_: datetime | None,
        to: datetime | None,
        as_known_at: int | None,
        offset: int | None,
        max_items: int | None,
    ) -> dict[str, object]:
        answer: FoundItems = await self._ask(
            FindItems(
                text=text or "",
                material=material_id or "",
                made_from=reference(lot_id) if lot_id else "",
                order=order_id or "",
                station=station_id or "",
                state=None if state is None or state < 0 else ItemState(state),
                since=from_,
                until=to,
                as_known_at=as_known_at or None,
                offset=offset or 0,
                limit=limited(max_items, MAX_FOUND),
            )
        )
        following = answer.offset + len(answer.items)
        return {
            "items": [item_structure(view) for view in answer.items],
            "total": answer.total,
            "truncated": answer.statement.truncated or following < answer.total,
            "as_known_at": answer.statement.as_known_at,
        }

    # -------------------------------------------------------------- causes
    async def common_origins(
        self,
        call: CallContext,
        *,
        item_ids: tuple[str, ...],
        max_depth: int | None,
        max_items: int | None,
    ) -> dict[str, object]:
        """The ingredients among the common causes."""
        answer: CauseAnswer = await self._ask(
            CommonCause(
                failed=tuple(map(reference, item_ids)),
                max_depth=max_depth or None,
                limit=MAX_ITEMS,
            )
        )
        shared = [cause for cause in answer.causes if cause.kind is CauseKind.Item]
        shown = shared[: limited(max_items, MAX_ITEMS)]
        return {
            "origin_ids": [cause.value for cause in shown],
            "hit_counts": [cause.failed for cause in shown],
            "lift": [_number(cause.lift) for cause in shown],
        }

    async def common_causes(
        self,
        call: CallContext,
        *,
        failed_item_ids: tuple[str, ...],
        passed_item_ids: tuple[str, ...],
        as_known_at: int | None,
        max_items: int | None,
    ) -> dict[str, object]:
        answer: CauseAnswer = await self._ask(
            CommonCause(
                failed=tuple(map(reference, failed_item_ids)),
                passed=tuple(map(reference, passed_item_ids)),
                as_known_at=as_known_at or None,
                limit=limited(max_items, MAX_ITEMS),
            )
        )
        causes = answer.causes
        return {
            "kinds": [int(cause.kind) for cause in causes],
            "values": [cause.value for cause in causes],
            "failed_counts": [cause.failed for cause in causes],
            "passed_counts": [cause.passed for cause in causes],
            "lift": [_number(cause.lift) for cause in causes],
            "p_values": [_number(cause.p) for cause in causes],
            "q_values": [_number(cause.q) for cause in causes],
            "tested": answer.tested,
            "truncated": answer.statement.truncated or len(causes) < answer.tested,
        }

    # -------------------------------------------------------------- quantities
    async def mass_balance(
        self,
        call: CallContext,
        *,
        lot_id: str | None,
        as_of: datetime | None,
        as_known_at: int | None,
    ) -> dict[str, object]:
        answer: MassBalanceAnswer = await self._ask(
            MassBalance(item=reference(lot_id), as_of=as_of, as_known_at=as_known_at or None)
        )
        found = answer.balance
        made = math.fsum((_amount(found.produced), _amount(found.filled)))
        return {
            "received": _amount(found.received),
            "produced": made,
            "consumed": _amount(found.consumed),
            "scrapped": _amount(found.scrapped),
            "shipped": _amount(found.shipped),
            "corrected": _amount(found.corrected),
            "balance": _amount(found.balance),
            "unit_of_measure": found.unit,
        }

    async def compare_to_bom(
        self,
        call: CallContext,
        *,
        item_id: str | None,
        as_of: datetime | None,
        as_known_at: int | None,
    ) -> dict[str, object]:
        answer: BomComparison = await self._ask(
            CompareToBom(item=reference(item_id), as_of=as_of, as_known_at=as_known_at or None)
        )
        lines = answer.lines
        return {
            "positions": [line.position for line in lines],
            "material_ids": [line.material for line in lines],
            "expected_quantities": [_amount(line.expected) for line in lines],
            "found_quantities": [_amount(line.found) for line in lines],
            "complete": answer.matches,
        }

    # -------------------------------------------------------------- stations
    async def time_window(
        self,
        call: CallContext,
        *,
        station_id: str | None,
        from_: datetime | None,
        to: datetime | None,
        offset: int | None,
        max_items: int | None,
    ) -> dict[str, object]:
        answer: WindowAnswer = await self._ask(
            TimeWindow(
                station=required(station_id, "StationId", "a station"),
                since=from_,
                until=to,
                offset=offset or 0,
                limit=limited(max_items, MAX_ITEMS),
            )
        )
        visits = answer.visits
        return {
            "item_ids": [visit.item for visit in visits],
            "material_ids": [visit.material for visit in visits],
            "started_at": [visit.started for visit in visits],
            "ended_at": [visit.ended for visit in visits],
            "total": answer.total,
        }

    async def coverage(
        self,
        call: CallContext,
        *,
        station_id: str | None,
        from_: datetime | None,
        to: datetime | None,
    ) -> dict[str, object]:
        station = required(station_id, "StationId", "a station")
        answer: CoverageAnswer = await self._ask(
            Coverage(stations=(station,), since=from_, until=to)
        )
        return {
            "items_seen": answer.seen,
            "items_complete": answer.complete,
            "placeholders": answer.placeholders,
            "gaps": answer.gaps,
        }

    # -------------------------------------------------------------- impact
    async def impact(
        self,
        call: CallContext,
        *,
        item_id: str | None,
        as_of: datetime | None,
        as_known_at: int | None,
    ) -> dict[str, object]:
        answer: ImpactAnswer = await self._ask(
            Impact(item=reference(item_id), as_of=as_of, as_known_at=as_known_at or None)
        )
        materials = sorted({line.material for line in answer.lines})
        counted = {(line.material, line.state): line.items for line in answer.lines}

        def column(*states: ItemState) -> list[int]:
            return [
                sum(counted.get((material, state), 0) for state in states) for material in materials
            ]

        return {
            "material_ids": materials,
            "in_process": column(ItemState.Registered, ItemState.InProcess, ItemState.Consumed),
            "completed": column(ItemState.Completed),
            "scrapped": column(ItemState.Scrapped),
            "shipped": column(ItemState.Shipped),
        }


def _number(value: Decimal | None) -> float:
    return math.nan if value is None else float(value)


def _amount(quantity: Quantity | None) -> float:
    return math.nan if quantity is None else float(quantity)
