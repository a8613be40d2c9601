"""Publish: acknowledgements are read from the bytes; the session's queue does the rest."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from asyncua.common.utils import ServiceError

from tracenode.server.opcua.fast.wire import I32
from tracenode.server.opcua.subscriptions.publishing import PublishRequest

if TYPE_CHECKING:
    from tracenode.server.opcua.connections.sessions import TraceSession
    from tracenode.server.opcua.subscriptions.service import TraceSubscriptions

__all__ = ["Acknowledgement", "Publishes"]

PAIR: Final = struct.Struct("<II")


class Acknowledgement(NamedTuple):
    """One message that a client has; the names are the specification's."""

    SubscriptionId: int
    SequenceNumber: int


class Publishes:
    """Takes Publish requests of all sessions."""

    def __init__(self, subscriptions: TraceSubscriptions) -> None:
        self._subscriptions = subscriptions

    def take(
        self,
        session: TraceSession,
        asked: bytes,
        request: PublishRequest,
    ) -> bool:
        """Let a request wait; False where the complete path has to say why it can't."""
        if len(asked) < I32.size:
            return False
        (count,) = I32.unpack_from(asked)
        if len(asked) != I32.size + PAIR.size * max(count, 0):
            return False
        if not session.publishing.publishers:
            return False
        found: list[Any] = [Acknowledgement(*pair) for pair in PAIR.iter_unpack(asked[I32.size :])]
        try:
            self._subscriptions.publish(session, found, request)
        except ServiceError:
            return False
        return True
