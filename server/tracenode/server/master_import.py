"""Master data and received lots from CSV (SEMANTICS S22): all are checked, then all booked."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tracenode.models.errors import ConfigError, ConfigProblem, TraceError
from tracenode.models.events import Master, Receive, TraceEvent
from tracenode.models.items import ItemKind
from tracenode.models.quantities import Quantity, unit_code

__all__ = ["Booking", "Table", "read_master"]

KINDS: Final = {kind.name.lower(): kind for kind in ItemKind}


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of file: its columns tell it apart."""

    kind: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


TABLES: Final = (
    Table(
        "material", ("material", "kind"), ("name", "unit", "revision", "gtin", "reuse_after_days")
    ),
    Table("route", ("material", "step", "station"), ("recipe",)),
    Table("bom", ("material", "component", "quantity", "unit"), ("position",)),
    Table("order", ("order", "material", "quantity", "unit"), ()),
    Table("lot", ("material", "lot"), ("quantity", "unit", "expires_at", "supplier")),
)


@dataclass(frozen=True, slots=True)
class Booking:
    """One event to record; `request_id` makes a lot that is imported twice one lot."""

    event: TraceEvent
    request_id: str = ""


def read_master(text: str, source: str) -> list[Booking]:
    """Return what a CSV file asks to book.

    The header tells the kind: materials (material, kind), routes (material, step, station), bills
    of material (material, component, quantity, unit), orders (order, material, quantity, unit) or
    received lots (material, lot). Delimiter is a comma or a semicolon.

    Raises:
        ConfigError: every fault, with its line and column.
    """
    delimiter = ";" if text.partition("\n")[0].count(";") else ","
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, restkey="(more)")
    header = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = header
    table = _table(header, source)
    rows: list[dict[str, str]] = []
    problems: list[ConfigProblem] = []
    for row in reader:
        line = reader.line_num
        if "(more)" in row:
            more = str(len(header) + len(row["(more)"]))
            problems.append(ConfigProblem(f"line {line}", f"{more} cells", f"{len(header)} cells"))
            continue
        cells = {name: (value or "").strip() for name, value in row.items()}
        missing = [name for name in table.required if not cells.get(name)]
        problems += [
            ConfigProblem(f"line {line}, {name}", "nothing", "a value") for name in missing
        ]
        if not missing:
            rows.append({**cells, "(line)": str(line)})
    bookings: list[Booking] = []
    for build in _bookings(table, rows):
        try:
            bookings.append(build.booking())
        except (TraceError, ValueError) as error:
            problems.append(ConfigProblem(build.place, build.found, str(error)))
    if problems:
        raise ConfigError(source, problems)
    return bookings


def _table(header: Iterable[str], source: str) -> Table:
    names = set(header)
    for table in sorted(TABLES, key=lambda table: -len(table.required)):
        if names >= set(table.required) and names <= {*table.required, *table.optional}:
            return table
    known = "; ".join(
        f"{table.kind}: {', '.join(table.required)}"
        + (f" [{', '.join(table.optional)}]" if table.optional else "")
        for table in TABLES
    )
    raise ConfigError(
        source, [ConfigProblem("line 1", ", ".join(header) or "nothing", f"a header ({known})")]
    )


@dataclass(frozen=True, slots=True)
class _Build:
    table: Table
    rows: tuple[Mapping[str, str], ...]

    @property
    def place(self) -> str:
        return f"line {self.rows[0]['(line)']}"

    @property
    def found(self) -> str:
        return ", ".join(value for name, value in self.rows[0].items() if name != "(line)")

    def booking(self) -> Booking:
        row = self.rows[0]
        match self.table.kind:
            case "material":
                return Booking(Master(kind="material", key=row["material"], data=_material(row)))
            case "route":
                steps = [
                    {name: step[name] for name in ("step", "station", "recipe") if step.get(name)}
                    for step in self.rows
                ]
                return Booking(Master(kind="route", key=row["material"], data={"steps": steps}))
            case "bom":
                components = [_component(component) for component in self.rows]
                return Booking(
                    Master(kind="bom", key=row["material"], data={"components": components})
                )
            case "order":
                quantity = Quantity.of(row["quantity"], row["unit"])
                data = {"material": row["material"], "quantity": str(quantity)}
                return Booking(Master(kind="order", key=row["order"], data=data))
            case _:
                return Booking(_lot(row), _row_id(row))


def _bookings(table: Table, rows: list[dict[str, str]]) -> Iterator[_Build]:
    """Group what belongs together: the steps of a route, the components of a bill of material."""
    if table.kind not in {"route", "bom"}:
        yield from (_Build(table, (row,)) for row in rows)
        return
    groups: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        groups.setdefault(row["material"], []).append(row)
    yield from (_Build(table, tuple(group)) for group in groups.values())


def _material(row: Mapping[str, str]) -> dict[str, Any]:
    kind = row["kind"].lower()
    if kind not in KINDS:
        raise ValueError(f"a kind of {', '.join(KINDS)}")
    data: dict[str, Any] = {"kind": kind}
    data |= {name: row[name] for name in ("name", "revision", "gtin") if row.get(name)}
    if row.get("unit"):
        data["unit"] = unit_code(row["unit"])
    if row.get("reuse_after_days"):
        days = row["reuse_after_days"]
        if not days.isdecimal() or not int(days):
            raise ValueError("a number of days from 1 on in reuse_after_days")
        data["reuse_after_days"] = int(days)
    return data


def _component(row: Mapping[str, str]) -> dict[str, str]:
    quantity = Quantity.of(row["quantity"], row["unit"])
    component = {"material": row["component"], "quantity": str(quantity)}
    return component | ({"position": row["position"]} if row.get("position") else {})


def _lot(row: Mapping[str, str]) -> Receive:
    quantity = row.get("quantity")
    if quantity and not row.get("unit"):
        raise ValueError("a unit beside the quantity")
    return Receive(
        item=row["lot"],
        material=row["material"],
        quantity=Quantity.of(quantity, row["unit"]) if quantity else None,
        expires_at=_time(row["expires_at"]) if row.get("expires_at") else None,
        supplier=row.get("supplier", ""),
    )


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"a date such as 2027-12-31 in place of {text!r}") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _row_id(row: Mapping[str, str]) -> str:
    cells = {name: value for name, value in row.items() if name != "(line)" and value}
    digest = hashlib.sha256(repr(sorted(cells.items())).encode()).hexdigest()
    return f"lot.{digest[:32]}"
