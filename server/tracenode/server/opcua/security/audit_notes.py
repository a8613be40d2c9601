"""What goes into the audit trail of a write, a call and a session."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from tracenode.models.permissions import Audited, audited
from tracenode.server.opcua.connections.callers import Caller
from tracenode.server.opcua.methods.arguments import Argument
from tracenode.server.opcua.security.audit import AuditEntry, AuditKind, AuditTrail

__all__ = ["note_call", "note_session", "note_write"]

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


def note_write(
    audit: AuditTrail, who: Caller, write: ua.WriteValue, old: ua.Variant | None, code: int
) -> None:
    """Note a write, done or refused, with the value before and the one written."""
    target = write.NodeId.to_string()
    new = write.Value.Value
    audit.note(
        AuditKind.Write,
        who.address,
        _writing(who.application_uri, code),
        user=who.user or "",
        status=code,
        target=target,
        session=who.session_id,
        client_entry=who.audit_entry,
        values={"old": _text(old), "new": _text(new)},
        details={
            "SourceNode": write.NodeId,
            "AttributeId": int(write.AttributeId),
            "IndexRange": write.IndexRange or "",
            "OldValue": old,
            "NewValue": new,
        },
    )


def note_call(  # noqa: PLR0917
    audit: AuditTrail,
    who: Caller,
    method: ua.CallMethodRequest,
    name: str,
    result: ua.CallMethodResult,
    outputs: Sequence[Argument] = (),
) -> None:
    """Note a call that changes something, or that was refused for who called.

    What is in the journal is referred to; questions are not noted.
    """
    code = int(result.StatusCode.value)
    kind = audited(name)
    denied = code == StatusCodes.BadUserAccessDenied
    if kind is Audited.Nothing and not denied:
        return
    entry = AuditEntry(
        AuditKind.Call,
        who.address,
        f"{name} by {who.application_uri}: {ua.StatusCode(ua.UInt32(code)).name}",
        user=who.user or "",
        status=code,
        target=method.ObjectId.to_string(),
        session=who.session_id,
        client_entry=who.audit_entry,
        values={"method": name},
        details={
            "SourceNode": method.ObjectId,
            "MethodId": method.MethodId,
            "InputArguments": list(method.InputArguments or ()),
        },
    )
    if kind is Audited.Journal and not code & BAD:
        audit.booked(entry, _sequence(result, outputs))
    else:
        audit.take(entry)


def _sequence(result: ua.CallMethodResult, outputs: Sequence[Argument]) -> int:
    for argument, variant in zip(outputs, result.OutputArguments or (), strict=False):
        if argument.key == "event_sequence":
            return int(variant.Value or 0)
    return 0


@lru_cache(256)
def _writing(application_uri: str, code: int) -> str:
    return f"write by {application_uri}: {ua.StatusCode(ua.UInt32(code)).name}"


def _text(variant: ua.Variant | None) -> Any:
    value = None if variant is None else variant.Value
    if isinstance(value, bool | int | float) or value is None:
        return value
    try:
        return str(value)[:LONGEST]
    except RecursionError:
        return "a value that is too deep"
