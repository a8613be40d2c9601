"""A controller's own OPC UA server as a source: node-opcua, killed, frozen and changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.node import Node
from asyncua.server.server import Server

from tests.drivers.opcua.plc import Plc, free_port
from tests.support.waiting import eventually
from tracenode.drivers.driver import Driver
from tracenode.drivers.opcua.configured import configured_opcua
from tracenode.drivers.opcua.source import OpcUaSource
from tracenode.drivers.supervisor import Supervisor, Timing
from tracenode.models.config import DeviceConfig
from tracenode.models.device_errors import DeviceException, LinkLost
from tracenode.models.errors import MalformedRequest
from tracenode.models.readings import DeviceState, Quality, Reading, Scan

pytestmark = pytest.mark.integration

BACK_WITHIN = 20.0
"""Seconds: the controller starts in a few, and the longest pause between two tries is five."""
NODES: Mapping[str, Mapping[str, Any]] = {
    "Force": {"node": "nsu=urn:tests:program;s=Force", "type": "Double", "max": 100},
    "Count": {"node": "ns=3;s=Count", "type": "UInt16", "writable": True},
    "Ready": {"node": "ns=3;s=Ready", "type": "Boolean", "writable": True},
    "Text": {"node": "ns=3;s=Text", "type": "String", "writable": True},
    "Level": {"node": "ns=3;s=Levels", "type": "Float", "index": 1, "writable": True},
    "Raw": {"node": "ns=3;s=Raw", "type": "Byte"},
}


class Shown:
    """What clients of the server would see: the latest reading of each point, and all of them."""

    def __init__(self) -> None:
        self.last: dict[str, Reading] = {}
        self.seen: list[Reading] = []

    def readings(self, readings: Sequence[Reading]) -> None:
        self.seen += readings
        self.last |= {reading.point: reading for reading in readings}

    async def scan(self, scan: Scan) -> None:
        raise AssertionError(f"no scan was expected: {scan}")

    def quality(self, point: str) -> Quality | None:
        return self.last[point].quality if point in self.last else None

    def value(self, point: str) -> Any:
        return self.last[point].value if point in self.last else None


def source(link: str, folder: Path = Path(), **keys: Any) -> OpcUaSource:
    table = {"security": "None", "publishing_ms": 50, "timeout_ms": 1000, "points": NODES, **keys}
    config = DeviceConfig.model_validate({"id": "Press", "driver": "opcua", "link": link, **table})
    driver = configured_opcua(config, folder, {}, None)
    assert isinstance(driver, OpcUaSource)
    return driver


@asynccontextmanager
async def supervised(driver: Driver, shown: Shown) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor([driver], shown, timing=Timing(stale_after=0.5))
    running = asyncio.create_task(supervisor.run())
    try:
        yield supervisor
    finally:
        supervisor.stop()
        await running


async def test_values_times_and_statuses_are_those_of_the_controller(controller: Plc) -> None:
    driver, shown = source(controller.link), Shown()
    async with supervised(driver, shown):
        await eventually(lambda: len([r for r in shown.last.values() if r.quality.good]) == 6)
        values = {name: reading.value for name, reading in shown.last.items()}
        assert values == {
            "Force": 1.5, "Count": 7, "Ready": True, "Text": "A", "Level": 2.0, "Raw": 200,
        }  # fmt: skip
        at = datetime(2026, 3, 1, 12, 0, 0, 250_000, UTC)
        for value, status, code in (
            (2.5, "GoodLocalOverride", 0x0096_0000),
            (3.5, "UncertainSensorNotAccurate", 0x4093_0000),
            (4.5, "BadSensorFailure", 0x808C_0000),
        ):
            await controller.do("set", "Force", "Double", value, status, at.isoformat())
            await eventually(lambda code=code: shown.quality("Force") == code)  # type: ignore[misc]
            reading = shown.last["Force"]
            assert reading.at == at
            assert reading.value == (value if reading.quality.usable else None)
        await controller.do("set", "Force", "Double", 250, "Good", at.isoformat())
        await eventually(lambda: shown.quality("Force") is Quality.OutOfRange)
        assert shown.value("Force") == 250
        assert driver.degraded == ""


async def test_another_type_or_an_array_is_never_shown_as_good(controller: Plc) -> None:
    points = {**NODES, "Any": {"node": "ns=3;s=Any", "type": "Double"}}
    driver, shown = source(controller.link, points=points), Shown()
    async with supervised(driver, shown) as supervisor:
        await eventually(lambda: shown.value("Any") == 1.5)
        for kind, value, words in (
            ("Float", 9, "expected Double, found Float"),
            ("Double[]", [9, 9], "expected Double, found Double[2]"),
            ("String", "9", "expected Double, found String"),
        ):
            await controller.do("set", "Any", kind, value)
            await eventually(lambda words=words: words in driver.degraded)  # type: ignore[misc]
            assert shown.last["Any"].quality is Quality.DataEncodingInvalid
            assert shown.last["Any"].value is None
        await eventually(lambda: supervisor.status("Press").state is DeviceState.Degraded)
        await controller.do("set", "Any", "Double", 2)
        await eventually(lambda: shown.value("Any") == 2)
        await eventually(lambda: supervisor.status("Press").state is DeviceState.Up)


async def test_a_node_that_is_missing_is_named_and_read_when_it_comes(
    controller: Plc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracenode.drivers.opcua.source.REFUSED_RETRY", 0.2)
    points = {
        **NODES,
        "Later": {"node": "ns=3;s=Later", "type": "Int32"},
        "Lost": {"node": "nsu=urn:tests:gone;s=Force", "type": "Double"},
        "Far": {"node": "ns=9;i=1", "type": "Double"},
        "Ninth": {"node": "ns=3;s=Levels", "type": "Float", "index": 8},
    }
    driver, shown = source(controller.link, points=points), Shown()
    async with supervised(driver, shown):
        await eventually(lambda: shown.quality("Later") is Quality.ConfigurationError)
        await eventually(lambda: shown.value("Count") == 7)
        assert "Later: ns=3;s=Later: the server answers BadNodeIdUnknown" in driver.degraded
        assert "urn:tests:program), found urn:tests:gone" in driver.degraded
        assert "0 to 3, found 9" in driver.degraded
        for name in ("Lost", "Far"):
            assert shown.quality(name) is Quality.ConfigurationError
        await eventually(lambda: not shown.last["Ninth"].quality.usable)
        await controller.do("add", "Later", "Int32", -5)
        await eventually(lambda: shown.value("Later") == -5)
        assert "Later" not in driver.degraded


@asynccontextmanager
async def counting() -> AsyncIterator[tuple[Server, Node]]:
    """asyncua's server in the same process, with one counter: for faults that it can be given."""
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{free_port()}/count")
    index = await server.register_namespace("urn:tests:count")
    node = ua.NodeId.from_string(f"ns={index};s=Count")
    counter = await server.nodes.objects.add_variable(node, "Count", 0.0)
    async with server:
        yield server, counter


COUNT = {"Count": {"node": "nsu=urn:tests:count;s=Count", "type": "Double", "sampling_ms": 0}}


async def test_every_value_of_a_burst_comes_in_order_while_it_fits() -> None:
    async with counting() as (server, counter):
        driver = source(server.endpoint.geturl(), points=COUNT, publishing_ms=500)
        shown = Shown()
        async with supervised(driver, shown):
            await eventually(lambda: shown.value("Count") == 0)
            for count, first in ((80, 1), (500, 401)):
                shown.seen.clear()
                for value in range(1, count + 1):
                    await counter.write_value(float(value))
                await eventually(lambda last=count: shown.value("Count") == last)  # type: ignore[misc]
                # A queue of 100: of more between two publishings the oldest go.
                assert [r.value for r in shown.seen][-100:] == list(range(first, count + 1))


async def test_a_subscription_that_the_server_forgets_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracenode.drivers.opcua.session.KEEP_ALIVE", 0.1)
    async with counting() as (server, counter):
        driver, shown = source(server.endpoint.geturl(), points=COUNT, timeout_ms=500), Shown()
        async with supervised(driver, shown) as supervisor:
            await eventually(lambda: shown.value("Count") == 0)
            service = server.iserver.subscription_service
            await service.delete_subscriptions(list(service.subscriptions))
            await eventually(lambda: supervisor.status("Press").state is DeviceState.BackOff)
            assert shown.quality("Count") is Quality.LastUsableValue
            await counter.write_value(5.0)
            await eventually(lambda: shown.value("Count") == 5, BACK_WITHIN)


async def test_a_notification_that_is_missing_has_every_value_read_anew() -> None:
    async with counting() as (server, counter):
        driver, shown = source(server.endpoint.geturl(), points=COUNT), Shown()
        async with supervised(driver, shown) as supervisor:
            await eventually(lambda: shown.value("Count") == 0)
            (subscription,) = server.iserver.subscription_service.subscriptions.values()
            subscription._notification_seq += 1  # as if one was sent and lost on the way
            await counter.write_value(5.0)
            await eventually(lambda: "notification" in supervisor.status("Press").error)
            await eventually(lambda: shown.value("Count") == 5, BACK_WITHIN)


async def test_a_killed_controller_is_read_again_when_it_is_back(controller: Plc) -> None:
    driver, shown = source(controller.link), Shown()
    async with supervised(driver, shown) as supervisor:
        await eventually(lambda: shown.value("Force") == 1.5)
        before = shown.last["Force"].at
        controller.kill()
        await eventually(lambda: shown.quality("Force") is Quality.LastUsableValue)
        assert (shown.value("Force"), shown.last["Force"].at) == (1.5, before)
        await eventually(lambda: shown.quality("Force") is Quality.NoCommunication)
        assert supervisor.status("Press").state is DeviceState.BackOff
        await controller.restart()
        await eventually(lambda: shown.quality("Force") is Quality.Good, BACK_WITHIN)
        assert {name: r.quality for name, r in shown.last.items()} == dict.fromkeys(
            NODES, Quality.Good
        )


async def test_a_controller_that_stands_still_is_noticed_though_its_link_is_up(
    controller: Plc,
) -> None:
    driver, shown = source(controller.link), Shown()
    async with supervised(driver, shown):
        await eventually(lambda: shown.value("Force") == 1.5)
        controller.freeze()
        try:
            await eventually(lambda: shown.quality("Force") is Quality.NoCommunication, 10.0)
        finally:
            controller.thaw()
        await eventually(lambda: shown.quality("Force") is Quality.Good, BACK_WITHIN)


async def test_writes_are_read_back(controller: Plc) -> None:
    driver = source(controller.link)
    async with driver:
        await driver.write({"Count": 65_535, "Ready": False, "Text": "Ä", "Level": 2.5})
        assert await controller.do("read", "Count") == 65_535
        assert await controller.do("read", "Ready") is False
        assert await controller.do("read", "Text") == "Ä"
        assert await controller.do("read", "Levels") == [1, 2.5, 3]
        for values in ({"Count": 65_536}, {"Count": True}, {"Text": 1}, {"Raw": 1}, {"None": 1}):
            with pytest.raises(MalformedRequest):
                await driver.write(values)
        await controller.do("remove", "Count")
        with pytest.raises(DeviceException, match="BadNodeIdUnknown"):
            await driver.write({"Count": 1})
    with pytest.raises(LinkLost, match="not connected"):
        await driver.write({"Ready": True})


async def test_no_server_there_says_so() -> None:
    driver = source("opc.tcp://127.0.0.1:9")
    with pytest.raises(LinkLost, match="nothing listens there"):
        await driver.__aenter__()
    await driver.__aexit__(None, None, None)
