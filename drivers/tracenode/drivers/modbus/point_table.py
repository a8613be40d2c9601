"""Points as a table in a CSV file, which engineering tools and spreadsheets read and write."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from tracenode.drivers.modbus.options import ModbusOptions, PointName, PointOptions, load_options
from tracenode.models.config import DeviceConfig, problems_of
from tracenode.models.errors import ConfigError, ConfigProblem

__all__ = ["COLUMNS", "KEY", "point_table", "read_point_table", "with_point_table"]

KEY: Final = "points_csv"
NAME: Final = "point"
COLUMNS: Final = (NAME, *PointOptions.model_fields)
"""Those but `point` and `at` may be missing; an empty cell is as if it were."""
MANY_CELLS: Final = "(more)"
POINT_NAME: Final = TypeAdapter[str](PointName)


def with_point_table(device: DeviceConfig, folder: Path, at: str = "") -> DeviceConfig:
    """Return the device with the points of its `points_csv`, a file relative to `folder`, beside
    those that it names itself.

    Raises:
        ConfigError: every fault of the file, and of the device's own keys.
    """
    table = device.options
    file = table.get(KEY)
    own = table.get("points", {})
    if not isinstance(file, str) or not isinstance(own, Mapping):
        return device  # load_options says what is wrong, if anything is
    try:
        read = _read_file(folder / file, file)
        if twice := sorted(read.keys() & own.keys()):
            expected = "each point in the file or in the configuration"
            problem = ConfigProblem(file, f"{', '.join(twice)} in both", expected)
            raise ConfigError(device.id, [problem])
    except ConfigError as error:
        raise ConfigError(device.id, [*error.problems, *_further(device, own, at)]) from error
    return device.model_copy(update={"points": {**own, **read}})


def _further(device: DeviceConfig, own: Mapping[str, Any], at: str) -> Iterator[ConfigProblem]:
    """Yield the faults that a device has beside those of its table."""
    try:
        load_options(device.model_copy(update={"points": own}), at)
    except ConfigError as error:
        yield from error.problems


def _read_file(path: Path, name: str) -> dict[str, dict[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        expected = f"a CSV file in UTF-8 with the columns {', '.join(COLUMNS)}"
        raise ConfigError(name, [ConfigProblem(name, str(error), expected)]) from error
    return read_point_table(text, name)


def read_point_table(text: str, source: str) -> dict[str, dict[str, str]]:
    """Return the points of a table, as a configuration would have them.

    Raises:
        ConfigError: every fault, by line.
    """
    first = text.partition("\n")[0]
    rows = csv.DictReader(
        io.StringIO(text, newline=""),
        delimiter=max(",;\t", key=first.count),
        restkey=MANY_CELLS,
        strict=True,
    )
    points: dict[str, dict[str, str]] = {}
    problems = list(_header_problems(rows.fieldnames or (), source))
    if not problems:
        try:
            for row in rows:
                problems += _row_problems(row, points, f"{source} line {rows.line_num}")
        except csv.Error as error:
            place = f"{source} line {rows.reader.line_num}"
            problems.append(ConfigProblem(place, str(error), "a row of a CSV file"))
    if problems:
        raise ConfigError(source, problems)
    return points


def _header_problems(header: Iterable[str], source: str) -> Iterator[ConfigProblem]:
    names = list(header)
    missing = [name for name in (NAME, "at") if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    twice = sorted({name for name in names if names.count(name) > 1})
    for wrong, what in ((missing, "without"), (unknown, "with"), (twice, "twice")):
        if wrong:
            expected = f"a header of {', '.join(COLUMNS)}"
            yield ConfigProblem(f"{source} line 1", f"one {what} {', '.join(wrong)}", expected)


def _row_problems(
    row: Mapping[str, Any], points: dict[str, dict[str, str]], place: str
) -> Iterator[ConfigProblem]:
    """Take a row into `points`; yield what is wrong with it."""
    if more := row.get(MANY_CELLS):
        yield ConfigProblem(place, f"{len(more)} more", "as many cells as the header has")
        return
    cells = {name: cell.strip() for name, cell in row.items() if cell and cell.strip()}
    if not cells:
        return
    name = cells.pop(NAME, "")
    try:
        POINT_NAME.validate_python(name)
    except ValidationError:
        expected = "1 to 64 letters, digits, - _ and ."
        yield ConfigProblem(f"{place}.{NAME}", repr(name), expected)
    if name in points:
        yield ConfigProblem(f"{place}.{NAME}", repr(name), "a name that no row before has")
    try:
        PointOptions.model_validate(cells)
    except ValidationError as error:
        yield from problems_of(error, PointOptions, place)
    points[name] = cells


def point_table(options: ModbusOptions) -> str:
    """Return the points of a device as a table that reads back to the same; addresses are without
    the device's `base`."""
    to = io.StringIO(newline="")
    rows = csv.writer(to)
    rows.writerow(COLUMNS)
    for name, point in options.points.items():
        rows.writerow((name, *(_cell(point, field) for field in PointOptions.model_fields)))
    return to.getvalue()


def _cell(point: PointOptions, field: str) -> str:
    value = getattr(point, field)
    if field == "type":
        kind = point.type
        return f"{kind.name[:-1]},{kind.encoding})" if kind.text else kind.name
    if value is None or value == PointOptions.model_fields[field].default:
        return ""
    return "yes" if value is True else str(value)
