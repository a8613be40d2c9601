"""What a payload says: plain text, or a place in a JSON document."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NoReturn

from pydantic import AfterValidator

from tracenode.models.device_errors import BadTelegram
from tracenode.models.errors import BadSetting
from tracenode.models.readings import PointType, Value

__all__ = ["JsonPointer", "code_in", "document", "found_at", "plain", "time_in", "value_in"]

SHOWN: Final = 60
MILLISECONDS_FROM: Final = 100_000_000_000
"""A number above is milliseconds since 1970, below seconds: the year 5138, or 1973."""
_POINTER: Final = re.compile(r"(/([^~/]|~[01])*)*")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_RANGES: Final = {
    PointType.SByte: (-(1 << 7), (1 << 7) - 1),
    PointType.Byte: (0, (1 << 8) - 1),
    PointType.Int16: (-(1 << 15), (1 << 15) - 1),
    PointType.UInt16: (0, (1 << 16) - 1),
    PointType.Int32: (-(1 << 31), (1 << 31) - 1),
    PointType.UInt32: (0, (1 << 32) - 1),
    PointType.Int64: (-(1 << 63), (1 << 63) - 1),
    PointType.UInt64: (0, (1 << 64) - 1),
}
MAX_FLOAT: Final = 3.4028234663852886e38


def _pointer(text: str) -> str:
    if not _POINTER.fullmatch(text):
        raise BadSetting("a JSON Pointer such as /data/0/value", repr(text))
    return text


JsonPointer = Annotated[str, AfterValidator(_pointer)]
"""A place in a document (RFC 6901); empty: the whole."""


def plain(payload: bytes, encoding: str) -> str:
    """Return a payload as text, without one line end after it.

    Raises:
        BadTelegram: it is not in the encoding.
    """
    try:
        text = payload.decode(encoding)
    except UnicodeDecodeError as error:
        byte = f"0x{payload[error.start]:02X} at byte {error.start + 1}"
        raise BadTelegram(f"{encoding} text", byte) from error
    return text.removesuffix("\n").removesuffix("\r")


def document(payload: bytes) -> Any:
    """Return what a JSON payload holds.

    Raises:
        BadTelegram: it is no JSON (RFC 8259), or one with a number that is none.
    """
    try:
        return json.loads(payload.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadTelegram("JSON", f"{_short(payload)} ({error})") from error


def found_at(whole: Any, pointer: str) -> Any:
    """Return what stands at a place.

    Raises:
        BadTelegram: nothing does.
    """
    here = whole
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict) and key in here:
            here = here[key]
        elif isinstance(here, list) and key.isdecimal() and int(key) < len(here):
            here = here[int(key)]
        else:
            raise BadTelegram(f"something at {pointer}", _short(whole))
    return here


def code_in(found: object) -> str:
    """Return the text of a code; a whole number counts as its digits.

    Raises:
        BadTelegram: neither.
    """
    if isinstance(found, str) and _encodable(found):
        return found
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    raise BadTelegram("a code as text", _short(found))


def value_in(found: object, kind: PointType) -> Value:
    """Return a value of a type: out of JSON, or out of plain text.

    Raises:
        BadTelegram: it is of another type, or outside what the type holds.
    """
    value: object = found
    if isinstance(found, str) and kind is not PointType.String:
        value = _read(found.strip(), kind)
    match kind:
        case PointType.Boolean:
            fits = isinstance(value, bool)
        case PointType.String:
            fits = isinstance(value, str) and _encodable(value)
        case PointType.Float | PointType.Double:
            fits = isinstance(value, int | float) and not isinstance(value, bool)
            most = MAX_FLOAT if kind is PointType.Float else math.inf
            value = _double(value) if fits else None
            fits = isinstance(value, float) and math.isfinite(value) and abs(value) <= most
        case _:
            low, high = _RANGES[kind]
            fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    if not fits:
        raise BadTelegram(f"a value of {kind.name}", _short(found))
    assert isinstance(value, bool | int | float | str)
    return value


def time_in(found: object) -> datetime:
    """Return a time in UTC: ISO 8601 with its offset, or a number since 1970.

    Raises:
        BadTelegram: it is neither.
    """
    try:
        if isinstance(found, str):
            at = datetime.fromisoformat(found)
            if at.tzinfo is not None:
                return at.astimezone(UTC)
        elif isinstance(found, int | float) and not isinstance(found, bool):
            seconds = found / 1000 if abs(found) >= MILLISECONDS_FROM else found
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadTelegram("a time", _short(found)) from error
    raise BadTelegram("a time: ISO 8601 with its offset, or a number since 1970", _short(found))


def _read(text: str, kind: PointType) -> object:
    if kind is PointType.Boolean:
        return _BOOLEANS.get(text.lower())
    if _INTEGER.fullmatch(text):
        return int(text)
    if kind in {PointType.Float, PointType.Double} and _NUMBER.fullmatch(text):
        return float(text)
    return None


def _encodable(text: str) -> bool:
    """Whether it can be told on: an escape in JSON may be half a character."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _double(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _short(found: object) -> str:
    text = repr(found)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
