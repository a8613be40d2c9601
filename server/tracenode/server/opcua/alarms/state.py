"""What a condition knows, and what each step makes of it (OPC 10000-9 5.5 to 5.8, Annex B.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from asyncua.ua.status_codes import StatusCodes
from pydantic import TypeAdapter, ValidationError

__all__ = ["AlarmState", "StepRefused", "parsed", "written"]

S = StatusCodes
KNOWN: Final = 16
"""EventIds of one alarm by which it can be acknowledged; the oldest goes."""
LONG_AGO: Final = datetime(1601, 1, 1, tzinfo=UTC)


class StepRefused(Exception):
    """A step that can't be taken; `code` is the StatusCode of OPC 10000-9 for it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code:#010x}")
        self.code = code


@dataclass(frozen=True, slots=True)
class AlarmState:
    """One condition as it is. Steps return the next state; each has an EventId of its own, in hex.

    `known` are the EventIds since it became active last, the newest at the end: who names one of
    them has seen what is acknowledged.
    """

    severity: int
    message: str = ""
    enabled: bool = True
    active: bool = False
    acked: bool = True
    confirmed: bool = True
    last_severity: int = 0
    comment: str = ""
    comment_locale: str = ""
    user: str = ""
    """Who acknowledged, confirmed or commented last."""
    time: datetime = LONG_AGO
    enabled_at: datetime = LONG_AGO
    active_at: datetime = LONG_AGO
    acked_at: datetime = LONG_AGO
    confirmed_at: datetime = LONG_AGO
    severity_at: datetime = LONG_AGO
    comment_at: datetime = LONG_AGO
    known: tuple[str, ...] = ()

    @property
    def retain(self) -> bool:
        """True while a person has something to do or to know (5.5.2)."""
        return self.enabled and (self.active or not self.acked or not self.confirmed)

    @property
    def event_id(self) -> str:
        """The EventId of the latest step, empty before the first."""
        return self.known[-1] if self.known else ""

    # ------------------------------------------------------------------ what is watched
    def raised(self, message: str, severity: int, at: datetime, event_id: str) -> AlarmState:
        """Become active, or more or less severe while it is; itself where nothing changes. A
        condition that becomes active is to be acknowledged (anew)."""
        if self.active and severity == self.severity:
            return self
        changed = severity != self.severity
        made = replace(
            self,
            severity=severity,
            last_severity=self.severity if changed else self.last_severity,
            severity_at=at if changed else self.severity_at,
            message=message,
            time=at,
        )
        if self.active:
            return made._told(event_id)
        return replace(
            made,
            active=True,
            active_at=at,
            acked=False,
            acked_at=at if self.acked else self.acked_at,
            confirmed=True,
            confirmed_at=at if not self.confirmed else self.confirmed_at,
            known=(event_id,),
        )

    def cleared(self, message: str, at: datetime, event_id: str) -> AlarmState:
        """Become inactive; itself where it is."""
        if not self.active:
            return self
        made = replace(self, active=False, active_at=at, message=message, time=at)
        return made._told(event_id)

    # ------------------------------------------------------------------ what people do
    def acknowledged(self, seen: str, user: str, at: datetime, event_id: str) -> AlarmState:
        """Be acknowledged by who saw the event `seen`; then it is to be confirmed.

        Raises:
            StepRefused: BadConditionDisabled, BadEventIdUnknown, BadConditionBranchAlreadyAcked.
        """
        self._check(seen)
        if self.acked:
            raise StepRefused(S.BadConditionBranchAlreadyAcked)
        made = replace(
            self,
            acked=True,
            acked_at=at,
            confirmed=False,
            confirmed_at=at,
            user=user,
            time=at,
        )
        return made._told(event_id)

    def was_confirmed(self, seen: str, user: str, at: datetime, event_id: str) -> AlarmState:
        """Be confirmed: what was to be done is done.

        Raises:
            StepRefused: BadConditionDisabled, BadEventIdUnknown,
                BadConditionBranchAlreadyConfirmed (before it is acknowledged, too).
        """
        self._check(seen)
        if self.confirmed:
            raise StepRefused(S.BadConditionBranchAlreadyConfirmed)
        made = replace(self, confirmed=True, confirmed_at=at, user=user, time=at)
        return made._told(event_id)

    def commented(self, seen: str, user: str, at: datetime, event_id: str) -> AlarmState:
        """Have a comment added, by `with_comment`.

        Raises:
            StepRefused: BadConditionDisabled, BadEventIdUnknown.
        """
        self._check(seen)
        return replace(self, user=user, time=at)._told(event_id)

    def with_comment(self, text: str, locale: str, at: datetime) -> AlarmState:
        """Carry another comment; an empty one without a locale leaves the one it has (5.5.6)."""
        if not text and not locale:
            return self
        return replace(self, comment=text, comment_locale=locale, comment_at=at)

    def switched(self, on: bool, at: datetime, event_id: str) -> AlarmState:
        """Be enabled or disabled. While disabled it goes on to be watched, and tells nothing.

        Raises:
            StepRefused: BadConditionAlreadyEnabled, BadConditionAlreadyDisabled.
        """
        if on == self.enabled:
            already = S.BadConditionAlreadyEnabled if on else S.BadConditionAlreadyDisabled
            raise StepRefused(already)
        return replace(self, enabled=on, enabled_at=at, time=at)._told(event_id)

    def _check(self, seen: str) -> None:
        if not self.enabled:
            raise StepRefused(S.BadConditionDisabled)
        if seen not in self.known:
            raise StepRefused(S.BadEventIdUnknown)

    def _told(self, event_id: str) -> AlarmState:
        return replace(self, known=(*self.known, event_id)[-KNOWN:])


_ADAPTER: Final = TypeAdapter(AlarmState)


def written(state: AlarmState) -> str:
    """Return a state as JSON, to be kept."""
    return _ADAPTER.dump_json(state).decode()


def parsed(text: str) -> AlarmState | None:
    """Return the state that was kept; None where it can't be read."""
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError:
        return None
