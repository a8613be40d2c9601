"""A configuration file and what it configures: read, checked, made; no hardware is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tracenode.drivers.driver import Driver
from tracenode.drivers.registry import Drivers
from tracenode.models.config import Config, parse_config
from tracenode.models.errors import ConfigError, ConfigProblem

if TYPE_CHECKING:
    from tracenode.drivers.mailbox.station import Booker

__all__ = ["Line", "load", "make_drivers"]


@dataclass(frozen=True, slots=True)
class Line:
    """A checked configuration: its file, and its devices' drivers with nothing behind them."""

    path: Path
    config: Config
    drivers: Sequence[Driver]

    @property
    def database(self) -> Path:
        return self.path.parent / self.config.store.path


def load(path: Path) -> Line:
    """Read and check a configuration file, drivers' keys included; touches no hardware.

    Raises:
        ConfigError: every fault.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = ConfigProblem("(file)", str(error), "a configuration file in UTF-8")
        raise ConfigError(str(path), [problem]) from error
    config = parse_config(text, str(path))
    return Line(path, config, make_drivers(config, str(path), None))


def make_drivers(config: Config, source: str, booker: Booker | None) -> list[Driver]:
    """Return the drivers of the enabled devices; mailboxes book through `booker`.

    Raises:
        ConfigError: every fault of every device.
    """
    makes = Drivers(config.stations, booker)
    drivers: list[Driver] = []
    problems: list[ConfigProblem] = []
    for index, device in enumerate(config.devices):
        try:
            driver = makes.make(device, f"devices[{index}]")
        except ConfigError as error:
            problems += error.problems
        else:
            if device.enabled:
                drivers.append(driver)
    if problems:
        raise ConfigError(source, problems)
    return drivers
