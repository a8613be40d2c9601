"""Methods of the Server object about one's own subscriptions (OPC 10000-5 9.1, 9.2)."""

from __future__ import annotations

from collections.abc import Mapping

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.methods.gateway import CallContext, MethodGateway
from tracenode.server.opcua.subscriptions.service import TraceSubscriptions
from tracenode.server.opcua.subscriptions.subscription import Subscription

__all__ = ["SubscriptionMethods"]

S = StatusCodes


class SubscriptionMethods:
    """GetMonitoredItems and ResendData, for the session that a subscription belongs to.

    Others get BadUserAccessDenied, and BadSubscriptionIdInvalid where there is none.
    """

    def __init__(self, subscriptions: TraceSubscriptions) -> None:
        self._subscriptions = subscriptions

    def bind(self, gateway: MethodGateway) -> None:
        """Answer the methods."""
        gateway.bind(ua_id(ObjectIds.Server_GetMonitoredItems), self.get_monitored_items)
        gateway.bind(ua_id(ObjectIds.Server_ResendData), self.resend_data)

    async def get_monitored_items(
        self, call: CallContext, *, subscription_id: int | None
    ) -> Mapping[str, object]:
        """Return the ids of the items that the server and the client gave, in the same order."""
        found = self._own(call, subscription_id).items.values()
        return {
            "server_handles": [item.number for item in found],
            "client_handles": [item.handle for item in found],
        }

    async def resend_data(self, call: CallContext, *, subscription_id: int | None) -> None:
        """Tell the value of now of every reporting item with the next message."""
        self._own(call, subscription_id).resend()

    def _own(self, call: CallContext, number: int | None) -> Subscription:
        found = self._subscriptions.subscriptions.get(number or 0)
        if found is None:
            raise _refusal(S.BadSubscriptionIdInvalid)
        session = found.session_id
        if session is None or _hex(session) != call.caller.session_id:
            raise _refusal(S.BadUserAccessDenied)
        found.touch()
        return found


def _hex(session: ua.NodeId) -> str:
    number = session.Identifier
    return number.hex() if isinstance(number, bytes) else str(number)


def _refusal(code: int) -> UaStatusCodeError:
    made: UaStatusCodeError = UaStatusCodeError(code)  # type: ignore[no-untyped-call]
    return made
