"""A condition as nodes, and its event with every field (OPC 10000-9 5.5 to 5.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.alarms.state import AlarmState
from tracenode.server.opcua.ids import ua_id, ua_status
from tracenode.server.opcua.nodes.values import NewValue
from tracenode.server.opcua.subscriptions.events import Event
from tracenode.server.opcua.subscriptions.selection import CONDITION

__all__ = ["MEMBERS", "Alarm", "Watched"]

V = ua.VariantType
O = ObjectIds  # noqa: E741

MEMBERS: Final = (
    "ConfirmedState",
    "Confirm",
    "ActiveState.TransitionTime",
    "AckedState.TransitionTime",
    "ConfirmedState.TransitionTime",
)
"""Optional members of the alarm types that each condition has."""
BASE: Final = (
    "EventId",
    "EventType",
    "SourceNode",
    "SourceName",
    "Time",
    "ReceiveTime",
    "Message",
    "Severity",
)
CLASSES: Final = {
    O.SystemConditionClassType: "SystemConditionClassType",
    O.ProcessConditionClassType: "ProcessConditionClassType",
    O.MaintenanceConditionClassType: "MaintenanceConditionClassType",
}


@dataclass(frozen=True, slots=True)
class Watched:
    """What a condition is about; it never changes.

    `node_id` is the condition's, `parent` has it as a component, `source` is what events name
    and must stand in the notifier hierarchy. `input_node` is the variable that tells the same.
    """

    node_id: ua.NodeId
    name: str
    parent: ua.NodeId
    source: ua.NodeId
    source_name: str
    severity: int
    condition_class: int = O.SystemConditionClassType
    input_node: ua.NodeId | None = None
    type_id: int = O.OffNormalAlarmType

    @property
    def key(self) -> str:
        """What its state is kept under."""
        return str(self.node_id.Identifier)


class Alarm:
    """One condition: what it is about, how it is, and the nodes that show it."""

    def __init__(
        self, watched: Watched, state: AlarmState, members: Mapping[str, ua.NodeId]
    ) -> None:
        self.watched, self.state, self.members = watched, state, members

    def event(self) -> Event:
        """Return the event that tells how it is now; the same EventId until the next step."""
        watched, state = self.watched, self.state
        return Event(
            event_type=ua_id(watched.type_id),
            source=watched.source,
            source_name=watched.source_name,
            event_id=bytes.fromhex(state.event_id),
            time=state.time,
            message=state.message,
            severity=state.severity,
            fields=self._fields(),
            receive_time=max(state.time, datetime.now(UTC)),
        )

    def values(self) -> list[NewValue]:
        """Return the values of its variables."""
        event = self.event()
        made = []
        for path, node_id in self.members.items():
            name = path.replace(".", "/")
            if name in BASE or name in event.fields:
                told = event.variant(name)
                made.append(NewValue(node_id, told.Value, variant_type=told.VariantType))
        return made

    def _fields(self) -> dict[str, ua.Variant]:
        watched, state = self.watched, self.state
        return {
            CONDITION: ua.Variant(watched.node_id, V.NodeId),
            "ConditionClassId": ua.Variant(ua_id(watched.condition_class), V.NodeId),
            "ConditionClassName": _text(CLASSES[watched.condition_class]),
            "ConditionName": ua.Variant(watched.name, V.String),
            "BranchId": ua.Variant(ua.NodeId(), V.NodeId),
            "Retain": ua.Variant(state.retain, V.Boolean),
            "Quality": ua.Variant(ua_status(StatusCodes.Good), V.StatusCode),
            "Quality/SourceTimestamp": ua.Variant(state.time, V.DateTime),
            "LastSeverity": ua.Variant(state.last_severity, V.UInt16),
            "LastSeverity/SourceTimestamp": ua.Variant(state.severity_at, V.DateTime),
            "Comment": _text(state.comment, state.comment_locale),
            "Comment/SourceTimestamp": ua.Variant(state.comment_at, V.DateTime),
            "ClientUserId": ua.Variant(state.user, V.String),
            "InputNode": ua.Variant(watched.input_node or ua.NodeId(), V.NodeId),
            "NormalState": ua.Variant(ua.NodeId(), V.NodeId),
            "SuppressedOrShelved": ua.Variant(False, V.Boolean),
            **_two("EnabledState", state.enabled, state.enabled_at, "Enabled", "Disabled"),
            **_two("ActiveState", state.active, state.active_at, "Active", "Inactive"),
            **_two("AckedState", state.acked, state.acked_at, "Acknowledged", "Unacknowledged"),
            **_two(
                "ConfirmedState", state.confirmed, state.confirmed_at, "Confirmed", "Unconfirmed"
            ),
        }


def _two(name: str, on: bool, since: datetime, yes: str, no: str) -> dict[str, ua.Variant]:
    return {
        name: _text(yes if on else no),
        f"{name}/Id": ua.Variant(on, V.Boolean),
        f"{name}/TransitionTime": ua.Variant(since, V.DateTime),
    }


def _text(text: str, locale: str = "en") -> ua.Variant:
    return ua.Variant(ua.LocalizedText(text, locale or None), V.LocalizedText)
