"""What the server lets one client, one request and all clients together ask for.

The same numbers are enforced and advertised (`capabilities`), so that a client that reads them
never meets a limit that it was not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes

__all__ = ["Limits", "check_operations"]

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one server. Counts, unless the name or the comment beside it has a unit."""

    sessions: int = 200
    sessions_per_user: int = 50
    """Of one named user; those of anonymous clients are bounded by address."""
    connections: int = 400

    # ------------------------------------------------------------ operations of one request
    nodes_per_read: int = 10_000
    nodes_per_write: int = 10_000
    nodes_per_browse: int = 1_000
    nodes_per_register: int = 10_000
    paths_per_translate: int = 1_000
    methods_per_call: int = 1_000
    monitored_items_per_call: int = 10_000
    nodes_per_history_read: int = 100

    # ------------------------------------------------------------ what a client may write
    array_length: int = 100_000
    string_bytes: int = MIB

    # ------------------------------------------------------------ browsing
    references_per_node: int = 1_000
    """References of one node in one answer, whatever the client asks for."""
    references_per_answer: int = 20_000
    """References of one whole answer; nodes after that get one and a continuation point."""
    browse_continuation_points: int = 20
    """Of one session."""
    history_continuation_points: int = 20
    """Of one session."""
    history_point_s: float = 600.0
    """Seconds that a continuation point of HistoryRead is kept."""
    history_values_per_node: int = 1_000
    """Values or events of one node in one answer, whatever the client asks for."""
    history_values_per_answer: int = 10_000
    """Of one whole answer; nodes after that get one and a continuation point."""
    history_answer_bytes: int = 4 * MIB
    """Of one whole answer, as `history_values_per_answer`; one node's page may go beyond it."""
    path_elements: int = 100
    """Elements of one browse path."""
    path_targets: int = 1_000
    """Nodes that a browse path may reach."""

    # ------------------------------------------------------------ subscriptions
    subscriptions: int = 1_000
    subscriptions_per_session: int = 50
    publish_requests_beyond_subscriptions: int = 10
    """Publish requests that a session may have waiting beside one for each subscription."""
    min_publishing_ms: float = 50.0
    default_publishing_ms: float = 1_000.0
    max_publishing_ms: float = 3_600_000.0
    max_keep_alive_ms: float = 60_000.0
    max_lifetime_ms: float = 600_000.0
    """A subscription whose client stays away this long is deleted (at least three keep-alives)."""
    notifications_per_message: int = 1_000
    message_bytes: int = MIB
    """Of the notifications of one message, as encoded; one notification may be longer."""
    retained_messages: int = 100
    """Messages of one subscription that wait to be acknowledged; the oldest goes first."""
    retained_bytes: int = 4 * MIB
    queued_notifications: int = 20_000
    """Of one subscription. Beyond it every item acts as if its own queue were full."""
    queued_bytes: int = 16 * MIB
    """Of one subscription, as `queued_notifications`."""
    queued_bytes_in_all: int = 256 * MIB

    # ------------------------------------------------------------ monitored items
    monitored_items: int = 200_000
    monitored_items_per_subscription: int = 20_000
    queue_size: int = 10_000
    """The longest queue of one item."""
    event_queue_size: int = 1_000
    """Queue of an event item that asks for the server's default (0) or shortest (1)."""
    links_per_item: int = 1_000
    """Items that one item may trigger."""
    min_sampling_ms: float = 50.0
    """Sampling intervals are whole multiples of it; 0 tells every change."""
    select_clauses: int = 200
    where_elements: int = 100
    where_operands: int = 100
    """Operands of one element of a where clause."""

    # ------------------------------------------------------------ requests of one connection
    request_bytes: int = 16 * MIB
    """Of one request, in all its chunks; an answer has no more either."""
    requests_at_once: int = 8
    """Requests of one connection that run beside the others; they begin in their order."""
    requests_waiting: int = 100
    """Requests of one connection that wait for that; beyond it its next requests are not read."""


def check_operations(operations: Sequence[object] | None, limit: int) -> None:
    """Check how many operations a request has.

    Raises:
        ServiceError: BadNothingToDo, BadTooManyOperations.
    """
    if not operations:
        raise ServiceError(StatusCodes.BadNothingToDo)
    if len(operations) > limit:
        raise ServiceError(StatusCodes.BadTooManyOperations)
