"""A configuration file and what it configures: read, checked, made; no hardware is touched."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tracenode.drivers.driver import Driver
from tracenode.drivers.registry import Drivers
from tracenode.models.config import (
    Config,
    DeviceConfig,
    OpcUaConfig,
    parse_config,
    sound_devices,
)
from tracenode.models.errors import ConfigError, ConfigProblem
from tracenode.server.companions.planning import NO_MODELS, Plan, plan_of

if TYPE_CHECKING:
    from tracenode.drivers.mailbox.station import Booker

__all__ = ["Line", "load", "make_drivers"]


@dataclass(frozen=True, slots=True)
class Line:
    """A checked configuration: its file, and its devices' drivers with nothing behind them."""

    path: Path
    config: Config
    drivers: Sequence[Driver]
    plan: Plan = NO_MODELS
    """Information models beside ours."""

    @property
    def database(self) -> Path:
        return self.path.parent / self.config.store.path

    def device(self, device: str) -> DeviceConfig:
        """Return the table of a configured device."""
        return next(table for table in self.config.devices if table.id == device)


def load(path: Path) -> Line:
    """Read and check a configuration file, drivers' keys and nodesets included; touches no
    hardware.

    Raises:
        ConfigError: every fault.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = ConfigProblem("(file)", str(error), "a configuration file in UTF-8")
        raise ConfigError(str(path), [problem]) from error
    try:
        config = parse_config(text, str(path))
    except ConfigError as error:
        further = [*_further(text, error, path.parent), *_misfits(text, path.parent)]
        raise ConfigError(str(path), [*error.problems, *further]) from error
    problems: list[ConfigProblem] = []
    makes = Drivers(config.stations, folder=path.parent)
    drivers = _made(makes, enumerate(config.devices), problems)
    opcua = config.opcua
    plan, misfits = plan_of(opcua.companions, opcua.nodesets, path.parent, config.site.id)
    problems += misfits
    if problems:
        raise ConfigError(str(path), problems)
    return Line(path, config, drivers, plan)


def make_drivers(config: Config, source: str, booker: Booker | None) -> list[Driver]:
    """Return the drivers of the enabled devices; mailboxes book through `booker`.

    Raises:
        ConfigError: every fault of every device.
    """
    problems: list[ConfigProblem] = []
    makes = Drivers(config.stations, booker, Path(source).parent)
    drivers = _made(makes, enumerate(config.devices), problems)
    if problems:
        raise ConfigError(source, problems)
    return drivers


def _made(
    makes: Drivers, devices: Iterable[tuple[int, DeviceConfig]], problems: list[ConfigProblem]
) -> list[Driver]:
    drivers: list[Driver] = []
    for index, device in devices:
        try:
            driver = makes.make(device, f"devices[{index}]")
        except ConfigError as error:
            problems += error.problems
        else:
            if device.enabled:
                drivers.append(driver)
    return drivers


def _misfits(text: str, folder: Path) -> list[ConfigProblem]:
    """Return what is wrong with the models of a file that is wrong elsewhere."""
    try:
        data = tomllib.loads(text)
        opcua = OpcUaConfig.model_validate(data.get("opcua", {}))
    except (tomllib.TOMLDecodeError, ValidationError):
        return []
    return plan_of(opcua.companions, opcua.nodesets, folder, "")[1]


def _further(text: str, found: ConfigError, folder: Path) -> Iterator[ConfigProblem]:
    """Yield the faults that drivers find in a file that is wrong elsewhere too, each place once."""
    stations, devices = sound_devices(text)
    problems: list[ConfigProblem] = []
    _made(Drivers(stations, folder=folder), devices, problems)
    told = {problem.path for problem in found.problems}
    # A station with a fault of its own is no reason to say that there is none of its name.
    faulty = any(path.startswith("stations") for path in told)
    for problem in problems:
        if problem.path not in told and not (faulty and problem.path.endswith(".station")):
            yield problem
