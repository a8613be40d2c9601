"""Monitored items: what is watched, what is queued, what is told (OPC 10000-4 5.13.1)."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from asyncua import ua
from asyncua.server.address_space import AttributeValue

from tracenode.server.opcua.nodes.ranges import sliced
from tracenode.server.opcua.nodes.samples import Sample
from tracenode.server.opcua.subscriptions.deadband import ANY_CHANGE, ChangeFilter
from tracenode.server.opcua.subscriptions.filters import CompiledFilter
from tracenode.server.opcua.subscriptions.messages import Notifications
from tracenode.server.opcua.subscriptions.queues import Budget, Queue
from tracenode.server.opcua.subscriptions.sampling import Sampler
from tracenode.server.opcua.subscriptions.selection import Fields
from tracenode.server.opcua.subscriptions.targets import Target

__all__ = ["HANDLE", "DataItem", "EventItem", "Item", "Ready"]

HANDLE: Final = struct.Struct("<I")
MODE = ua.MonitoringMode
DISABLED, SAMPLING, REPORTING = MODE.Disabled, MODE.Sampling, MODE.Reporting


class Ready(Protocol):
    """What an item needs of its subscription."""

    budget: Budget
    session_id: ua.NodeId | None
    hears: Callable[[int], bool]
    ready: deque[Item]
    """Items that have, or had, something to be told, each once (`Item.is_ready`)."""


class Item(Queue[Any]):
    """A monitored item of either kind: the queue of what it has to tell, its mode, the items that
    it triggers.

    `released` counts the oldest entries that may be told while it is sampling: those that a
    triggering item has let go. While it is reporting all may.
    """

    __slots__ = (
        "head",
        "is_ready",
        "linked_by",
        "links",
        "mode",
        "number",
        "owner",
        "released",
        "target",
    )

    is_event = False

    def __init__(
        self, number: int, owner: Ready, target: Target, size: int = 1, discard_oldest: bool = True
    ) -> None:
        super().__init__(size, discard_oldest, owner.budget)
        self.number = number
        self.owner = owner
        self.target = target
        self.head = bytes(HANDLE.size)
        """The client's handle, as each notification begins with it."""
        self.mode = DISABLED
        self.released = 0
        self.is_ready = False
        self.links: dict[Item, None] | None = None
        """Items that this one triggers."""
        self.linked_by: dict[Item, None] | None = None

    @property
    def handle(self) -> int:
        """What the client calls it."""
        return int(HANDLE.unpack(self.head)[0])

    @property
    def waiting(self) -> int:
        """How many entries may be told now."""
        return len(self.entries) if self.mode is REPORTING else self.released

    def put(self, entry: Any) -> None:
        """Queue an entry, and let go what this item triggers."""
        lost = False
        if self.entries:
            lost = self.add(entry)
        else:
            self.begin(entry)
        if self.mode is REPORTING:
            if not self.is_ready:
                self.is_ready = True
                self.owner.ready.append(self)
        elif lost and self.released and (self.discard_oldest or self.size == 1):
            self.released -= 1
        if self.links:
            self._trigger(self.links)

    def _trigger(self, links: dict[Item, None]) -> None:
        for linked in links:
            if linked.mode is SAMPLING:
                linked.release()

    def release(self) -> None:
        """Tell what is queued now with the next message."""
        self.released = len(self.entries)
        if self.released and not self.is_ready:
            self.is_ready = True
            self.owner.ready.append(self)

    def take(self, told: Notifications) -> bool:
        """Move what is to be told to a message that has room; False where it is full before."""
        self.mark()
        waiting, taken = self.waiting, 0
        for entry in self.entries[: min(waiting, told.room)]:
            if told.is_full:
                break
            taken += 1
            told.freed += entry.weight
            self._tell(entry, told)
        told.taken += taken
        del self.entries[:taken]
        self.released = max(self.released - taken, 0)
        return taken == waiting

    def _tell(self, entry: Any, told: Notifications) -> None:
        raise NotImplementedError

    def set_mode(self, mode: ua.MonitoringMode) -> None:
        """Change the mode; a disabled item forgets its queue (OPC 10000-4 5.13.4)."""
        before, self.mode = self.mode, mode
        self.released = 0
        if mode is DISABLED:
            self.stop()
            self.clear()
        elif before is DISABLED:
            self.start()
        elif mode is REPORTING:
            self.release()

    def start(self) -> None:
        """Begin to watch."""
        raise NotImplementedError

    def stop(self) -> None:
        """Watch no longer."""
        raise NotImplementedError

    def close(self) -> None:
        """The item is deleted: nothing refers to it any more."""
        self.set_mode(DISABLED)
        for item in self.links or ():
            if item.linked_by:
                item.linked_by.pop(self, None)
        for item in self.linked_by or ():
            if item.links:
                item.links.pop(self, None)
        self.links = self.linked_by = None


class DataItem(Item):
    """Watches one attribute of one node."""

    __slots__ = ("_cell", "_last", "filter", "sampler", "timestamps")

    def __init__(
        self, number: int, owner: Ready, target: Target, size: int = 1, discard_oldest: bool = True
    ) -> None:
        super().__init__(number, owner, target, size, discard_oldest)
        self.timestamps = ua.TimestampsToReturn.Both
        self.filter: ChangeFilter = ANY_CHANGE
        self.sampler: Sampler | None = None
        self._cell: AttributeValue | None = None
        self._last: ua.DataValue | None = None

    def start(self) -> None:
        """Take the value of now as the first sample, whatever it is, and all changes after it."""
        target = self.target
        self._last = None
        self._cell = target.watch(self)
        self.sample(target.read())
        if self.sampler is not None and target.is_polled:
            self.sampler.poll(self)

    def stop(self) -> None:
        if self._cell is not None:
            self.target.unwatch(self._cell, self)
            self._cell = None
        if self.sampler is not None:
            self.sampler.forget(self)

    def use(self, sampler: Sampler | None) -> None:
        """Take samples at another interval."""
        if sampler is self.sampler:
            return
        waiting = None if self.sampler is None else self.sampler.forget(self)
        self.sampler = sampler
        if sampler is not None and self.mode is not DISABLED and self.target.is_polled:
            sampler.poll(self)
        if waiting is not None:
            self.changed(waiting)

    def read(self) -> Sample:
        """Return the value of now."""
        return self.target.read()

    def changed(self, sample: Sample) -> None:
        """The attribute has a new value."""
        last = self._last
        if self.sampler is not None:
            self.sampler.later(self, sample)
        elif (
            self.entries
            or last is None
            or self.filter is not ANY_CHANGE
            or self.mode is not REPORTING
            or self.links
            or self.target.index_range
        ):
            self.sample(sample)
        elif sample.differs(last, ANY_CHANGE.passes):  # the usual, without further calls
            self._last = sample.value
            self.entries.append(sample)
            self.budget.take(sample.weight)
            if not self.is_ready:
                self.is_ready = True
                self.owner.ready.append(self)

    def sample(self, sample: Sample) -> None:
        """Queue a sample where it differs enough from the last one that was queued."""
        if self.target.index_range:
            sample = Sample(sliced(sample.value, self.target.index_range))
        last = self._last
        if last is not None:
            if self.filter is ANY_CHANGE:
                if not sample.differs(last, ANY_CHANGE.passes):
                    return
            elif not self.filter.passes(last, sample.value):
                return
        self._last = sample.value
        self.put(sample)

    def resend(self) -> None:
        """Tell the value of now again, where none is waiting to be told."""
        if self.mode is REPORTING and not self.entries:
            self._last = None
            self.sample(self.read())

    def take(self, told: Notifications) -> bool:
        entries = self.entries
        if len(entries) != 1 or self.mode is not REPORTING or self.lost_first or self.lost_last:
            return super().take(told)
        sample: Sample = entries.pop()
        told.taken += 1
        told.freed += sample.weight
        notification = self.head + sample.encoded(self.timestamps)
        told.data.append(notification)
        told.room -= 1
        told.size -= len(notification)
        return True

    def _tell(self, entry: Sample, told: Notifications) -> None:
        notification = self.head + entry.encoded(self.timestamps)
        told.data.append(notification)
        told.room -= 1
        told.size -= len(notification)


class EventItem(Item):
    """Watches the events of one notifier."""

    __slots__ = ("_ignore", "_listen", "_overflow", "filter")

    is_event = True

    def __init__(  # noqa: PLR0917
        self,
        number: int,
        owner: Ready,
        target: Target,
        listen: Callable[[EventItem], None],
        ignore: Callable[[EventItem], None],
        overflow: Callable[[CompiledFilter], Fields],
    ) -> None:
        """`listen` has events put to the item until `ignore`; `overflow` makes the event that
        tells of lost ones."""
        super().__init__(number, owner, target)
        self.filter: CompiledFilter | None = None
        self._listen, self._ignore, self._overflow = listen, ignore, overflow

    def start(self) -> None:
        self._listen(self)

    def stop(self) -> None:
        self._ignore(self)

    def take(self, told: Notifications) -> bool:
        if self.lost_first and self.waiting:
            self.lost_first = False
            self._tell(self._lost(), told)
        done = super().take(told)
        if self.lost_last and not self.entries:
            self.lost_last = False
            if told.is_full:  # it waits for the next message
                self.begin(self._lost())
                self.released = 1
                return False
            self._tell(self._lost(), told)
        return done

    def _tell(self, entry: Fields, told: Notifications) -> None:
        notification = self.head + entry.data
        told.events.append(notification)
        told.room -= 1
        told.size -= len(notification)

    def _lost(self) -> Fields:
        assert self.filter is not None
        return self._overflow(self.filter)
