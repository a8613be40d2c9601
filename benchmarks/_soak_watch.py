"""A client that compares what the server shows as Good with what the devices hold."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds

from benchmarks._served import Places
from tests.support.modbus_faults import oracle

__all__ = ["ADDRESSES", "FRESH_S", "Polled", "Watch", "settled"]

ADDRESSES: Final = (*range(200, 240), *range(300, 315))
"""Registers of each device: two blocks, so that an answer can be that to another question."""
EVERY: Final = 5
"""Addresses that it divides have the hundredths of a second of the monotonic clock added."""
FRESH_S: Final = 5.0
"""A Good value is no older. The time-outs take half a second; a busy machine may take seconds."""
LOOK_S: Final = 0.2
UP: Final = 2
SETTLED_S: Final = 45.0


@dataclass(frozen=True, slots=True)
class Polled:
    """A device with points, by its id."""

    device: str
    unit: int


@dataclass(slots=True)
class Watch:
    """Reads every point of the devices several times a second, over one session."""

    devices: Sequence[Polled]
    looks: int = 0
    good: int = 0
    clocked: int = 0
    """Of these with a clock in them."""
    oldest_s: float = 0.0
    wrong: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    _newest: dict[tuple[str, int], float] = field(default_factory=dict)

    async def work(self, client: Client, stop: asyncio.Event) -> None:
        """Compare until told to stop."""
        places = await Places.of(client)
        keys = [(polled, address) for polled in self.devices for address in ADDRESSES]
        nodes = [
            places.node(f"Dev/{polled.device}.Points.R{address}").nodeid for polled, address in keys
        ]
        while not stop.is_set():
            before = time.monotonic()
            shown = await client.uaclient.read_attributes(nodes, AttributeIds.Value)
            after = time.monotonic()
            self.looks += 1
            for (polled, address), found in zip(keys, shown, strict=True):
                self.compare(polled, address, found, before, after)
            await asyncio.sleep(max(0.0, before + LOOK_S - time.monotonic()))

    def compare(
        self, polled: Polled, address: int, found: ua.DataValue, before: float, after: float
    ) -> None:
        """Note what is wrong with a value that was read between two times of the monotonic clock,
        if it is Good."""
        status = found.StatusCode or ua.StatusCode(ua.UInt32(0))
        self.statuses[status.name] += 1
        if not status.is_good():
            return
        self.good += 1
        value = found.Value.Value if found.Value is not None else None
        where = f"{polled.device} register {address}"
        if not isinstance(value, int):
            self.wrong.append(f"{where}: Good without a value")
            return
        more = (value - oracle(address, polled.unit)) & 0xFFFF
        if address % EVERY:
            if more:
                self.wrong.append(f"{where}: {value}")
            return
        # The clock of the register, which begins anew each 655 s, taken to be near to now.
        self.clocked += 1
        now = int(before * 100)
        age = ((now - more + 0x8000) & 0xFFFF) - 0x8000
        told = (now - age) / 100
        self.oldest_s = max(self.oldest_s, age / 100)
        if age / 100 > FRESH_S or told > after:
            self.wrong.append(f"{where}: {value}, {age / 100} s old")
        elif told < self._newest.get((polled.device, address), 0.0):
            self.wrong.append(f"{where}: {value} after a later one")
        self._newest[polled.device, address] = told


async def settled(client: Client, devices: Sequence[str]) -> dict[str, int]:
    """Wait until every device is Up, SETTLED_S at most; return those that are not, with their
    state."""
    places = await Places.of(client)
    ends = time.monotonic() + SETTLED_S
    while True:
        states = {
            device: await (await places.member(places.node(f"Dev/{device}"), "State")).read_value()
            for device in devices
        }
        left = {device: state for device, state in states.items() if state != UP}
        if not left or time.monotonic() > ends:
            return left
        await asyncio.sleep(LOOK_S)
