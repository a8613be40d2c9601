"""Walks: the one without precautions finds what the careful one does, in the same order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracenode.server.genealogy.edges.closure import Link
from tracenode.server.genealogy.edges.walk import Limits, Origin, Walked, walk, walk_all
from tracenode.server.store.schema import INF

ITEMS = st.integers(1, 9)
LINKS = st.lists(st.tuples(ITEMS, ITEMS, st.integers(1, 3)), max_size=25)
"""Inputs, outputs and records: loops and repetitions too."""


def links_at(rows: list[tuple[int, int, int]], *, up: bool) -> dict[int, list[Link]]:
    at: dict[int, list[Link]] = {}
    for number, (src, dst, ev) in enumerate(rows):
        link = Link(src, dst, ev, number % 2, ev, INF, 1, None, None, None)
        at.setdefault(dst if up else src, []).append(link)
    return at


@given(rows=LINKS, asked=ITEMS, starts=st.lists(ITEMS, min_size=1, max_size=3), up=st.booleans())
def test_walking_all_is_walking(
    rows: list[tuple[int, int, int]], asked: int, starts: list[int], up: bool
) -> None:
    origin = Origin(asked, tuple(starts))
    at = links_at(rows, up=up)
    careful = walk(
        origin,
        lambda items: (link for item in items for link in at.get(item, ())),
        Limits(100, None, lambda items, n: items[:n]),
        up=up,
        windows=False,
    )
    quick = walk_all(origin, links_at(rows, up=up), up=up)
    assert told(quick) == told(careful)


def told(walked: Walked) -> object:
    ways = {item: walked.way(item) for item in walked.arrivals}
    return walked.depth, ways, walked.links, walked.omitted, walked.unseen, walked.truncated
