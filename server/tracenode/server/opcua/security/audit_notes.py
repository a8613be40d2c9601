"""What goes into the audit trail of a write, a call and a session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from tracenode.models.permissions import Audited, audited
from tracenode.server.opcua.connections.callers import Caller
from tracenode.server.opcua.methods.arguments import Argument
from tracenode.server.opcua.security.audit import AuditEntry, AuditKind, AuditTrail

__all__ = ["Written", "is_noted", "note_call", "note_session", "note_write"]

BAD: Final = 0x8000_0000
LONGEST: Final = 200
"""Characters of a value."""


def note_session(audit: AuditTrail, who: Caller, session_id: ua.NodeId) -> None:
    """Note that a session was created; nobody is known yet."""
    audit.note(
        AuditKind.CreateSession,
        who.address,
        f"session of {who.application_uri}",
        session=who.session_id,
        client_entry=who.audit_entry,
        details={"SessionId": session_id},
    )


class Written(NamedTuple):
    """A write, done or refused, with the value before and the one written."""

    who: Caller
    node_id: ua.NodeId
    target: str
    """The NodeId as text."""
    attribute: int
    index_range: str
    old: ua.Variant | None
    new: ua.Variant | None
    code: int
    time: datetime

    def entry(self) -> AuditEntry:
        """Make its entry."""
        who = self.who
        return AuditEntry(
            AuditKind.Write,
            who.address,
            f"write by {who.application_uri}: {_name(self.code)}",
            user=who.user or "",
            status=self.code,
            target=self.target,
            session=who.session_id,
            client_entry=who.audit_entry,
            values={"old": _text(self.old), "new": _text(self.new)},
            details={
                "SourceNode": self.node_id,
                "AttributeId": self.attribute,
                "IndexRange": self.index_range,
                "OldValue": self.old,
                "NewValue": self.new,
            },
            time=self.time,
        )


def note_write(audit: AuditTrail, written: Written) -> None:
    """Note a write."""
    if written.code & BAD:
        audit.take(written.entry())
        return
    who = written.who
    audit.done(written.entry, (AuditKind.Write, who.address, who.user, written.target))


class Called(NamedTuple):
    """A call that has ended."""

    who: Caller
    method: ua.CallMethodRequest
    name: str
    code: int
    time: datetime

    def entry(self) -> AuditEntry:
        """Make its entry."""
        who, method = self.who, self.method
        return AuditEntry(
            AuditKind.Call,
            who.address,
            f"{self.name} by {who.application_uri}: {_name(self.code)}",
            user=who.user or "",
            status=self.code,
            target=method.ObjectId.to_string(),
            session=who.session_id,
            client_entry=who.audit_entry,
            values={"method": self.name},
            details={
                "SourceNode": method.ObjectId,
                "MethodId": method.MethodId,
                "InputArguments": list(method.InputArguments or ()),
            },
            time=self.time,
        )


def is_noted(name: str, result: ua.CallMethodResult) -> bool:
    """Return whether a call of this method with this result is to be noted: it may have changed
    something, or was refused for who called."""
    denied = result.StatusCode.value == StatusCodes.BadUserAccessDenied
    return denied or audited(name) is not Audited.Nothing


def note_call(  # noqa: PLR0917
    audit: AuditTrail,
    who: Caller,
    method: ua.CallMethodRequest,
    name: str,
    result: ua.CallMethodResult,
    outputs: Sequence[Argument] = (),
) -> None:
    """Note a call; what is in the journal is referred to."""
    code = int(result.StatusCode.value)
    called = Called(who, method, name, code, datetime.now(UTC))
    if code & BAD:
        audit.take(called.entry())
        return
    alike = AuditKind.Call, who.address, who.user, method.ObjectId, name
    if audited(name) is Audited.Journal:
        audit.booked(called.entry, alike, _sequence(result, outputs))
    else:
        audit.done(called.entry, alike)


def _sequence(result: ua.CallMethodResult, outputs: Sequence[Argument]) -> int:
    for argument, variant in zip(outputs, result.OutputArguments or (), strict=False):
        if argument.key == "event_sequence":
            return int(variant.Value or 0)
    return 0


@lru_cache(256)
def _name(code: int) -> str:
    name: str = ua.StatusCode(ua.UInt32(code)).name
    return name


def _text(variant: ua.Variant | None) -> Any:
    value = None if variant is None else variant.Value
    if isinstance(value, bool | int | float) or value is None:
        return value
    try:
        return str(value)[:LONGEST]
    except RecursionError:
        return "a value that is too deep"
