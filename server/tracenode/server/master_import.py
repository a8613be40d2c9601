"""Master data and received lots from CSV (SEMANTICS S22): all are checked, then all booked."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from tracenode.models.errors import (
    ConfigError,
    ConfigProblem,
    InvalidIdentifier,
    MalformedRequest,
    TraceError,
)
from tracenode.models.events import Master, Receive, TraceEvent
from tracenode.models.faults import malformed
from tracenode.models.identifiers import checked_part
from tracenode.models.items import ItemKind
from tracenode.models.quantities import Quantity, unit_code
from tracenode.server.store.reading.master import checked_master

__all__ = ["TABLES", "Booking", "Table", "read_master"]

KINDS: Final = {kind.name.lower(): kind for kind in ItemKind}
MANY_CELLS: Final = "(more)"
MARKS: Final = {"yes": True, "no": False, "": False}


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of file: its columns tell it apart.

    `key` are the columns that name an entry. Rows of one key stand together where `grouped`, and
    are otherwise a fault: the last would silently win.
    """

    kind: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    key: tuple[str, ...] = ("material",)
    grouped: bool = False


TABLES: Final = (
    Table(
        "material",
        ("material", "kind"),
        (
            *("name", "unit", "revision", "gtin", "level", "description", "over_consumption"),
            *("reuse_after_days", "shelf_life_days"),
        ),
    ),
    Table(
        "route",
        ("material", "step", "station"),
        ("recipe", "tool", "max_runs", "once", "optional", "inside"),
        grouped=True,
    ),
    Table("bom", ("material", "component", "quantity", "unit"), ("position",), grouped=True),
    Table(
        "order",
        ("order", "material", "quantity", "unit"),
        ("due", "customer", "description"),
        key=("order",),
    ),
    Table("station", ("station",), ("consumption", "unknown_items", "slots"), key=("station",)),
    Table(
        "lot",
        ("material", "lot"),
        ("quantity", "unit", "expires_at", "supplier"),
        key=("material", "lot"),
    ),
)


@dataclass(frozen=True, slots=True)
class Booking:
    """One event to record; `request_id` makes a lot that is imported twice one lot. `line` is where
    it begins in the file."""

    event: TraceEvent
    request_id: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a line, trimmed; an empty one is as good as none."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")

    def given(self, *names: str) -> dict[str, str]:
        """Return those cells that are not empty."""
        return {name: self[name] for name in names if self[name]}


def read_master(text: str, source: str) -> list[Booking]:
    """Return what a CSV file asks to book.

    The header tells the kind: materials (material, kind), routes (material, step, station), bills
    of material (material, component, quantity, unit), orders (order, material, quantity, unit),
    stations (station) or received lots (material, lot). Delimiter is a comma or a semicolon; empty
    lines do not matter.

    Raises:
        ConfigError: every fault, with its line and column.
    """
    problems: list[ConfigProblem] = []
    try:
        table, rows = _read(text, source, problems)
    except csv.Error as error:
        raise ConfigError(source, [ConfigProblem("(file)", str(error), "a CSV file")]) from error
    bookings: list[Booking] = []
    for group in _groups(table, rows, problems):
        booking = _booking(table, group, problems)
        if booking is not None:
            bookings.append(booking)
    if problems:
        raise ConfigError(source, sorted(problems, key=_line_of))
    return bookings


def _line_of(problem: ConfigProblem) -> int:
    digits = problem.path.removeprefix("line ").partition(",")[0]
    return int(digits) if digits.isdecimal() else 0


# ------------------------------------------------------------------ cells
def _read(text: str, source: str, problems: list[ConfigProblem]) -> tuple[Table, list[Row]]:
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, restkey=MANY_CELLS, strict=True)
    header = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = header
    table = _table(header, source)
    rows: list[Row] = []
    for found in reader:
        line = reader.line_num
        more = found.pop(MANY_CELLS, ())
        cells = {name: (value or "").strip() for name, value in found.items()}
        if any(cell.strip() for cell in more):
            count = f"{len(header) + len(more)} cells"
            problems.append(ConfigProblem(f"line {line}", count, f"{len(header)} cells"))
            continue
        if not any(cells.values()):
            continue
        missing = [name for name in table.required if not cells[name]]
        problems += (
            ConfigProblem(f"line {line}, {name}", "nothing", "a value") for name in missing
        )
        if not missing:
            rows.append(Row(line, cells))
    return table, rows


def _table(header: Sequence[str], source: str) -> Table:
    names = set(header)
    for table in sorted(TABLES, key=lambda table: -len(table.required)):
        known = {*table.required, *table.optional}
        if len(names) == len(header) and set(table.required) <= names <= known:
            return table
    known_headers = "; ".join(
        f"{table.kind}: {', '.join(table.required)}"
        + (f" [{', '.join(table.optional)}]" if table.optional else "")
        for table in TABLES
    )
    found = ", ".join(header) or "nothing"
    raise ConfigError(source, [ConfigProblem("line 1", found, f"a header ({known_headers})")])


def _groups(
    table: Table, rows: Iterable[Row], problems: list[ConfigProblem]
) -> Iterator[list[Row]]:
    """Put together what belongs together: the steps of a route, the components of a bill."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        group = groups.setdefault(tuple(row[name] for name in table.key), [])
        if group and not table.grouped:
            found = " ".join(row[name] for name in table.key)
            expected = f"each {table.kind} once (see line {group[0].line})"
            problems.append(ConfigProblem(f"line {row.line}", repr(found), expected))
            continue
        group.append(row)
    yield from groups.values()


# ------------------------------------------------------------------ events
def _booking(table: Table, rows: list[Row], problems: list[ConfigProblem]) -> Booking | None:
    """Return what the rows ask to book; None where they have faults."""
    first = rows[0]
    parts: list[dict[str, Any]] = []
    for row in rows:
        try:
            parts.append(PARTS[table.kind](row))
        except (TraceError, ValueError) as error:
            problems.append(_problem(row, error))
    if len(parts) < len(rows):
        return None
    try:
        if table.kind == "lot":
            return Booking(Receive(**parts[0]), _row_id(first), first.line)
        data = {"route": {"steps": parts}, "bom": {"components": parts}}.get(table.kind, parts[0])
        checked_master(table.kind, data)
        event = Master.model_validate(
            {"kind": table.kind, "key": first[table.key[0]], "data": data}
        )
    except (TraceError, ValueError) as error:
        problems.append(_problem(first, error))
        return None
    return Booking(event, line=first.line)


def _problem(row: Row, error: Exception) -> ConfigProblem:
    if isinstance(error, ValidationError):
        error = malformed(error)
    if isinstance(error, MalformedRequest):
        column = [step for step in error.field.split(".") if not step.isdecimal()][-1]
        return ConfigProblem(f"line {row.line}, {column}", error.found, error.expected)
    if isinstance(error, InvalidIdentifier):
        found = f"{error.text[:64]!r}: {error.reason}"
        return ConfigProblem(f"line {row.line}", found, "a usable identifier")
    found = ", ".join(value for value in row.cells.values() if value)
    return ConfigProblem(f"line {row.line}", found, str(error))


def _material(row: Row) -> dict[str, Any]:
    checked_part(row["material"])
    kind = row["kind"].lower()
    if kind not in KINDS:
        raise MalformedRequest("kind", f"one of {', '.join(KINDS)}", repr(row["kind"]))
    given = row.given("name", "revision", "gtin", "description", "over_consumption")
    data: dict[str, Any] = {"kind": kind, **given}
    if row["unit"]:
        data["unit"] = unit_code(row["unit"])
    return {**data, **_numbers(row, "level", "reuse_after_days", "shelf_life_days")}


def _step(row: Row) -> dict[str, Any]:
    checked_part(row["material"])
    marks = {name: True for name in ("once", "optional", "inside") if _is_marked(row, name)}
    return {
        **row.given("step", "station", "recipe", "tool"),
        **_numbers(row, "max_runs"),
        **marks,
    }


def _station(row: Row) -> dict[str, Any]:
    data: dict[str, Any] = {**row.given("consumption", "unknown_items")}
    if row["slots"]:
        data["slots"] = [slot.strip() for slot in row["slots"].split("|")]
    return data


def _component(row: Row) -> dict[str, Any]:
    checked_part(row["material"])
    return {
        "material": checked_part(row["component"]),
        "quantity": str(_quantity(row)),
        **row.given("position"),
    }


def _order(row: Row) -> dict[str, Any]:
    return {
        "material": checked_part(row["material"]),
        "quantity": str(_quantity(row)),
        **row.given("due", "customer", "description"),
    }


def _lot(row: Row) -> dict[str, Any]:
    if row["unit"] and not row["quantity"]:
        raise MalformedRequest("quantity", "a quantity beside the unit", "nothing")
    return {
        "item": row["lot"],
        "material": row["material"],
        "quantity": _quantity(row) if row["quantity"] else None,
        "expires_at": _time(row, "expires_at") if row["expires_at"] else None,
        "supplier": row["supplier"],
    }


PARTS: Final[Mapping[str, Callable[[Row], dict[str, Any]]]] = {
    "material": _material,
    "route": _step,
    "bom": _component,
    "order": _order,
    "station": _station,
    "lot": _lot,
}
"""What a row says, by kind of table; raises TraceError with what was expected."""


def _numbers(row: Row, *names: str) -> dict[str, int]:
    for name, text in row.given(*names).items():
        if not text.isdecimal() or not int(text):
            raise MalformedRequest(name, "a whole number from 1 on", repr(text))
    return {name: int(text) for name, text in row.given(*names).items()}


def _is_marked(row: Row, name: str) -> bool:
    text = row[name].lower()
    if text not in MARKS:
        raise MalformedRequest(name, "yes, no or nothing", repr(row[name]))
    return MARKS[text]


def _quantity(row: Row) -> Quantity:
    if not row["unit"]:
        raise MalformedRequest("unit", "a unit beside the quantity", "nothing")
    quantity = Quantity.of(row["quantity"], row["unit"])
    if quantity.mantissa <= 0:
        raise MalformedRequest("quantity", "a quantity above 0", row["quantity"])
    return quantity


def _time(row: Row, name: str) -> datetime:
    try:
        time = datetime.fromisoformat(row[name])
    except ValueError:
        raise MalformedRequest(name, "a date such as 2027-12-31", repr(row[name])) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _row_id(row: Row) -> str:
    """Return the same id for the same cells, whatever file they stand in."""
    cells = {name: value for name, value in row.cells.items() if value}
    digest = hashlib.sha256(repr(sorted(cells.items())).encode()).hexdigest()
    return f"lot.{digest[:32]}"
