"""Mutants: tracenode with one wrong line, which the laws must catch.

`python -m tests.laws.mutants [NUMBER]` runs the laws in a process of its own, with that mutant or
without any. It exits with CAUGHT where a law is broken, and with 0 where none is.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final, NamedTuple

__all__ = ["CAUGHT", "MUTANTS", "Mutant"]

CAUGHT: Final = 3


class Mutant(NamedTuple):
    """In the source of `module`, `text` (which stands there once) becomes `instead`."""

    rule: str
    module: str
    text: str
    instead: str


MUTANTS: Final = (
    Mutant(
        "S4: what is taken out is in it no more from that instant on",
        "store.tail",
        "EDGE.end(connection, key, fact.at, fact.seq)",
        "EDGE.end(connection, key, fact.at + 1, fact.seq)",
    ),
    Mutant(
        "S15: what comes late is put in its place",
        "store.projector",
        "if fact.at < last or refolded",
        "if refolded",
    ),
    Mutant(
        "S15: a part is taken out of the parent that it is in by then",
        "store.aggregates",
        "if open_ is not None and move.parent == _parent(open_):",
        "if open_ is not None:",
    ),
    Mutant(
        "S13: a correction has its replacement",
        "store.recompute",
        "before=seq, newest=newest)",
        "before=seq, newest=())",
    ),
    Mutant(
        "S13: what is void shapes nothing",
        "store.facts",
        "t.seq<? AND j.type NOT IN {_NO_INTERVALS}\n  AND NOT EXISTS",
        "t.seq<? AND j.type NOT IN {_NO_INTERVALS}\n  AND 0<=EXISTS",
    ),
    Mutant(
        "S19: what was believed stays known as it was then",
        "store.belief",
        "    if row.kf < seq:\n        table.keep_version",
        "    if row.kf < seq < 0:\n        table.keep_version",
    ),
    Mutant(
        "S19: an end that was not known yet was none",
        "genealogy.believed",
        'holds if lens.live else f"({holds} OR {row}.uev>:K{zero})"',
        "holds",
    ),
    Mutant(
        "S6: all edges of a path share an instant",
        "genealogy.walk",
        "max(before.at, link.at), min(before.until, link.until)",
        "link.at, link.until",
    ),
    Mutant(
        "S7: where an item went is ever",
        "genealogy.lineage",
        "return Span.Ever if ever or moment.as_of is None else Span.At",
        "return Span.Ever if ever else moment.point",
    ),
    Mutant(
        "S5: an input after a draw makes a new state",
        "store.settling",
        "(self._stateful or self._drawn)",
        "self._stateful",
    ),
    Mutant(
        "S5: emptying breaks the chain of contents",
        "store.settling",
        "self.content, self._stateful = None, True",
        "self._stateful = True",
    ),
    Mutant(
        "S5: what was carried over is settled until all is as it was",
        "store.settling",
        "line.place > last_added and line.before == totals and",
        "line.place > last_added and",
    ),
    Mutant(
        "S13: a fill that is void leaves nothing in the tank",
        "store.content",
        "            delete_lines(connection, holding.number, where)\n",
        "",
    ),
    Mutant(
        "S12: what is filled in on a slot goes into the units from then on",
        "store.content",
        "if late or holding.content != before:",
        "if late:",
    ),
    Mutant(
        "S12: what was on the slot while the unit was there, half-open",
        "genealogy.arms",
        'AND mt.at<{visit.until}"',
        'AND mt.at<={visit.until}"',
    ),
    Mutant(
        "S12: a load takes off what was on the slot",
        "store.mounts",
        "max(piece.begin, loaded.begin), min(piece.end, loaded.end)",
        "max(piece.begin, loaded.begin), piece.end",
    ),
    Mutant(
        "S17: a hold is on what was made from what is held",
        "store.holds",
        "SELECT coalesce((SELECT state FROM content WHERE item=:item AND until={INF}), :item)",
        "SELECT :item",
    ),
    Mutant(
        "S17: a window is half-open",
        "store.holds",
        "v.at<w.high AND",
        "v.at<=w.high AND",
    ),
    Mutant(
        "S16: a placeholder went where its item went",
        "genealogy.contents",
        "if part == PLACEHOLDER and not up:",
        "if part == PLACEHOLDER and up:",
    ),
    Mutant(
        "S11: without a map it is not known which input went where",
        "store.references",
        "ordinal, _POOLED, None)",
        "ordinal, _MADE, None)",
    ),
    Mutant(
        "S9: unknown is never nothing",
        "genealogy.totals",
        "        if self.unknown:\n            return {}\n",
        "",
    ),
    Mutant(
        "S9: what is over-consumed is told",
        "genealogy.account",
        "self._left is not None and self._left < 0)",
        "self._left is not None and self._left <= 0)",
    ),
    Mutant(
        "S9: a recall that is cut counts what the suspect was in once",
        "genealogy.census",
        "    if span is Span.Ever:\n        _count_former",
        "    if span is Span.Begun:\n        _count_former",
    ),
    Mutant(
        "ADR 009: the index finds ever what the tables find",
        "genealogy.closure",
        "ever = span is not Span.Now",
        "ever = False",
    ),
    Mutant(
        "S7: a small walk goes down the levels that a large one does",
        "genealogy.walk",
        "if reached not in arrivals:",
        "if reached not in arrivals and below < 3:",
    ),
    Mutant(
        "S18: a verdict takes away those on later steps",
        "store.routing",
        "self.standing[index + 1 :] = [None] * later",
        "self.standing[later:later] = []",
    ),
)


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module with the mutant's line instead of its own."""

    def __init__(self, name: str, path: str, mutant: Mutant) -> None:
        super().__init__(name, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        source = (self.get_source(fullname) or "").replace(self._mutant.text, self._mutant.instead)
        return compile(source, self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the mutant's module, in whichever folder of its room it is."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self.found = 0

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        room, _, name = self._mutant.module.partition(".")
        within = fullname.startswith(f"tracenode.server.{room}.")
        if not within or fullname.rpartition(".")[2] != name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert spec is not None and spec.origin is not None, fullname
        times = Path(spec.origin).read_text(encoding="utf-8").count(self._mutant.text)
        self.found += times
        if times:
            spec.loader = _Loader(fullname, spec.origin, self._mutant)
        return spec


def main(arguments: list[str]) -> int:
    mutant = MUTANTS[int(arguments[0])] if arguments else None
    finder = None if mutant is None else _Finder(mutant)
    if finder is not None:
        sys.meta_path.insert(0, finder)
    from tests.laws.profiles import routes, same_run

    if finder is not None and finder.found != 1:
        raise SystemExit(f"expected once, found {finder.found} times: {mutant}")
    laws = (routes,) if mutant is not None and "routing" in mutant.module else (same_run, routes)
    try:
        for law in laws:
            law()
    except Exception as broken:  # noqa: BLE001 - a wrong line may break in any way
        traceback.print_exception(broken, limit=-3)
        return CAUGHT
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
