"""Monitored items: what is watched, what is queued, what is told (OPC 10000-4 5.13.1)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Protocol

from asyncua import ua

from tracenode.server.opcua.nodes.ranges import sliced
from tracenode.server.opcua.nodes.samples import Sample
from tracenode.server.opcua.subscriptions.deadband import ANY_CHANGE, ChangeFilter
from tracenode.server.opcua.subscriptions.filters import CompiledFilter
from tracenode.server.opcua.subscriptions.queues import Budget, Queue
from tracenode.server.opcua.subscriptions.sampling import Sampler
from tracenode.server.opcua.subscriptions.selection import Fields

__all__ = ["DataItem", "EventItem", "Item", "Ready"]

MODE = ua.MonitoringMode
HANDLE = struct.Struct("<I")


class Ready(Protocol):
    """What an item needs of its subscription."""

    budget: Budget
    session_id: ua.NodeId | None
    hears: Callable[[int], bool]

    def is_ready(self, item: Item) -> None:
        """The item has something to be told."""
        ...

    def is_done(self, item: Item) -> None:
        """The item has nothing to be told any more."""
        ...


class Item:
    """A monitored item of either kind: its mode, its queue, the items that it triggers.

    `released` counts the oldest entries that may be told: all of them while it is reporting, and
    those that a triggering item has let go while it is sampling.
    """

    is_event = False

    def __init__(self, number: int, owner: Ready, target: ua.ReadValueId) -> None:
        self.number = number
        self.owner = owner
        self.target = target
        self.handle = 0
        self.mode = MODE.Disabled
        self.released = 0
        self.links: dict[Item, None] = {}
        """Items that this one triggers."""
        self.linked_by: dict[Item, None] = {}
        self.queue: Queue[Any] = Queue(1, True, owner.budget)

    def put(self, entry: Any) -> None:
        """Queue an entry, and let go what this item triggers."""
        queue = self.queue
        if queue.entries or queue.lost_last:
            lost = queue.put(entry)
        else:
            queue.begin(entry)
            lost = False
        if self.mode == MODE.Reporting:
            self.released = len(queue.entries)
            self.owner.is_ready(self)
        elif lost and self.released and (self.queue.discard_oldest or self.queue.size == 1):
            self.released -= 1
        if self.links:
            self._trigger()

    def _trigger(self) -> None:
        for linked in self.links:
            if linked.mode == MODE.Sampling:
                linked.release()

    def release(self) -> None:
        """Tell what is queued now with the next message."""
        self.released = len(self.queue)
        if self.released:
            self.owner.is_ready(self)

    def take(self, room: int, size: int, into: list[bytes]) -> int:
        """Move up to `room` entries of up to `size` bytes to `into`; returns how many bytes."""
        taken = 0
        while self.released and room > 0 and (taken < size or not taken):
            self.released -= 1
            for encoded in self._next():
                into.append(encoded)
                taken += len(encoded)
                room -= 1
        return taken

    def _next(self) -> list[bytes]:
        raise NotImplementedError

    def set_mode(self, mode: ua.MonitoringMode) -> None:
        """Change the mode; a disabled item forgets its queue (OPC 10000-4 5.13.4)."""
        before, self.mode = self.mode, mode
        if mode == MODE.Disabled:
            self.stop()
            self.queue.clear()
        if mode == MODE.Reporting:
            self.release()
        else:
            self.released = 0
            self.owner.is_done(self)
        if before == MODE.Disabled and mode != MODE.Disabled:
            self.start()

    def start(self) -> None:
        """Begin to watch."""
        raise NotImplementedError

    def stop(self) -> None:
        """Watch no longer."""
        raise NotImplementedError

    def close(self) -> None:
        """The item is deleted: nothing refers to it any more."""
        self.set_mode(MODE.Disabled)
        for item in self.links:
            item.linked_by.pop(self, None)
        for item in self.linked_by:
            item.links.pop(self, None)
        self.links.clear()
        self.linked_by.clear()


class DataItem(Item):
    """Watches one attribute of one node."""

    def __init__(  # noqa: PLR0917
        self,
        number: int,
        owner: Ready,
        target: ua.ReadValueId,
        watch: Callable[[Callable[[int, Sample], None]], int],
        unwatch: Callable[[int], None],
        read: Callable[[], tuple[Sample, bool]],
    ) -> None:
        """`watch` has a function called with each change, until `unwatch`; `read` gives the value
        of now and whether it is made when read, so that it has to be polled."""
        super().__init__(number, owner, target)
        self.timestamps = ua.TimestampsToReturn.Both
        self.filter: ChangeFilter = ANY_CHANGE
        self.sampler: Sampler | None = None
        self._watch, self._unwatch, self._read = watch, unwatch, read
        self._watching: int | None = None
        self._last: ua.DataValue | None = None

    def start(self) -> None:
        """Take the value of now as the first sample, whatever it is, and all changes after it."""
        self._last = None
        self._watching = self._watch(self.changed)
        first, is_polled = self._read()
        self.sample(first)
        if is_polled and self.sampler is not None:
            self.sampler.poll(self, lambda: self._read()[0])

    def stop(self) -> None:
        if self._watching is not None:
            self._unwatch(self._watching)
            self._watching = None
        if self.sampler is not None:
            self.sampler.forget(self)

    def use(self, sampler: Sampler | None) -> None:
        """Take samples at another interval."""
        if sampler is self.sampler:
            return
        if self.sampler is not None:
            self.sampler.forget(self)
        self.sampler = sampler
        if self._watching is not None and sampler is not None and self._read()[1]:
            sampler.poll(self, lambda: self._read()[0])

    def changed(self, _watching: int, sample: Sample) -> None:
        """The attribute has a new value."""
        if self.sampler is None:
            self.sample(sample)
        else:
            self.sampler.later(self, sample)

    def sample(self, sample: Sample) -> None:
        """Queue a sample where it differs enough from the last one that was queued."""
        if self.target.IndexRange:
            sample = Sample(sliced(sample.value, self.target.IndexRange))
        last, wanted = self._last, self.filter
        if last is not None:
            if wanted is ANY_CHANGE:
                if not sample.differs(last, ANY_CHANGE.passes):
                    return
            elif not wanted.passes(last, sample.value):
                return
        self._last = sample.value
        self.put(sample)

    def resend(self) -> None:
        """Tell the value of now again, where none is waiting to be told."""
        if self.mode == MODE.Reporting and not len(self.queue):
            self._last = None
            self.sample(self._read()[0])

    def take(self, room: int, size: int, into: list[bytes]) -> int:
        queue = self.queue
        if self.released != 1 or room < 1 or queue.lost_first or queue.lost_last:
            return super().take(room, size, into)
        self.released = 0
        sample: Sample = queue.entries.popleft()
        queue.budget.give_back(sample.weight)
        encoded = HANDLE.pack(self.handle) + sample.encoded(self.timestamps)
        into.append(encoded)
        return len(encoded)

    def _next(self) -> list[bytes]:
        sample: Sample = self.queue.next()
        return [HANDLE.pack(self.handle) + sample.encoded(self.timestamps)]


class EventItem(Item):
    """Watches the events of one notifier."""

    is_event = True

    def __init__(  # noqa: PLR0917
        self,
        number: int,
        owner: Ready,
        target: ua.ReadValueId,
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

    def _next(self) -> list[bytes]:
        queue = self.queue
        handle = HANDLE.pack(self.handle)
        told: list[bytes] = []
        if queue.lost_first:
            queue.lost_first = False
            told.append(handle + self._lost())
        told.append(handle + queue.next().data)
        if queue.lost_last and not len(queue):
            queue.lost_last = False
            told.append(handle + self._lost())
        return told

    def _lost(self) -> bytes:
        assert self.filter is not None
        return self._overflow(self.filter).data
