"""The CSV table of points: what is written reads back to the same, what is wrong is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracenode.drivers.modbus.addresses import Space
from tracenode.drivers.modbus.datatypes import Order
from tracenode.drivers.modbus.options import ModbusOptions, PointOptions
from tracenode.drivers.modbus.point_table import COLUMNS, point_table, read_point_table
from tracenode.drivers.modbus.poller import ModbusDevice
from tracenode.drivers.registry import Drivers
from tracenode.models.config import DeviceConfig
from tracenode.models.errors import ConfigError

number = st.floats(-1e6, 1e6, allow_nan=False)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30)


@st.composite
def point(draw: st.DrawFn) -> PointOptions:
    space = draw(st.sampled_from(Space))
    keys: dict[str, Any] = {"at": f"{space}:{draw(st.integers(0, 60_000))}"}
    keys["description"] = draw(words).strip()
    keys["writable"] = space.writable and draw(st.booleans())
    if not space.bits:
        kind = draw(st.sampled_from(["uint16", "float32", "int64", "string(7,latin-1)", "bit"]))
        keys["type"] = kind
        if kind == "bit":
            keys["at"] += ".5"
        elif "string" not in kind:
            low, high = sorted((draw(number), draw(number)))
            keys |= {"scale": draw(number.filter(bool)), "offset": draw(number), "unit": "CEL"}
            keys |= {"min": low, "max": high + 1, "deadband": draw(st.floats(0, 5))}
            keys["order"] = draw(st.sampled_from([None, *Order]))
    return PointOptions.model_validate(keys)


@given(st.dictionaries(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,9}", fullmatch=True), point()))
def test_a_table_reads_back_to_the_same_points(points: dict[str, PointOptions]) -> None:
    table = point_table(ModbusOptions(points=points))
    read = read_point_table(table, "points.csv")
    assert ModbusOptions.model_validate({"points": read}).points == points


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_write_is_read(delimiter: str) -> None:
    rows = [
        ["at", "point", "type", "scale", "writable"],
        [" hr:100 ", "Force", "float32", "", "yes"],
        ["", "", "", "", ""],
        ["ir:0", "Oil", "int16", "0.1", "no"],
    ]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    points = ModbusOptions.model_validate({"points": read_point_table(text, "a.csv")}).points
    assert list(points) == ["Force", "Oil"]
    assert (points["Force"].writable, points["Oil"].writable) == (True, False)
    assert points["Oil"].scale == 0.1


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", ["p line 1"]),
        ("point,type\nA,uint16\n", ["p line 1"]),
        ("point,at,scael\n", ["p line 1"]),
        ("point,at,at\n", ["p line 1"]),
        (
            "point,at,type\nA,40001,uint16\nA,hr:1,int15\n,hr:2,\nB,hr:3,,7\n",
            ["p line 2.at", "p line 3.point", "p line 3.type", "p line 4.point", "p line 5"],
        ),
        ('point,at\n"A,hr:1\n', ["p line 2"]),
    ],
)
def test_every_fault_is_named_by_its_line(text: str, places: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_point_table(text, "p")
    assert [problem.path for problem in caught.value.problems] == places


def device(**keys: object) -> DeviceConfig:
    table = {"id": "PLC", "driver": "modbus", "link": "tcp://plc", "points_csv": "p.csv"}
    return DeviceConfig.model_validate({**table, **keys})


def test_a_profile_of_a_table_serves_many_stations(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("\ufeffpoint,at\nA,hr:1\nB,hr:2\n", encoding="utf-8")
    drivers = Drivers(folder=tmp_path)
    made = [
        drivers.make(device(id=f"PLC{i}", unit=i, base=100 * i, points={"Own": {"at": "hr:0"}}))
        for i in range(1, 4)
    ]
    for i, driver in enumerate(made, 1):
        assert isinstance(driver, ModbusDevice)
        assert [point.name for point in driver.points] == ["Own", "A", "B"]
        assert f"hr:{100 * i}-{100 * i + 2}" in next(iter(driver.read_plan()))


@pytest.mark.parametrize(
    ("keys", "places"),
    [
        ({"points_csv": "none.csv"}, ["none.csv"]),
        ({"points": {"A": {"at": "hr:9"}}}, ["p.csv"]),
        ({"points": {"A": {"at": "9"}}, "unit": 999}, ["p.csv", "d.unit", "d.points.A.at"]),
        ({"points_csv": 7}, ["d.points", "d.points_csv"]),
    ],
)
def test_faults_of_the_table_come_with_those_of_the_device(
    tmp_path: Path, keys: dict[str, object], places: list[str]
) -> None:
    (tmp_path / "p.csv").write_text("point,at\nA,hr:1\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Drivers(folder=tmp_path).make(device(**keys), "d")
    assert [problem.path for problem in caught.value.problems] == places


def test_the_columns_are_the_keys_of_a_point() -> None:
    assert ("point", *PointOptions.model_fields) == COLUMNS
