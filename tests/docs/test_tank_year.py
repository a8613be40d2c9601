"""The year of days in docs/tank-example.md, booked: what a recall of one truck has in it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from tests.docs.pages import page
from tracenode.models.answers import RecallScope
from tracenode.models.events import parse_event
from tracenode.models.receipts import Requester
from tracenode.server.trace import Trace

pytestmark = pytest.mark.integration

DAYS, PACKS, BAD = 365, 50, 183


def year(trace: Trace) -> nx.DiGraph[str]:
    """Book a truck of 40 t and 50 packs of 800 kg on each day; return what went into what."""

    def book(type_: str, **fields: Any) -> None:
        receipt = trace.record_now(parse_event({"type": type_, **fields}), Requester("doc"))
        assert not receipt.refused, receipt.text

    for material, kind in {"FLOUR": "lot", "PACK": "unit", "SILO": "container"}.items():
        book("master", kind="material", key=material, data={"kind": kind})
    for silo, tons in {"S": "60 t", "D": "20 t"}.items():
        book("register", item=silo, material="SILO")
        book("receive", item=f"OLD-{silo}", material="FLOUR", quantity=tons)
        book("fill", container=silo, lot=f"OLD-{silo}", quantity=tons)
    plain: nx.DiGraph[str] = nx.DiGraph([("S", "D")])
    each = range(PACKS)
    for day in range(1, DAYS + 1):
        truck, packs = f"T{day:03}", [f"P{day:03}-{number:02}" for number in each]
        book("receive", item=truck, material="FLOUR", quantity="40 t")
        book("fill", container="S", lot=truck, quantity="40 t")
        book("transfer", source="S", target="D", quantity="40 t")
        book(
            "transform",
            inputs=[{"item": "D", "quantity": "40 t"}],
            outputs=[{"item": pack, "material": "PACK"} for pack in packs],
            map=[{"output": number, "input": 0, "quantity": "800 kg"} for number in each],
        )
        plain.add_edge(truck, "S")
        plain.add_edges_from(("D", pack) for pack in packs)
    return plain


def test_a_truck_of_a_year_recalls_the_packs_that_time_allows(tmp_path: Path) -> None:
    with Trace.open(tmp_path / "mill.db", site="MILL", create=True) as trace:
        plain = year(trace)
        recall = trace.ask_now(RecallScope(item=f"T{BAD}", limit=DAYS * PACKS))
    everything = sum(item.startswith("P") for item in nx.descendants(plain, f"T{BAD}"))
    shares = [hit.share for hit in recall.hits]
    found = (
        everything,
        recall.end_items,
        sum(share > Decimal("0.01") for share in shares),
        sum(share > Decimal("0.0001") for share in shares),
    )
    assert found == (DAYS * PACKS, (DAYS - BAD + 1) * PACKS, 450, 900)
    told = " ".join(page("docs/tank-example.md").split())
    assert f"{found[0]:,} in all" in told
    assert (
        f"of the truck of day {BAD}, plain reachability recalls all {found[0]:,} packs, tracenode"
        f" {found[1]:,}, and in {found[2]} of these it is more than 1 %, in {found[3]} more than"
        " 0.01 %" in told
    )
