"""All conditions of the server: raised and cleared by who watches, kept over a restart."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from tracenode.models.errors import StoreError
from tracenode.server.opcua.alarms.condition import MEMBERS, Alarm, Watched
from tracenode.server.opcua.alarms.state import AlarmState, parsed, written
from tracenode.server.opcua.core import TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.subscriptions.events import Event
from tracenode.server.store.state import conditions as rows
from tracenode.server.store.state.file import StateFile

__all__ = ["Alarms"]

log = logging.getLogger(__name__)
HAS_CONDITION = ua_id(ObjectIds.HasCondition)


class Alarms:
    """Every condition, by its NodeId. A step is shown and told at once, and kept right after.

    Where it can't be kept (the disk is full, say) it holds until the server stops; `keep` tries
    again.
    """

    def __init__(self, server: TraceServer, state: StateFile) -> None:
        self._server, self._file = server, state
        self._alarms: dict[ua.NodeId, Alarm] = {}
        self._kept: dict[str, str] = {}
        self._unkept: dict[str, Alarm | None] = {}

    async def load(self) -> None:
        """Read what was kept; before the first `make`.

        Raises:
            StoreError: it can't be read.
        """
        none: dict[str, str] = {}
        self._kept = await self._file.read(rows.conditions, none)

    def __contains__(self, node_id: ua.NodeId) -> bool:
        return node_id in self._alarms

    def was_kept(self, node_id: ua.NodeId) -> bool:
        """True where a condition of this id had a state before the server started."""
        return str(node_id.Identifier) in self._kept

    def of(self, node_id: ua.NodeId) -> Alarm | None:
        """Return the condition of this id."""
        return self._alarms.get(node_id)

    def retained(self) -> Iterator[Event]:
        """Yield the event of each condition that is retained, the oldest first."""
        held = [alarm for alarm in self._alarms.values() if alarm.state.retain]
        for alarm in sorted(held, key=lambda one: one.state.time):
            yield alarm.event()

    # ------------------------------------------------------------------ conditions
    async def make(self, watched: Watched) -> Alarm:
        """Make a condition as it was kept, or one for which all is well.

        Raises:
            DuplicateNode: it is there, or its id is too long.
        """
        server = self._server
        kept = parsed(self._kept.get(watched.key, "")) if watched.key in self._kept else None
        state = kept or AlarmState(
            severity=watched.severity, enabled_at=datetime.now(UTC), time=datetime.now(UTC)
        )
        members = server.instances.create(
            ua_id(watched.type_id),
            watched.node_id,
            watched.name,
            parent=watched.parent,
            optional=MEMBERS,
        )
        server.book.link(watched.source, HAS_CONDITION, watched.node_id)
        alarm = self._alarms[watched.node_id] = Alarm(watched, state, members)
        await server.values.set_many(alarm.values())
        return alarm

    async def remove(self, node_id: ua.NodeId) -> None:
        """Take a condition away, with what was kept of it; harmless where there is none. Who saw
        it is told that it is not retained any more."""
        alarm = self._alarms.get(node_id)
        if alarm is None:
            return
        if alarm.state.retain:
            now = datetime.now(UTC)
            gone = alarm.state.cleared("it is not watched any more", now, _event_id())
            await self._show(alarm, replace(gone, acked=True, confirmed=True))
        del self._alarms[node_id]
        self._remove_nodes(node_id)
        await self._keep({alarm.watched.key: None})

    def _remove_nodes(self, node_id: ua.NodeId) -> None:
        node = self._server.space.get(node_id)
        children = [] if node is None else list(node.references)
        for link in children:
            is_member = str(link.NodeId.Identifier).startswith(f"{node_id.Identifier!s}.")
            if link.IsForward and is_member:
                self._remove_nodes(link.NodeId)
        self._server.book.remove(node_id)

    # ------------------------------------------------------------------ steps
    async def set(self, node_id: ua.NodeId, message: str, *, severity: int | None = None) -> None:
        """Raise a condition, or clear it with `severity` 0; `message` says why. What does not
        change is not told again. `severity` is the condition's own where none is given."""
        alarm = self._alarms[node_id]
        severity = alarm.watched.severity if severity is None else severity
        now, event_id = datetime.now(UTC), _event_id()
        state = alarm.state
        if severity:
            await self.step(alarm, state.raised(message, severity, now, event_id))
        else:
            await self.step(alarm, state.cleared(message, now, event_id))

    async def step(self, alarm: Alarm, state: AlarmState) -> None:
        """Show, tell and keep the next state of a condition; nothing where it is the same."""
        if state is alarm.state:
            return
        await self._show(alarm, state)
        await self._keep({alarm.watched.key: alarm})

    async def _show(self, alarm: Alarm, state: AlarmState) -> None:
        told = state.enabled or alarm.state.enabled
        alarm.state = state
        for value in alarm.values():  # no other step in between: nothing here waits
            await self._server.values.set(
                value.node_id, value.value, variant_type=value.variant_type
            )
        if told:
            await self._server.events.emit(alarm.event())

    async def keep(self) -> None:
        """Try again to keep what could not be kept."""
        if self._unkept:
            await self._keep({})

    async def _keep(self, changed: dict[str, Alarm | None]) -> None:
        wanted = {**self._unkept, **changed}
        states = {
            key: None if alarm is None else written(alarm.state) for key, alarm in wanted.items()
        }
        try:
            await self._file.write(lambda connection: rows.keep(connection, states))
        except StoreError as error:
            if not self._unkept:
                log.warning("states of alarms are not kept over a restart: %s", error)
            self._unkept.update(wanted)
        else:
            for key in wanted:
                self._unkept.pop(key, None)


def _event_id() -> str:
    return uuid.uuid4().hex
