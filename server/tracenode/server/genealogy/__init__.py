"""The genealogy: questions to the store and their answers, as data and as networkx graphs.

Rooms:

- `questions`   `answer`: one question, one read transaction, one answer
- `digraph`     `graph`: the same as `networkx.DiGraph`
- `lazy_graph`  the whole store as a `networkx.DiGraph` that reads what it is asked for
- `moment`      as of when, knowing what
- `believed`, `arms`  SQL for what is believed at a moment; edges of tables and of mounts
- `closure`     recursive closure and the edges it met, as SQL
- `walk`        depths, paths and limits over edges in memory
- `search`      closure and walk together, within node budget and deadline
- `contents`    what a lot or container holds, and at which of it a question begins
- `facts`       identity, state, receipts of many items at once
- `holds`, `placeholders`, `placements`  what is on hold; stand-ins; where an item is installed
- `ends`        where a trace ends, and what became of a hit
- `rendering`, `narrative`, `making`  rows as nodes and edges of an answer; a record in words
- `lineage`, `recall`, `path`, `history`, `detail`  one kind of answer each
- `balance`, `account`  where the quantity of a lot went, added up from its records
- `shares`, `totals`  the fraction of an item that comes from a suspect; what went into items
- `census`      counting where an item went, in SQLite
- `causes`, `window`, `bom`, `coverage`, `impact`  questions about many items
- `traits`, `controls`, `significance`  of `causes`: what units have, with whom they are compared
- `visits`, `crossed`  operations at stations; pooled edges and placeholders that were crossed
- `issued`      answers as reports, and whether they would be given again
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracenode.models.answers import Ingredients, PathBetween, WhereUsed
from tracenode.server.genealogy.questions import answer

if TYPE_CHECKING:
    import networkx as nx

    from tracenode.server.store.snapshot import Connection

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
