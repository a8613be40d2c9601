"""The lock of numeric NodeIds: a path keeps its number for ever, a number its path.

NodeIds.csv has a row `path,id,kind` for every node there is or ever was. Rows are only appended;
the row of a removed node stays, so its number is never given to another.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from nodes import Kind, Node

__all__ = ["RANGES", "LockError", "NodeIds"]

RANGES: Final[Mapping[Kind | str, int]] = {
    "ObjectType": 1001,
    "VariableType": 2001,
    "DataType": 3001,
    "ReferenceType": 4001,
    "Object": 5001,
    "Variable": 6001,
    "Method": 7001,
}
"""First number of each kind. A kind has 999 numbers, then goes on 10,000 higher: variables are
6001-6999, then 16001-16999."""

OVERFLOW: Final = 10_000
SPAN: Final = 999
HEADER: Final = ("path", "id", "kind")


class LockError(ValueError):
    """NodeIds.csv contradicts itself or the definition."""


@dataclass(frozen=True, slots=True)
class Row:
    path: str
    number: int
    kind: str


class NodeIds:
    """Numbers of paths; `allocate` gives new ones to new paths."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        """
        Raises:
            LockError: a path or a number stands twice.
        """
        self._rows: dict[str, Row] = {}
        self._taken: set[int] = set()
        for row in rows:
            self._add(row)

    @classmethod
    def parse(cls, text: str) -> NodeIds:
        """Read the lock from CSV; an empty text is an empty lock.

        Raises:
            LockError: the header or a row is not as expected, a path or a number stands twice.
        """
        table = list(csv.reader(io.StringIO(text)))
        if table and tuple(table[0]) != HEADER:
            raise LockError(f"expected the header {','.join(HEADER)}, found {table[0]}")
        for line, cells in enumerate(table[1:], start=2):
            if len(cells) != len(HEADER) or not cells[1].isdigit() or cells[2] not in RANGES:
                raise LockError(f"line {line}: expected path,id,kind, found {cells}")
        return cls(Row(path, int(number), kind) for path, number, kind in table[1:])

    def csv(self) -> str:
        """Return the lock as CSV, rows in the order in which they were added."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows((row.path, row.number, row.kind) for row in self._rows.values())
        return out.getvalue()

    def allocate(self, nodes: Iterable[Node]) -> None:
        """Give a number to every node that has none.

        Raises:
            LockError: a node changed its kind, which would change what its number means.
        """
        for node in nodes:
            row = self._rows.get(node.path)
            if row is None:
                self._add(Row(node.path, self._free(node.kind), node.kind))
            elif row.kind != node.kind:
                raise LockError(f"{node.path}: expected a {row.kind}, found a {node.kind}")

    def __getitem__(self, path: str) -> int:
        return self._rows[path].number

    def _add(self, row: Row) -> None:
        if row.path in self._rows:
            raise LockError(f"{row.path} stands twice")
        if row.number in self._taken:
            raise LockError(f"{row.path}: {row.number} is taken")
        self._rows[row.path] = row
        self._taken.add(row.number)

    def _free(self, kind: str) -> int:
        """The number after the highest one of the kind."""
        first = RANGES[kind]
        highest = max((row.number for row in self._rows.values() if row.kind == kind), default=0)
        if highest == 0:
            return first
        return highest + 1 if highest % OVERFLOW % 1000 < SPAN else highest + OVERFLOW - SPAN + 1
