"""What devices give: readings, which are state, and scans, which are events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from tracenode.models.codes import Code

__all__ = ["DeviceState", "Point", "PointType", "Quality", "Reading", "RejectReason", "Scan"]

MAX_STATUS_CODE: Final = 0xFFFF_FFFF


class Quality(IntEnum):
    """How good a reading is; the numbers are OPC UA StatusCodes (OPC 10000-4 7.39).

    Named are those that tracenode gives itself. A source that speaks OPC UA has its own, which are
    passed on as they are: `Quality(code)` takes any StatusCode, information bits included. Compare
    with `==`: what has no name here is not one object.
    """

    Good = 0x0000_0000
    WaitingForInitialData = 0x8032_0000
    LastUsableValue = 0x408F_0000
    """UncertainNoCommunicationLastUsableValue: the link is down, the value is younger than
    `stale_after`."""
    NoCommunication = 0x8031_0000
    Unstable = 0x4000_0000
    """Uncertain: the value still moves, as a weight that does not stand still."""
    ConfigurationError = 0x8089_0000
    DataEncodingInvalid = 0x8038_0000
    DeviceFailure = 0x808B_0000
    OutOfRange = 0x4094_0000
    """UncertainEngineeringUnitsExceeded."""
    OutOfService = 0x808D_0000

    @classmethod
    def _missing_(cls, value: object) -> Quality | None:
        if not isinstance(value, int) or not 0 <= value <= MAX_STATUS_CODE:
            return None
        code = int.__new__(cls, value)
        code._name_, code._value_ = f"0x{value:08X}", value
        return code

    @property
    def good(self) -> bool:
        return self == Quality.Good

    @property
    def usable(self) -> bool:
        """Severity Good or Uncertain: there may be a value to go on with."""
        return int(self) < 0x8000_0000


class PointType(IntEnum):
    """Data type of a point as clients see it; the numbers are OPC UA built-in types
    (OPC 10000-6 5.1.2)."""

    Boolean = 1
    SByte = 2
    Byte = 3
    Int16 = 4
    UInt16 = 5
    Int32 = 6
    UInt32 = 7
    Int64 = 8
    UInt64 = 9
    Float = 10
    Double = 11
    String = 12


@dataclass(frozen=True, slots=True)
class Point:
    """One value that a device declares before it has any: nodes exist before data."""

    name: str
    type: PointType
    unit: str | None = None
    """UN/ECE Recommendation 20 code of the engineering unit."""
    low: float | None = None
    high: float | None = None
    description: str = ""


Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Reading:
    """The state of one point. The latest wins; readings may be coalesced."""

    device: str
    point: str
    value: Value | None
    """None only where the quality is not good and no value was ever read."""
    quality: Quality
    at: datetime
    """UTC, when the device gave the value (SourceTimestamp)."""


class RejectReason(IntEnum):
    """Why a scan gave no identity (SEMANTICS S2)."""

    Empty = 1
    NoRead = 2
    Unterminated = 3
    TooLong = 4
    Undecodable = 5
    ControlCharacters = 6
    NoStart = 7
    BadCode = 8
    """The text is framed well but is no valid code: check digit, unknown structure."""
    Retained = 9
    """An MQTT broker kept the message from before: no scan of now."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One telegram of a reader. Never dropped, never coalesced.

    `text` is None exactly where `reject` says why; `raw` always holds the bytes as they came.
    """

    device: str
    raw: bytes
    at: datetime
    """UTC, of the first byte."""
    text: str | None = None
    symbology: str | None = None
    """AIM symbology identifier without the leading bracket (ISO/IEC 15424), such as 'd2'."""
    duplicate: bool = False
    """The same telegram came within the reader's `duplicate_ms`."""
    code: Code | None = None
    """What the text says; None exactly where `text` is None."""
    antenna: int | None = None
    """Of an RFID reader that tells it."""
    rssi_dbm: float | None = None
    reject: RejectReason | None = None
    request_id: str = ""
    """How the device itself names this scan, for ever; under one name it is recorded once."""
    note: str = ""
    """For a reject: what was expected and what came, in words a fitter can act on."""


class DeviceState(IntEnum):
    """State of a device under supervision."""

    Stopped = 0
    Connecting = 1
    Up = 2
    Degraded = 3
    BackOff = 4
    ConfigFault = 5
