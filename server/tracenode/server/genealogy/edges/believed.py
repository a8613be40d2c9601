"""SQL for what is believed at a moment: which table a row may stand in and what it must satisfy.

`store.schema` says how a row is known. Every condition carries `+0*<anchor>`, a column of the
table on the left of the join: so it is a condition over two tables, and SQLite never builds a Bloom
filter over a whole interval table for it, whatever statistics it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from tracenode.server.genealogy.moment import Moment, Span
from tracenode.server.store.schema import INF

__all__ = ["Lens", "Source", "edge_sources", "interval_sources", "lens_of"]

_OPEN: Final = "open"
_ENDED: Final = "ended"
_MIXED: Final = "mixed"


class Lens(NamedTuple):
    """The part of a Moment that shapes a statement; its values are bound as `:T` and `:K`."""

    span: Span
    live: bool
    bounded: bool
    """`:T` is given."""
    mounts: bool = False
    """There are mounts that edges may be derived from."""


@dataclass(frozen=True, slots=True)
class Source:
    """One table to look into. `until` is the end of a row as known, an expression."""

    table: str
    conditions: tuple[str, ...]
    until: str

    @property
    def where(self) -> str:
        """The conditions as they follow ON or WHERE and another condition."""
        return "".join(f" AND {condition}" for condition in self.conditions)


def lens_of(moment: Moment, span: Span) -> Lens:
    """Return the lens for a span at a moment."""
    return Lens(span, moment.live, moment.as_of is not None, moment.mounts)


def _source(table: str, form: str, row: str, anchor: str, lens: Lens) -> Source:
    zero = f"+0*{anchor}"
    conditions = []
    if lens.bounded and lens.span is not Span.Now:
        conditions.append(f"{row}.at<=:T{zero}")
    if not lens.live:
        conditions.append(f"{row}.kf<=:K{zero}")
        if table.endswith("_was"):
            conditions.append(f"{row}.kt>:K{zero}")
    until = str(INF) if form == _OPEN else f"{row}.until"
    if form != _OPEN:
        holds = {
            Span.Now: f"{row}.until={INF}{zero}",
            Span.At: f"{row}.until>:T{zero}",
            Span.Ever: f"{row}.until>{row}.at{zero}",
            Span.Begun: "",
        }[lens.span]
        if holds:
            conditions.append(holds if lens.live else f"({holds} OR {row}.uev>:K{zero})")
        if not lens.live:
            until = f"iif({row}.uev<=:K,{row}.until,{INF})"
    return Source(table, tuple(conditions), until)


@cache
def edge_sources(row: str, anchor: str, lens: Lens) -> tuple[Source, ...]:
    """Return the tables in which edges stand: open ones, ended ones, versions given up."""
    sources = [_source("edge", _OPEN, row, anchor, lens)]
    if not (lens.live and lens.span is Span.Now):
        sources.append(_source("edge_past", _ENDED, row, anchor, lens))
    if not lens.live:
        sources.append(_source("edge_was", _ENDED, row, anchor, lens))
    return tuple(sources)


@cache
def interval_sources(table: str, row: str, anchor: str, lens: Lens) -> tuple[Source, ...]:
    """Return the tables in which the rows of `life`, `visit`, `hold` or `alias` stand."""
    sources = [_source(table, _MIXED, row, anchor, lens)]
    if not lens.live:
        sources.append(_source(table + "_was", _MIXED, row, anchor, lens))
    return tuple(sources)
