"""An answer as a networkx graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import networkx as nx

from tracenode.models.answers import Edge, GenealogyAnswer, Node, PathAnswer
from tracenode.models.genealogy import EdgeQuality
from tracenode.models.quantities import Quantity

__all__ = ["attributes", "digraph"]

_SURE: Final = (
    EdgeQuality.Exact,
    EdgeQuality.Declared,
    EdgeQuality.Interval,
    EdgeQuality.Pooled,
)
"""How an edge is known, the surest first."""


def digraph(answer: GenealogyAnswer | PathAnswer) -> nx.DiGraph[str]:
    """Return an answer as a graph: nodes are public ids, edges lead from the input to the output.

    Node attributes are those of `answers.Node`: kind, material, state, on_hold, depth, first_seen,
    mark; a path has bare nodes. An edge stands for all records between its two items: `records` is
    the tuple of their `answers.Edge`s; `relation`, `position`, `station` and `record` are those of
    the first one; `quality` is the least sure one; `quantity` is the sum where all are known and
    have one unit, else None; `valid_from` is the earliest, `valid_to` the latest end,
    None where one is open. The graph's own attributes are root and statement.
    """
    graph: nx.DiGraph[str] = nx.DiGraph(root=answer.root, statement=answer.statement)
    # Filled as its own methods would fill them, which look at each node and edge several times.
    filled: Any = graph
    nodes, outputs, inputs = filled._node, filled._succ, filled._pred
    nodes.update(
        {item: {} for item in answer.items}
        if isinstance(answer, PathAnswer)
        else {node.item: _described(node) for node in answer.nodes}
    )
    for item in nodes:
        outputs[item], inputs[item] = {}, {}
    several: dict[tuple[str, str], list[Edge]] = {}
    for edge in answer.edges:
        into = inputs[edge.output]
        if edge.input in into:
            ends = (edge.input, edge.output)
            several.setdefault(ends, [*into[edge.input]["records"]]).append(edge)
        else:
            outputs[edge.input][edge.output] = into[edge.input] = _alone(edge)
    for (input_, output), records in several.items():
        inputs[output][input_].update(attributes(records))
    return graph


def _described(node: Node) -> dict[str, Any]:
    return {
        "kind": node.kind,
        "material": node.material,
        "state": node.state,
        "on_hold": node.on_hold,
        "depth": node.depth,
        "first_seen": node.first_seen,
        "mark": node.mark,
    }


def attributes(edges: Sequence[Edge]) -> dict[str, Any]:
    """Return the attributes of the edge that stands for all records between two items."""
    data = _alone(edges[0])
    if len(edges) > 1:
        ends = [edge.valid_to for edge in edges]
        closed = [end for end in ends if end is not None]
        data["quality"] = max((edge.quality for edge in edges), key=_SURE.index)
        data["quantity"] = _sum([edge.quantity for edge in edges])
        data["valid_from"] = min(edge.valid_from for edge in edges)
        data["valid_to"] = max(closed) if len(closed) == len(ends) else None
        data["records"] = tuple(edges)
    return data


def _alone(edge: Edge) -> dict[str, Any]:
    return {
        "relation": edge.relation,
        "quality": edge.quality,
        "quantity": edge.quantity,
        "position": edge.position,
        "station": edge.station,
        "valid_from": edge.valid_from,
        "valid_to": edge.valid_to,
        "record": edge.record,
        "records": (edge,),
    }


def _sum(quantities: list[Quantity | None]) -> Quantity | None:
    first, *others = quantities
    if first is None or not others:
        return first
    total = first.value
    for quantity in others:
        if quantity is None or quantity.unit != first.unit:
            return None
        total += quantity.value
    return Quantity.of(total, first.unit)
