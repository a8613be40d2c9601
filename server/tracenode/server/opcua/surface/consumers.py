"""The consumers of the log as nodes: one appears with its registration, and goes when removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from asyncua import ua

from tracenode.server.consumers import ConsumerLag
from tracenode.server.opcua.core import TraceServer
from tracenode.server.opcua.methods.arguments import NULL_DATE
from tracenode.server.opcua.nodes.values import NewValue
from tracenode.server.opcua.surface.changes import ModelChanges
from tracenode.server.opcua.surface.keys import below, model_id
from tracenode.server.opcua.surface.tree import ORGANIZES, Members

__all__ = ["ConsumerNodes", "LagListener"]

CONSUMER: Final = model_id("TraceConsumerType")
LagListener = Callable[[ConsumerLag], None]
"""Hears of a consumer each time it begins or ends to lag, or strays."""


class ConsumerNodes:
    """Keeps the nodes of all consumers as they were read last."""

    def __init__(self, server: TraceServer, log: Members, changes: ModelChanges) -> None:
        """`log`: ids of the members of Traceability, those of Log among them."""
        self._server, self._log, self._changes = server, log, changes
        changes.watch(log["Log.Consumers"])
        self._made: dict[str, Members] = {}
        self._acknowledged: dict[str, int] = {}
        self._trouble: dict[str, tuple[bool, bool]] = {}
        self._listeners: list[LagListener] = []

    def listen(self, listener: LagListener) -> None:
        """Call `listener` when a consumer begins or ends to lag or to be strayed: what an alarm is
        made of."""
        self._listeners.append(listener)

    def shown(self, lags: Sequence[ConsumerLag]) -> Iterator[NewValue]:
        """Yield every value of all consumers; makes and removes nodes."""
        for name in self._made.keys() - {lag.consumer.name for lag in lags}:
            self._remove(name)
        for lag in lags:
            self._tell(lag)
            yield from self._values(lag)
        yield NewValue(self._log["Log.ConsumerCount"], len(lags))
        yield NewValue(self._log["Log.LaggingConsumers"], sum(lag.lagging for lag in lags))

    @property
    def made(self) -> Mapping[str, Members]:
        """The ids of the members of each consumer's node."""
        return self._made

    def pending(self, latest: int) -> Iterator[NewValue]:
        """Yield how many records wait for each, after a commit."""
        for name, members in self._made.items():
            yield NewValue(members["Pending"], max(0, latest - self._acknowledged[name]))

    def _values(self, lag: ConsumerLag) -> Iterator[NewValue]:
        consumer = lag.consumer
        members = self._made.get(consumer.name) or self._make(consumer.name)
        self._acknowledged[consumer.name] = consumer.acknowledged
        yield NewValue(members["Acknowledged"], consumer.acknowledged)
        yield NewValue(members["Pending"], lag.pending)
        yield NewValue(members["LastSeen"], consumer.seen)
        yield NewValue(members["Owner"], str(consumer.owner))
        yield NewValue(members["OldestPending"], lag.oldest or NULL_DATE)
        yield NewValue(members["Lagging"], lag.lagging)
        yield NewValue(members["StatusText"], lag.text)

    def _tell(self, lag: ConsumerLag) -> None:
        name, trouble = lag.consumer.name, (lag.lagging, lag.strayed)
        if self._trouble.get(name, (False, False)) != trouble:
            for listener in self._listeners:
                listener(lag)
        self._trouble[name] = trouble

    def _make(self, name: str) -> Members:
        folder: ua.NodeId = self._log["Log.Consumers"]
        node_id = below(folder, ".", name)
        made = self._made[name] = self._server.instances.create(
            CONSUMER, node_id, name, parent=folder, reference_type=ORGANIZES
        )
        self._changes.added(folder, node_id, CONSUMER)
        return made

    def _remove(self, name: str) -> None:
        members = self._made.pop(name)
        self._acknowledged.pop(name, None)
        self._trouble.pop(name, None)
        for node_id in members.values():
            self._server.book.remove(node_id)
        folder = self._log["Log.Consumers"]
        self._server.book.remove(below(folder, ".", name))
        self._changes.removed(folder, below(folder, ".", name), CONSUMER)
