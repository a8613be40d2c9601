from __future__ import annotations

from typing import Any

import pytest

from tracenode.drivers.modbus.endpoint import parse_endpoint
from tracenode.drivers.modbus.guard import Links
from tracenode.drivers.modbus.options import ModbusOptions, load_options
from tracenode.drivers.modbus.poller import ModbusDevice
from tracenode.drivers.modbus.read_plan import describe, planned_blocks
from tracenode.models.config import DeviceConfig
from tracenode.models.errors import ConfigError
from tracenode.models.readings import Point, PointType


def device(link: str = "tcp://127.0.0.1", **options: Any) -> DeviceConfig:
    return DeviceConfig.model_validate({"id": "plc", "driver": "modbus", "link": link, **options})


def made(config: DeviceConfig, links: Links) -> ModbusDevice:
    endpoint, options = load_options(config)
    return ModbusDevice(config.id, links.at(endpoint), options)


def problems(config: DeviceConfig) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load_options(config, "devices[0]")
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_type_follows_from_the_address() -> None:
    points = {"a": {"at": "hr:1"}, "b": {"at": "co:1"}, "c": {"at": "ir:1.7"}}
    _, options = load_options(device(points=points))
    assert [p.type.name for p in options.points.values()] == ["uint16", "bool", "bit"]


def test_points_are_declared_without_a_connection() -> None:
    points = {
        "speed": {"at": "hr:1", "type": "int16", "unit": "H87", "min": -5, "max": 5},
        "level": {"at": "hr:2", "scale": 0.1, "description": "of the tank"},
        "name": {"at": "hr:3", "type": "string(8)"},
    }
    assert list(made(device(points=points), Links()).points) == [
        Point("speed", PointType.Int16, "H87", -5, 5),
        Point("level", PointType.Double, description="of the tank"),
        Point("name", PointType.String),
    ]


def test_every_fault_is_told_with_its_path() -> None:
    found = problems(
        device(
            "tcp:/plc",
            unit=300,
            timout_ms=5,
            readable=["hr:0-9", "hr:x"],
            points={
                "a": {"at": "40001"},
                "b": {"at": "hr:1", "type": "int"},
                "c": {"at": 40002},
                "d": {"at": "hr:1", "type": "bit"},
                "e": {"at": "co:1", "type": "uint16"},
                "f": {"at": "ir:1", "writable": True},
                "g": {"at": "hr:1", "type": "string(4)", "scale": 2},
                "h": {"at": "hr:1", "scale": 0},
            },
        )
    )
    assert "did you mean 'timeout_ms'" in found["devices[0].timout_ms"]
    assert "hr:0" in found["devices[0].points.a.at"]
    assert "hr:1" in found["devices[0].points.c.at"]
    assert "uint16" in found["devices[0].points.b.type"]
    assert "bit number" in found["devices[0].points.d"]
    assert {f"devices[0].points.{name}" for name in "defg"} <= set(found)
    assert {"devices[0].link", "devices[0].unit", "devices[0].readable[1]"} <= set(found)
    assert "devices[0].points.h.scale" in found


def test_faults_between_keys_are_told_with_their_path() -> None:
    found = problems(
        device(
            "rtu:/dev/ttyS0",
            unit=0,
            base=65000,
            max_registers=3,
            readable=["hr:0-599"],
            points={
                "far": {"at": "hr:536"},
                "apart": {"at": "hr:700"},
                "wide": {"at": "hr:0", "type": "float64"},
                "lost": {"at": "hr:0", "group": "slow"},
                "edge": {"at": "hr:535"},
            },
        )
    )
    assert set(found) == {
        "devices[0].unit",
        "devices[0].points.far.at",
        "devices[0].points.apart.at",
        "devices[0].points.wide.at",
        "devices[0].points.lost.group",
    }


def test_one_line_with_two_settings_is_refused() -> None:
    links = Links()
    made(device("rtu:/dev/ttyS0?baudrate=9600", points={}), links)
    made(device("rtu:/dev/ttyS0?baudrate=9600", unit=2, points={}), links)
    with pytest.raises(ConfigError, match="same settings"):
        made(device("rtu:/dev/ttyS0?baudrate=19200", points={}), links)


def options(**keys: Any) -> ModbusOptions:
    return ModbusOptions.model_validate(keys)


def test_read_plan_tells_requests_registers_and_bus_load() -> None:
    plan = describe(
        options(
            groups={"fast": {"period_ms": 100}, "slow": {"period_ms": 1000}},
            points={
                "a": {"at": "hr:0"},
                "b": {"at": "hr:4", "type": "float32"},
                "c": {"at": "hr:200"},
                "d": {"at": "di:3", "group": "slow"},
                "e": {"at": "di:20", "group": "slow"},
            },
            max_gap=8,
        ),
        parse_endpoint("rtu:/dev/ttyS0?baudrate=9600"),
    )
    fast, slow = plan.groups
    assert [(str(b), b.block.count) for b in fast.blocks] == [("hr:0-5", 6), ("hr:200", 1)]
    assert (fast.requests, fast.registers, fast.bits) == (2, 7, 0)
    assert (slow.requests, slow.registers, slow.bits) == (1, 0, 18)
    # 9600 baud, 11 bits a character: 8 + 17 and 8 + 7 characters, four silences of 3.5.
    assert fast.bus_load == pytest.approx((25 + 15 + 4 * 3.5) * 11 / 9600 / 0.1)
    assert plan.bus_load == pytest.approx((fast.bus_load or 0) + (slow.bus_load or 0))


def test_tcp_has_no_bus_load() -> None:
    plan = describe(options(points={"a": {"at": "hr:0"}}), parse_endpoint("tcp://plc"))
    assert plan.bus_load is None


def test_blocks_of_a_serial_unit_differ_in_length_in_all_groups() -> None:
    keys = options(
        groups={"fast": {}, "slow": {}},
        points={
            "a": {"at": "hr:0"},
            "b": {"at": "hr:100"},
            "c": {"at": "hr:200", "group": "slow"},
        },
    )
    serial = planned_blocks(keys, parse_endpoint("rtu:/dev/ttyS0"))
    assert sorted(b.block.count for b in serial) == [1, 2, 3]
    tcp = planned_blocks(keys, parse_endpoint("tcp://plc"))
    assert [b.block.count for b in tcp] == [1, 1, 1]


def test_base_moves_points_and_readable_ranges_together() -> None:
    keys = options(
        base=1000, readable=["hr:0-9"], points={"a": {"at": "hr:2"}, "b": {"at": "hr:9"}}
    )
    [block] = planned_blocks(keys, parse_endpoint("tcp://plc"))
    assert str(block) == "hr:1002-1009"


def test_schema_for_editors_knows_every_key() -> None:
    schema = ModbusOptions.model_json_schema()
    assert set(ModbusOptions.model_fields) == set(schema["properties"])
