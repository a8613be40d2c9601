"""Whatever a user can say or meet is in the pages: commands, keys, events, methods, numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import click
import pytest
from pydantic import BaseModel

from tests.docs.pages import page, section
from tests.support.project import ROOT
from tracenode.drivers.link.spec import SCHEMES, SerialSettings
from tracenode.drivers.mailbox.configured_listener import ServedOptions
from tracenode.drivers.mailbox.options import MailboxOptions
from tracenode.drivers.modbus.datatypes import PLAIN, Order
from tracenode.drivers.modbus.endpoint import Framing
from tracenode.drivers.modbus.options import GroupOptions, ModbusOptions, PointOptions
from tracenode.drivers.modbus.tls import TlsFiles
from tracenode.drivers.mqtt.options import Availability, MqttOptions, ScanTopic, TopicPoint
from tracenode.drivers.opcua.options import AreaOptions, NodeOptions, OpcUaOptions
from tracenode.drivers.registry import BUILT_IN
from tracenode.drivers.rfid.options import RfidOptions
from tracenode.drivers.scale.options import ScaleOptions
from tracenode.drivers.scale.protocols import Protocol
from tracenode.drivers.scanner.options import ScannerOptions
from tracenode.drivers.telegram import Terminator
from tracenode.models.config import (
    ConsumersConfig,
    DeviceConfig,
    OpcUaConfig,
    SiteConfig,
    StationConfig,
    StoreConfig,
    parse_config,
)
from tracenode.models.events import EVENT_TYPES
from tracenode.models.nameplates import Nameplate
from tracenode.models.readings import DeviceState, Quality, RejectReason
from tracenode.models.status import TraceStatus
from tracenode.server.__main__ import COMMANDS, main
from tracenode.server.commands.common import Exit
from tracenode.server.master_import import TABLES
from tracenode.server.nodeset_data import node_numbers
from tracenode.server.opcua.methods.gateway import Handler, MethodGateway
from tracenode.server.opcua.surface.bindings import bind_methods
from tracenode.server.opcua.surface.methods.pinning import PinMethods

COMMAND_LINE = page("docs/command-line.md")
CONFIGURATION = page("docs/configuration.md")
DEVICES = page("docs/devices.md")
OPCUA = page("docs/opcua.md")


def coded(text: str, names: Iterable[str]) -> list[str]:
    """Return those names that do not stand in the text as code, alone or with an argument."""
    return [name for name in names if f"`{name}`" not in text and f"`{name} " not in text]


def command(name: str) -> click.Command:
    """Return a command; the name of one in a group begins with the group's."""
    found = cast(click.Command, main)
    for word in name.split():
        group = cast(click.Group, found)
        within = group.get_command(click.Context(group), word)
        assert within is not None
        found = within
    return found


def command_names() -> Iterator[str]:
    for name in sorted(COMMANDS):
        group = command(name)
        if isinstance(group, click.Group):
            yield from (f"{name} {within}" for within in sorted(group.commands))
        else:
            yield name


# ------------------------------------------------------------------ command line
@pytest.mark.parametrize("name", list(command_names()))
def test_every_command_and_option_is_described(name: str) -> None:
    assert not coded(COMMAND_LINE, [name])
    assert not coded(page("README.md"), [name])
    options = [
        option
        for parameter in command(name).params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    ]
    assert not [option for option in options if option not in COMMAND_LINE]
    assert command(name).help
    described = [p for p in command(name).params if isinstance(p, click.Option)]
    assert all(option.help for option in described)


def test_every_exit_code_is_described() -> None:
    for code in Exit:
        assert f"\n| {code.value} | " in COMMAND_LINE


def test_all_commands_take_json() -> None:
    without = [
        name
        for name in command_names()
        if "--json" not in [o for p in command(name).params for o in p.opts]
    ]
    assert not without


def test_every_column_of_an_import_is_described() -> None:
    columns = {column for table in TABLES for column in (*table.required, *table.optional)}
    assert not coded(section(COMMAND_LINE, "### import-master"), columns)


# ------------------------------------------------------------------ configuration
@pytest.mark.parametrize(
    ("heading", "model", "left_out"),
    [
        ("## `[site]`", SiteConfig, ()),
        ("## `[store]`", StoreConfig, ()),
        ("## `[opcua]`", OpcUaConfig, ()),
        ("## `[consumers]`", ConsumersConfig, ()),
        ("## `[[stations]]`", StationConfig, ()),
        ("## `[[devices]]`", DeviceConfig, ()),
        ('### `driver = "scanner"`', ScannerOptions, ()),
        ('### `driver = "rfid"`', RfidOptions, tuple(ScannerOptions.model_fields)),
        ('### `driver = "scale"`', ScaleOptions, ()),
        ('### `driver = "modbus"`', ModbusOptions, ()),
        ('### `driver = "modbus"`', PointOptions, ()),
        ('### `driver = "modbus"`', GroupOptions, ()),
        ('### `driver = "modbus"`', TlsFiles, ()),
        ('### `driver = "modbus-server"`', ServedOptions, ()),
        ('### `driver = "opcua"`', OpcUaOptions, ()),
        ('### `driver = "opcua"`', NodeOptions, ()),
        ('### `driver = "opcua"`', AreaOptions, ()),
        ('### `driver = "mqtt"`', MqttOptions, ()),
        ('### `driver = "mqtt"`', ScanTopic, ()),
        ('### `driver = "mqtt"`', TopicPoint, ()),
        ('### `driver = "mqtt"`', Availability, ()),
        ("### `nameplate`", Nameplate, ()),
        ("### `mailbox`", MailboxOptions, ()),
    ],
)
def test_every_key_is_described(
    heading: str, model: type[BaseModel], left_out: tuple[str, ...]
) -> None:
    wanted = [name for name in model.model_fields if name not in left_out]
    assert not coded(section(CONFIGURATION, heading), wanted)


def test_every_word_that_a_key_takes_is_described() -> None:
    words = [*map(str, Terminator), *map(str, Protocol), *map(str, Order), *PLAIN, *BUILT_IN]
    assert not coded(CONFIGURATION, words)


def test_links_are_described() -> None:
    table = section(DEVICES, "## Links")
    assert not [scheme for scheme in SCHEMES if f"`{scheme}:" not in table]
    assert not [framing for framing in Framing if f"`{framing}:" not in table]
    settings = [name for name in SerialSettings.__dataclass_fields__ if name != "baudrate"]
    assert not coded(table, ["baudrate", "backend", *settings])


# ------------------------------------------------------------------ what devices say
def test_every_driver_reject_state_and_quality_is_described() -> None:
    assert not coded(DEVICES, BUILT_IN)
    rejects, states = section(DEVICES, "## Scans"), section(DEVICES, "## States")
    assert not [reject.name for reject in RejectReason if f"| {reject.name} |" not in rejects]
    assert not [state.name for state in DeviceState if f"| {state.name} |" not in states]
    names = {
        Quality.Good: "Good",
        Quality.LastUsableValue: "UncertainNoCommunicationLastUsableValue",
        Quality.OutOfRange: "UncertainEngineeringUnitsExceeded",
        Quality.Unstable: "Uncertain",
    }
    readings = section(DEVICES, "## Readings")
    for quality in Quality:
        assert f"| {names.get(quality, f'Bad{quality.name}')}" in readings


# ------------------------------------------------------------------ benchmarks
def test_every_benchmark_is_described() -> None:
    names = [path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py")]
    assert "store" in names
    described = page("docs/performance.md")
    assert not [name for name in names if f"\npython run.py bench {name} " not in described]


# ------------------------------------------------------------------ OPC UA
def test_every_recorded_event_is_described() -> None:
    events = section(OPCUA, "## Events")
    assert not coded(events, EVENT_TYPES)
    assert not coded(page("CHANGELOG.md"), EVENT_TYPES)


def test_every_status_is_described() -> None:
    table = section(OPCUA, "## Calling methods")
    assert not [s.name for s in TraceStatus if f" {s.value} {s.name} " not in table]


class Bound(MethodGateway):
    """A gateway that only remembers what is bound to it."""

    def __init__(self) -> None:
        self.methods: set[str] = set()

    def bind_type(self, type_id: Any, handlers: Mapping[str, Handler], **_: Any) -> None:
        self.methods |= handlers.keys()


def offered() -> set[str]:
    gateway = Bound()
    none = cast(Any, None)
    bind_methods(
        gateway, none, parse_config('[site]\nid = "a"\n', "a"), none, none, PinMethods(none)
    )
    return gateway.methods


def modelled() -> Iterator[str]:
    """Yield the names of all methods of the model."""
    for path, number in node_numbers().items():
        if 7001 <= number < 8000 and path.count("/") == 1:
            yield path.rpartition("/")[2]


def test_every_method_is_described_as_offered_or_not() -> None:
    assert offered() <= set(modelled())
    headings = {word.rpartition(".")[2] for word in page("docs/model.md").split()}
    assert not [name for name in modelled() if name not in headings]
    table = section(OPCUA, "## Calling methods").replace(",", " ").split()
    limits = (
        section(page("docs/limits.md"), "## OPC UA").replace(",", " ").replace(".", " ").split()
    )
    assert not [name for name in offered() if name not in table]
    assert not [name for name in modelled() if name not in table and name not in limits]
    assert not [name for name in offered() if name in limits and name != "ReadRecords"]
