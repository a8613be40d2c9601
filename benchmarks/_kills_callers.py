"""Callers that book while their server is killed: a call whose answer did not come is made again,
with the same RequestId, until it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaError

from benchmarks._fuzz_requests import site
from benchmarks._served import client_of, text
from tracenode.models.events import Complete, Register, Start

__all__ = ["MATERIAL", "Acknowledged", "Caller", "outlasting"]

MATERIAL: Final = "PUMP"
AGAIN_S: Final = 0.1
ANSWER_S: Final = 4.0
REPLAYED: Final = 1
"""Status OkReplayed: it was booked before, and this is the stored answer."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What the server has answered: this was recorded, under this EventSequence."""

    sequence: int
    kind: str
    item: str


class Caller:
    """Registers, starts and completes units at its own station, one call at a time."""

    def __init__(self, endpoint: str, number: int) -> None:
        self.station = f"OP{number + 1}0"
        self.acknowledged: list[Acknowledged] = []
        self.calling = False
        """True while an answer is waited for."""
        self.repeated = 0
        self.stored = 0
        """Answers that a killed server had not got out any more."""
        self.faults: list[str] = []
        self._endpoint, self._number = endpoint, number

    async def work(self, stop: asyncio.Event) -> None:
        """Book unit after unit; the last one is finished."""
        await outlasting(lambda: self._book(stop), self._lost)

    def _lost(self) -> None:
        self.repeated += self.calling
        self.calling = False

    async def _book(self, stop: asyncio.Event) -> None:
        async with client_of(self._endpoint, timeout=ANSWER_S) as client:
            while not (stop.is_set() and len(self.acknowledged) % len(_STEPS) == 0):
                await self._step(client)

    async def _step(self, client: Client) -> None:
        unit, step = divmod(len(self.acknowledged), len(_STEPS))
        kind, method = _STEPS[step]
        number = f"C{self._number}N{unit:06}"
        item = f"sn:{MATERIAL}:{number}"
        given = {
            "RegisterItem": [text(MATERIAL), text(""), text(number)],
            "StartItem": [text(item), text(""), text("")],
            "CompleteItem": [text(item), ua.Variant(1, ua.VariantType.Int32), text("")],
        }
        asked = ua.CallMethodRequest(
            ObjectId=site(f"St/{self.station}"), MethodId=site(f"St/{self.station}.{method}")
        )
        asked.InputArguments = [text(f"{self._number}-{unit}-{kind}"), *given[method]]
        self.calling = True
        (result,) = await client.uaclient.call([asked])
        result.StatusCode.check()
        sequence, *_, status = (value.Value for value in result.OutputArguments)
        self.calling = False
        if status > REPLAYED:
            self.faults.append(f"{method} of {item}: {status} {result.OutputArguments[-2].Value}")
        self.stored += status == REPLAYED
        self.acknowledged.append(Acknowledged(sequence, kind, item))


_STEPS: Final = (
    (Register.model_fields["type"].default, "RegisterItem"),
    (Start.model_fields["type"].default, "StartItem"),
    (Complete.model_fields["type"].default, "CompleteItem"),
)
"""What is recorded, and the method that does it."""


async def outlasting(work: Callable[[], Awaitable[None]], lost: Callable[[], None]) -> None:
    """Do what may lose its connection, anew until it ends by itself; tell each loss."""
    while True:
        try:
            await work()
        except (OSError, TimeoutError, UaError, asyncio.CancelledError) as error:
            # asyncua cancels what waits on a connection that is lost
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            lost()
            await asyncio.sleep(AGAIN_S)
        else:
            return
