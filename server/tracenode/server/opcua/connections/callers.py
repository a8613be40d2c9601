"""Who is calling: what a method, a write and the audit trail know of the session behind them."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from tracenode.models.roles import EVERYBODY

__all__ = ["INTERNAL", "Caller", "audit_entry", "caller", "calling"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling: user name (None: anonymous), the client's application URI, the session."""

    user: str | None
    application_uri: str
    session_id: str
    roles: int = 0
    """A bitmask of `models.roles.Role`."""
    address: str = ""
    audit_entry: str = ""
    """What the client calls its request (AuditEntryId, OPC 10000-4 7.32)."""


INTERNAL: Final = Caller(
    user=None, application_uri="", session_id="internal", roles=int(EVERYBODY), address="internal"
)

calling: ContextVar[Caller] = ContextVar("caller", default=INTERNAL)
"""Set around each Call by its session."""
audit_entry: ContextVar[str] = ContextVar("audit_entry", default="")
"""The AuditEntryId of the request that is answered now."""


def caller() -> Caller:
    """Return who is calling the method that runs now; `INTERNAL` outside of any call."""
    return calling.get()
