"""Status of a booking as PLCs see it: one Int32, below 100 is yes, from 100 on is no."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["REFUSED_FROM", "TraceStatus"]

REFUSED_FROM = 100
"""A PLC tests `Status < 100`; every refusal is at or above this number."""


class TraceStatus(IntEnum):
    """The numbers of TraceStatusEnum in the nodeset and of register 9 of the handshake answer."""

    Ok = 0
    OkReplayed = 1
    UnknownItem = 100
    UnknownMaterial = 101
    UnknownOrder = 102
    AmbiguousItem = 103
    WrongRoute = 110
    PreviousStepMissing = 111
    PreviousStepFailed = 112
    AlreadyProcessed = 113
    ItemOnHold = 114
    ItemScrapped = 115
    ReworkLimitReached = 116
    WrongRecipe = 117
    WrongTool = 118
    PartNotInBom = 120
    PartAlreadyInstalled = 121
    PartMissing = 122
    MaterialExpired = 130
    MaterialBlocked = 131
    MaterialEmpty = 132
    OverConsumption = 133
    UnitMismatch = 134
    InvalidIdentifier = 140
    DuplicateIdentifier = 141
    NotStarted = 142
    StationBusy = 150
    RequestConflict = 151
    MalformedRequest = 152
    WouldCloseCycle = 153
    NotAuthorized = 160

    @property
    def refused(self) -> bool:
        """True for every status that booked nothing."""
        return self >= REFUSED_FROM
