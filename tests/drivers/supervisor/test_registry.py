"""Drivers by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from tracenode.drivers import registry
from tracenode.drivers.registry import Drivers, installed_drivers
from tracenode.drivers.scanner import Reader
from tracenode.models.config import DeviceConfig
from tracenode.models.errors import ConfigError, ConfigProblem


def device(id: str, driver: str, link: str, **options: object) -> DeviceConfig:
    return DeviceConfig.model_validate({"id": id, "driver": driver, "link": link, **options})


def problems(drivers: Drivers, config: DeviceConfig, at: str = "devices[0]") -> list[ConfigProblem]:
    with pytest.raises(ConfigError) as refused:
        drivers.make(config, at)
    return list(refused.value.problems)


def test_readers_are_made_from_their_tables_without_touching_hardware() -> None:
    drivers = Drivers()
    made = drivers.make(device("S1", "scanner", "serial:/dev/ttyNONE", terminator="ETX"))
    assert isinstance(made, Reader)
    assert (made.device, list(made.points)) == ("S1", [])
    assert (
        drivers.make(device("R1", "rfid", "tcp://10.0.0.9:4001", duplicate_ms=500)).device == "R1"
    )


def test_an_unknown_driver_lists_the_installed_ones() -> None:
    (problem,) = problems(Drivers(), device("S1", "scaner", "loop://"))
    assert problem.path == "devices[0].driver"
    assert "did you mean 'scanner'" in problem.found
    for name in installed_drivers():
        assert name in problem.expected
    assert {"modbus", "rfid", "scanner"} <= set(installed_drivers())


def test_every_fault_of_a_table_is_told() -> None:
    found = problems(
        Drivers(),
        device("S1", "scanner", "serial:COM3?baud=1", idle_ms=0, terminater="CR", encoding="x"),
    )
    words = {problem.path: problem for problem in found}
    assert set(words) == {
        "devices[0].link",
        "devices[0].idle_ms",
        "devices[0].terminater",
        "devices[0].encoding",
    }
    assert "baudrate" in words["devices[0].link"].expected
    assert "did you mean 'terminator'" in words["devices[0].terminater"].found
    assert words["devices[0].encoding"].expected.startswith("a text encoding")


def test_two_readers_on_one_wire_are_refused() -> None:
    drivers = Drivers()
    drivers.make(device("S1", "scanner", "serial:COM3"))
    (problem,) = problems(drivers, device("R1", "rfid", "serial:COM3?baudrate=115200"))
    assert problem.path == "devices[0].link"
    assert "S1" in problem.found
    drivers.make(device("S2", "scanner", "loop://"))
    drivers.make(device("S3", "scanner", "loop://"))


def test_a_driver_of_another_package_comes_through_the_entry_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weigher = EntryPoint("weigher", f"{__name__}:scales", registry.GROUP)
    broken = EntryPoint("broken", "no_such_package:drivers", registry.GROUP)
    monkeypatch.setattr(registry, "_foreign", lambda: {"weigher": weigher, "broken": broken})
    monkeypatch.setattr(EntryPoint, "load", load_here)
    assert Drivers().make(device("W1", "weigher", "loop://")).device == "W1"
    (problem,) = problems(Drivers(), device("W2", "broken", "loop://"))
    assert "no_such_package" in problem.found


original_load = EntryPoint.load


def load_here(point: EntryPoint) -> object:
    return scales if point.name == "weigher" else original_load(point)


def scales() -> registry.Make:
    own = Drivers()
    return lambda config, at: own.make(config.model_copy(update={"driver": "scanner"}), at)
