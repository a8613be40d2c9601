"""The methods of Log for registered consumers: come back, acknowledge, have events sent again."""

from __future__ import annotations

from tracenode.models.errors import MalformedRequest
from tracenode.server.consumers import LAST, Consumers, Owner
from tracenode.server.opcua.methods.gateway import CallContext, Handler
from tracenode.server.opcua.surface.methods.booking import required
from tracenode.server.opcua.surface.replay import Replays

__all__ = ["ConsumerMethods"]

NAME = "the consumer's own name"


class ConsumerMethods:
    """The handlers. A consumer is its application's and its user's who registered it."""

    def __init__(self, consumers: Consumers, replays: Replays) -> None:
        self._consumers, self._replays = consumers, replays

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        return {
            "RegisterConsumer": self.register_consumer,
            "Acknowledge": self.acknowledge,
            "Replay": self.replay,
        }

    async def register_consumer(
        self, call: CallContext, *, consumer_id: str | None, from_sequence: int | None
    ) -> dict[str, object]:
        name = required(consumer_id, "ConsumerId", NAME)
        made = await self._consumers.register(name, _owner(call), from_sequence or 0)
        return {"acknowledged_sequence": made.acknowledged}

    async def acknowledge(
        self, call: CallContext, *, consumer_id: str | None, up_to_sequence: int | None
    ) -> dict[str, object]:
        name = required(consumer_id, "ConsumerId", NAME)
        pending = await self._consumers.acknowledge(name, _owner(call), up_to_sequence or 0)
        return {"pending_records": pending}

    async def replay(
        self,
        call: CallContext,
        *,
        consumer_id: str | None,
        from_sequence: int | None,
        to_sequence: int | None,
        max_per_second: int | None,
    ) -> dict[str, object]:
        """Begin to send; the answer says how many it will be, and comes first."""
        name = required(consumer_id, "ConsumerId", NAME)
        await self._consumers.own(name, _owner(call))
        latest = self._replays.latest
        first = max(1, from_sequence or 1)
        last = latest if not to_sequence else min(to_sequence, LAST)
        if last > latest:
            raise MalformedRequest("ToSequence", f"at most {latest}, the latest", str(to_sequence))
        if first > last + 1 or (first > last and to_sequence):
            raise MalformedRequest("FromSequence", f"at most {last}", str(first))
        self._replays.start(name, call.caller.session_id, first, last, max_per_second or 0)
        return {"record_count": last - first + 1}


def _owner(call: CallContext) -> Owner:
    return Owner(call.caller.application_uri, call.caller.user or "")
