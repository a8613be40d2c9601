"""The genealogy: questions to the store and their answers, as data and as networkx graphs.

Rooms:

- `questions`   `answer`: one question, one read transaction, one answer
- `digraph`     `graph`: the same as `networkx.DiGraph`
- `lazy_graph`  the whole store as a `networkx.DiGraph` that reads what it is asked for
- `moment`      as of when, knowing what
- `opening`     the item of a question and its moment, by one statement
- `edges`       which edges count at a moment, and the paths over them
- `items`       what is known of items, and how it is told
- `amounts`     totals, shares, accounts and balances
- `answers`     one kind of answer about one item each
- `analysis`    questions that compare and count many items
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracenode.models.answers import Ingredients, PathBetween, WhereUsed
from tracenode.server.genealogy.questions import answer

if TYPE_CHECKING:
    import networkx as nx

    from tracenode.server.store.reading.snapshot import Connection

__all__ = ["answer", "graph"]


def graph(
    connection: Connection, question: Ingredients | WhereUsed | PathBetween
) -> nx.DiGraph[str]:
    """Return the answer to a question as a graph; see `digraph.digraph`.

    networkx is imported with the first call: it takes a tenth of a second.
    """
    from tracenode.server.genealogy.digraph import digraph

    if isinstance(question, PathBetween):
        return digraph(answer(connection, question))
    return digraph(answer(connection, question))
