"""Drivers by name: ours, and those of other packages through the entry-point group.

A package brings a driver with a function that returns a `Make`, called once per server, so that its
devices can share what they must (a bus, a session):

    [project.entry-points."tracenode.drivers"]
    weigher = "acme_weigher:weighers"

    def weighers() -> Make:
        return lambda config, at: Weigher(config.id, opener(parse_link(config.link)))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from tracenode.drivers.driver import Driver
from tracenode.models.config import DeviceConfig, StationConfig
from tracenode.models.errors import ConfigError, ConfigProblem

if TYPE_CHECKING:
    from tracenode.drivers.mailbox.neighbours import Booker

__all__ = ["GROUP", "Drivers", "Make", "installed_drivers"]

GROUP: Final = "tracenode.drivers"

Make: TypeAlias = Callable[[DeviceConfig, str], Driver]
"""A device's table and its path in the file (`devices[2]`) -> its driver, without touching
hardware; raises ConfigError with every fault of the table."""


def _readers(drivers: Drivers) -> dict[str, Make]:
    from tracenode.drivers.rfid.configured import configured_rfid
    from tracenode.drivers.scale.configured import configured_scale
    from tracenode.drivers.scanner.configured import Claims, configured_scanner

    claims: Claims = {}
    return {
        "scanner": lambda config, at: configured_scanner(config, claims, at),
        "rfid": lambda config, at: configured_rfid(config, claims, at),
        "scale": lambda config, at: configured_scale(config, claims, at),
    }


def _modbus(drivers: Drivers) -> dict[str, Make]:
    from tracenode.drivers.mailbox.configured import configured_modbus
    from tracenode.drivers.modbus.guard import Links
    from tracenode.drivers.modbus.point_table import with_point_table

    links, stations, booker = Links(drivers.folder), drivers.stations, drivers.booker

    def modbus(config: DeviceConfig, at: str) -> Driver:
        whole = with_point_table(config, drivers.folder, at)
        return configured_modbus(whole, links, stations, booker, at)

    return {"modbus": modbus}


def _mqtt(drivers: Drivers) -> dict[str, Make]:
    from tracenode.drivers.mqtt.configured import ClientIds, configured_mqtt

    folder = drivers.folder
    taken: ClientIds = {}
    return {"mqtt": lambda config, at: configured_mqtt(config, folder, taken, at)}


def _opcua(drivers: Drivers) -> dict[str, Make]:
    from tracenode.drivers.opcua.configured import configured_opcua

    folder, stations, booker = drivers.folder, drivers.stations, drivers.booker
    return {"opcua": lambda config, at: configured_opcua(config, folder, stations, booker, at)}


def _modbus_server(drivers: Drivers) -> dict[str, Make]:
    from tracenode.drivers.mailbox.configured_listener import configured_listener
    from tracenode.drivers.modbus.listener import Listeners

    listeners, stations, booker = Listeners(), drivers.stations, drivers.booker
    return {
        "modbus-server": lambda config, at: configured_listener(
            config, listeners, stations, booker, at
        )
    }


BUILT_IN: Final[dict[str, Callable[[Drivers], dict[str, Make]]]] = {
    "modbus": _modbus,
    "modbus-server": _modbus_server,
    "mqtt": _mqtt,
    "opcua": _opcua,
    "rfid": _readers,
    "scale": _readers,
    "scanner": _readers,
}
"""Name -> what makes it and its relatives; imported when a device asks for it."""


@cache
def _foreign() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in BUILT_IN}


def installed_drivers() -> Sequence[str]:
    """Every name that a device's `driver` may have; none is imported for that."""
    return sorted({*BUILT_IN, *_foreign()})


class Drivers:
    """Makes the drivers of one server. `stations` and `booker` are for the register mailboxes;
    without a booker (a check of the configuration) they are checked and not served. Files that a
    device names are relative to `folder`, that of the configuration."""

    def __init__(
        self,
        stations: Iterable[StationConfig] = (),
        booker: Booker | None = None,
        folder: Path = Path(),
    ) -> None:
        self.stations = {station.id: station for station in stations}
        self.booker = booker
        self.folder = folder
        self._makes: dict[str, Make] = {}

    def make(self, config: DeviceConfig, at: str = "") -> Driver:
        """Make the driver of a configured device; touches no hardware.

        Raises:
            ConfigError: an unknown driver, one that can't be imported, or every fault of the
                device's table.
        """
        if config.driver not in self._makes:
            where = f"{at}.driver" if at else "driver"
            self._makes |= self._load(config, where)
        return self._makes[config.driver](config, at)

    def _load(self, config: DeviceConfig, where: str) -> dict[str, Make]:
        name = config.driver
        if name in BUILT_IN:
            return BUILT_IN[name](self)
        if name not in _foreign():
            names = installed_drivers()
            near = get_close_matches(name, names, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            problem = ConfigProblem(where, f"{name!r}{hint}", f"one of {', '.join(names)}")
            raise ConfigError(config.id, [problem])
        point = _foreign()[name]
        try:
            return {name: point.load()()}
        except (ImportError, AttributeError) as e:
            found = f"{point.value}, which can't be imported: {e}"
            raise ConfigError(config.id, [ConfigProblem(where, found, "a whole driver")]) from e
