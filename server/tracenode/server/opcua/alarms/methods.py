"""The methods of conditions: what people say about an alarm, and the refresh of a subscription."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from tracenode.server.opcua.alarms.alarms import Alarms
from tracenode.server.opcua.alarms.condition import Alarm
from tracenode.server.opcua.alarms.state import AlarmState, StepRefused
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.methods.arguments import MAX_STRING
from tracenode.server.opcua.methods.gateway import CallContext, Handler, MethodGateway
from tracenode.server.opcua.subscriptions.events import EventBus

__all__ = ["ConditionMethods"]

O = ObjectIds  # noqa: E741
S = StatusCodes
LOCALE: Final = 40
"""Characters of a locale."""


@dataclass(frozen=True, slots=True)
class _By:
    """Who takes a step, having seen which event, and when."""

    seen: str
    user: str
    at: datetime
    event_id: str


class ConditionMethods:
    """The handlers; every refusal is a StatusCode of OPC 10000-9. A comment is MAX_STRING
    characters at most."""

    def __init__(self, alarms: Alarms, events: EventBus) -> None:
        self._alarms, self._events = alarms, events

    def bind(self, gateway: MethodGateway) -> None:
        """Answer the methods of all conditions."""
        of_instances: dict[int, Handler] = {
            O.AcknowledgeableConditionType_Acknowledge: self.acknowledge,
            O.AcknowledgeableConditionType_Confirm: self.confirm,
            O.ConditionType_AddComment: self.add_comment,
            O.ConditionType_Enable: self.enable,
            O.ConditionType_Disable: self.disable,
        }
        of_the_type: dict[int, Handler] = {
            O.ConditionType_ConditionRefresh: self.condition_refresh,
            O.ConditionType_ConditionRefresh2: self.condition_refresh2,
        }
        for number, handler in of_instances.items():
            gateway.bind(ua_id(number), handler)
        for number, handler in of_the_type.items():
            gateway.bind(ua_id(number), handler, on_type=True)

    # ------------------------------------------------------------------ steps
    async def acknowledge(
        self, call: CallContext, *, event_id: bytes | None, comment: ua.LocalizedText | None
    ) -> None:
        await self._say(
            call,
            event_id,
            comment,
            lambda state, by: state.acknowledged(by.seen, by.user, by.at, by.event_id),
        )

    async def confirm(
        self, call: CallContext, *, event_id: bytes | None, comment: ua.LocalizedText | None
    ) -> None:
        await self._say(
            call,
            event_id,
            comment,
            lambda state, by: state.was_confirmed(by.seen, by.user, by.at, by.event_id),
        )

    async def add_comment(
        self, call: CallContext, *, event_id: bytes | None, comment: ua.LocalizedText | None
    ) -> None:
        await self._say(
            call,
            event_id,
            comment,
            lambda state, by: state.commented(by.seen, by.user, by.at, by.event_id),
        )

    async def enable(self, call: CallContext) -> None:
        await self._switch(call, True)

    async def disable(self, call: CallContext) -> None:
        await self._switch(call, False)

    async def _say(
        self,
        call: CallContext,
        event_id: bytes | None,
        comment: ua.LocalizedText | None,
        step: Callable[[AlarmState, _By], AlarmState],
    ) -> None:
        alarm = self._alarm(call)
        text, locale = _comment(comment)
        by = _By(
            (event_id or b"").hex(), call.caller.user or "", datetime.now(UTC), uuid.uuid4().hex
        )
        try:
            state = step(alarm.state, by)
        except StepRefused as refused:
            raise _refusal(refused.code) from refused
        await self._alarms.step(alarm, state.with_comment(text, locale, by.at))

    async def _switch(self, call: CallContext, on: bool) -> None:
        alarm = self._alarm(call)
        try:
            state = alarm.state.switched(on, datetime.now(UTC), uuid.uuid4().hex)
        except StepRefused as refused:
            raise _refusal(refused.code) from refused
        await self._alarms.step(alarm, state)

    def _alarm(self, call: CallContext) -> Alarm:
        found = self._alarms.of(call.object_id)
        if found is None:
            raise _refusal(S.BadNodeIdUnknown)
        return found

    # ------------------------------------------------------------------ refresh
    async def condition_refresh(self, call: CallContext, *, subscription_id: int | None) -> None:
        self._refresh(call, subscription_id, None)

    async def condition_refresh2(
        self, call: CallContext, *, subscription_id: int | None, monitored_item_id: int | None
    ) -> None:
        self._refresh(call, subscription_id, monitored_item_id or 0)

    def _refresh(self, call: CallContext, subscription: int | None, item: int | None) -> None:
        try:
            session = ua_id(bytes.fromhex(call.caller.session_id), 1)
        except ValueError:  # the server itself, which has no subscriptions
            raise _refusal(S.BadSubscriptionIdInvalid) from None
        try:
            self._events.refresh(session, subscription or 0, item, self._alarms.retained())
        except ServiceError as refused:
            raise _refusal(refused.code) from refused


def _refusal(code: int) -> UaStatusCodeError:
    made: UaStatusCodeError = UaStatusCodeError(code)  # type: ignore[no-untyped-call]
    return made


def _comment(given: ua.LocalizedText | None) -> tuple[str, str]:
    """Return the text and locale of a comment.

    Raises:
        BadOutOfRange: it is too long.
    """
    text = "" if given is None else given.Text or ""
    locale = "" if given is None else given.Locale or ""
    if len(text) > MAX_STRING or len(locale) > LOCALE:
        raise _refusal(S.BadOutOfRange)
    return text, locale
