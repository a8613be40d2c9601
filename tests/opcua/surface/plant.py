"""A plant of four stations with a server over a real database, and how its clients call it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client

from tests.support.waiting import eventually
from tracenode.models.config import Config, parse_config
from tracenode.models.events import Master, Receive, Register, TraceEvent
from tracenode.models.quantities import Quantity
from tracenode.models.readings import Point, PointType
from tracenode.models.receipts import Receipt, Requester
from tracenode.models.roles import GRANTED
from tracenode.server.companions.planning import NO_MODELS, Plan
from tracenode.server.opcua.core import ServerOptions, TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.surface import Surface
from tracenode.server.trace import Trace

CONFIG = """
[site]
id = "Test"

[[stations]]
id = "OP10"
path = "Plant1/Hall2/Line3"
name = "Press"

[[stations]]
id = "OP20"
path = "Plant1/Hall2/Line3"
step = "assembly"

[[stations]]
id = "OP30"
path = "Plant1/Hall 4"

[[stations]]
id = "OP40"
path = "Plant1/Hall2/Line4"

[[devices]]
id = "Scanner_OP10"
driver = "scanner"
link = "tcp://127.0.0.1:1"
station = "OP10"

[[devices]]
id = "Press_OP20"
driver = "modbus"
link = "tcp://127.0.0.1:2"
station = "OP20"
"""
POINTS: Mapping[str, tuple[Point, ...]] = {
    "Press_OP20": (
        Point("Force", PointType.Double, "B47", 0.0, 50.0, "Force of the ram."),
        Point("Count", PointType.UInt32),
    )
}
OFFICE = Requester("test:office")
_numbers = itertools.count(1)


def site(text: str) -> ua.NodeId:
    return ua_id(text, 3)


def request_id() -> str:
    return f"r{next(_numbers)}"


@dataclass
class Plant:
    """The running server and its parts."""

    server: TraceServer
    trace: Trace
    surface: Surface
    config: Config
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def book(self, event: TraceEvent, requester: Requester = OFFICE) -> Receipt:
        """Record an event as some other client would; it must not be refused."""
        receipt = await self.trace.record(event, requester)
        assert not receipt.refused, receipt.text
        return receipt

    async def unit(self, material: str = "PUMP") -> str:
        """Register a new unit and return its public id."""
        number = f"{next(self.numbers):06}"
        event = Register(station="OP10", item=number, material=material)
        return (await self.book(event)).item

    async def lot(self, material: str = "STEEL", amount: str = "1000 H87") -> str:
        """Receive a new lot and return its public id."""
        number = f"L{next(self.numbers):05}"
        quantity = Quantity.model_validate(amount)
        event = Receive(item=number, material=material, quantity=quantity)
        return (await self.book(event)).item


async def master_data(trace: Trace) -> None:
    for key, kind in (("PUMP", "unit"), ("ROTOR", "unit"), ("STEEL", "lot"), ("BOX", "container")):
        data = {"kind": kind, "name": f"{key.title()} of the test"}
        await trace.record(Master(kind="material", key=key, data=data), OFFICE)
    order = {"material": "PUMP", "quantity": "10 H87"}
    await trace.record(Master(kind="order", key="4711", data=order), OFFICE)


@asynccontextmanager
async def running(
    database: Path, config: Config | None = None, plan: Plan = NO_MODELS, **options: Any
) -> AsyncIterator[Plant]:
    """A server on a free port over a database, made where there is none; `options` are those of
    the server, where anonymous clients may do all else. `plan`: models beside ours."""
    config = config or parse_config(CONFIG, "test.toml")
    with Trace.open(
        database, site=config.site.id, create=True, reading_processes=config.store.reading_processes
    ) as trace:
        server = TraceServer(
            ServerOptions(
                config.site.id,
                endpoint="opc.tcp://127.0.0.1:0/tracenode",
                **{"anonymous": GRANTED, **options},
            )
        )
        await server.open()
        surface = Surface(server, trace, config, POINTS, plan)
        await surface.build()
        await server.start()
        telling = asyncio.create_task(surface.run())
        try:
            yield Plant(server, trace, surface, config)
        finally:
            telling.cancel()
            await asyncio.wait([telling])
            await surface.close()
            await server.stop()
        if not telling.cancelled():
            telling.result()


async def call(
    client: Client, node: str, method: str, *arguments: Any, by_type: ua.NodeId | None = None
) -> ua.CallMethodResult:
    """Call a method of an object by its id; a plain argument becomes the declared type."""
    request = ua.CallMethodRequest()
    request.ObjectId = site(node)
    request.MethodId = by_type or site(f"{node}.{method}")
    request.InputArguments = [_variant(argument) for argument in arguments]
    return (await client.uaclient.call([request]))[0]


async def outputs(client: Client, node: str, method: str, *arguments: Any) -> list[Any]:
    """Call a method that is answered, and return its outputs."""
    result = await call(client, node, method, *arguments)
    assert result.StatusCode.is_good(), (result.StatusCode, result.InputArgumentResults)
    return [variant.Value for variant in result.OutputArguments]


def _variant(argument: Any) -> ua.Variant:
    match argument:
        case ua.Variant():
            return argument
        case str():
            return ua.Variant(argument, ua.VariantType.String)
        case float():
            return ua.Variant(argument, ua.VariantType.Double)
        case int():
            return ua.Variant(argument, ua.VariantType.Int32)
        case list():
            return ua.Variant(argument, ua.VariantType.String, is_array=True)
    return ua.Variant(argument)


async def read(client: Client, node: str) -> Any:
    """Return the value of a variable."""
    return await client.get_node(site(node)).read_value()


async def shows(client: Client, node: str, value: object) -> None:
    """Wait until a variable has this value."""

    async def equal() -> bool:
        return bool(await read(client, node) == value)

    condition: Callable[[], bool | Awaitable[bool]] = equal
    await eventually(condition)
