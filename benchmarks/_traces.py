"""What the benchmarks of traces share: asking ours, clocking engines in turns, comparing graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks._rows import Report, clocked, percentile
from tracenode.models.answers import Ingredients
from tracenode.server.genealogy.edges.closure import reachable
from tracenode.server.genealogy.opening import opened
from tracenode.server.store.reading.snapshot import Connection, snapshot
from tracenode.server.store.schema import INF
from tracenode.server.store.writing.journal import from_microseconds

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Turns", "our_ids", "plain_graph", "sampled"]

T = TypeVar("T")


def our_ids(
    reader: Connection, public: str, *, up: bool = True, at: int | None = None
) -> list[int]:
    """Return the numbers of what went into an item (or where it is), with its own."""
    question = Ingredients(item=public, as_of=None if at is None else from_microseconds(at))
    with snapshot(reader) as reading:
        moment, root, _ = opened(reading, question)
        return reachable(reading, [root], moment, moment.point, up=up, limit=INF)


class Turns:
    """Times of engines that take turns, by engine."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    def ask(self, engine: str, call: Callable[..., T], *arguments: Any, **named: Any) -> T:
        took, found = clocked(call, *arguments, **named)
        self.times.setdefault(engine, []).append(took)
        return found

    def p(self, engine: str, share: float) -> float | None:
        return percentile(self.times[engine], share) if engine in self.times else None

    def rows(
        self,
        report: Report,
        name: str,
        targets: Mapping[str, str],
        peers: Mapping[str, str],
        ours: str = "ours",
    ) -> None:
        """Add p50 and p99 of ours beside each peer; `peers` names them by engine. Of few turns
        there is no p99."""
        for engine, called in peers.items():
            missing = called if engine not in self.times else ""
            for share in (0.5, 0.99) if len(self.times[ours]) >= 20 else (0.5,):
                mine = self.p(ours, share)
                assert mine is not None
                report.add(
                    f"{name} p{share * 100:.0f} vs {called}",
                    mine,
                    self.p(engine, share),
                    unit="us",
                    target=targets.get(engine) if share == 0.5 else None,
                    missing=missing,
                )


def sampled(items: Sequence[T], count: int) -> list[T]:
    """Return some items, evenly spread; the last ones are left out: they may be unfinished."""
    step = max(1, len(items) * 9 // 10 // count)
    return list(items[::step][:count])


def plain_graph(found: nx.DiGraph[str]) -> tuple[object, object]:
    """Return nodes and edges, each with all of its attributes."""
    edges = {(input_, output): data for input_, output, data in found.edges(data=True)}
    return {item: found.nodes[item] for item in found}, edges
