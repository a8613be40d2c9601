"""Browse: the complete path answers, and its bytes are kept until the address space changes.

Kept are answers about real nodes whose references are all held: what comes from a listing, or goes
on with a continuation point, is answered anew each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asyncua import ua
from asyncua.common.utils import Buffer, ServiceError
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from tracenode.server.opcua.fast.steps import at_once
from tracenode.server.opcua.fast.wire import answer, response_type

if TYPE_CHECKING:
    from tracenode.server.opcua.connections.sessions import TraceSession
    from tracenode.server.opcua.nodes.space import TraceAddressSpace

__all__ = ["Browses"]

RESPONSE: Final = response_type("Browse")
MOST: Final = 20
"""Nodes of one request; between the nodes of longer ones others have their turn."""
KEPT: Final = 16 * 1024 * 1024
"""Bytes of requests and answers; then all are forgotten."""
LONGEST: Final = 1024 * 1024
HEADER: Final = len(answer(RESPONSE, 0))


class Browses:
    """Answers Browse requests of all sessions."""

    def __init__(self, space: TraceAddressSpace) -> None:
        self._space = space
        self._changes = -1
        self._size = 0
        self._answers: dict[tuple[int, bytes], bytes] = {}

    def answer(self, session: TraceSession, handle: int, asked: bytes) -> bytes | None:
        """Return the answer to a request with these parameters, None where it is unusual."""
        if self._space.changes != self._changes:
            self._forget()
            self._changes = self._space.changes
        key = session.rights.roles, asked
        known = self._answers.get(key)
        if known is None:
            known = self._browsed(session, key)
            if known is None:
                return None
        return answer(RESPONSE, handle, known)

    def _browsed(self, session: TraceSession, key: tuple[int, bytes]) -> bytes | None:
        asked = key[1]
        buffer: Any = Buffer(asked)
        try:
            params = struct_from_binary(ua.BrowseParameters, buffer)
        except Exception:  # noqa: BLE001  # the complete path says what is wrong with it
            return None
        nodes = params.NodesToBrowse
        if len(buffer) or not 0 < len(nodes) <= MOST:
            return None
        response = ua.BrowseResponse()
        try:
            response.Results = at_once(session.browse(params))
        except ServiceError:
            return None
        made: bytes = struct_to_binary(response)[HEADER:]
        if all(map(self._is_held, nodes)) and not any(
            r.ContinuationPoint for r in response.Results
        ):
            self._keep(key, made)
        return made

    def _is_held(self, description: ua.BrowseDescription) -> bool:
        virtual, node_id = self._space.virtual, description.NodeId
        return node_id in virtual.real and not virtual.listings(node_id)

    def _keep(self, key: tuple[int, bytes], made: bytes) -> None:
        size = len(key[1]) + len(made)
        if size > LONGEST:
            return
        if self._size + size > KEPT:
            self._forget()
        self._answers[key] = made
        self._size += size

    def _forget(self) -> None:
        self._answers.clear()
        self._size = 0
