"""What scales say: from the bytes of one telegram to a weighing. No I/O.

A telegram that is not wholly as its protocol has it is no weighing. Where a protocol gives the
number a width, it is held to that: a digit lost on the wire must not become another weight.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from tracenode.drivers.telegram import Framing, Terminator
from tracenode.models.device_errors import BadTelegram

__all__ = ["DIALECTS", "Dialect", "Protocol", "Weighing", "pattern_reader"]


class Protocol(StrEnum):
    Sics = "sics"
    """MT-SICS: `S S     100.00 g`."""
    Comma = "comma"
    """`ST,GS,+  12.345kg`; the second part may be missing."""
    Sbi = "sbi"
    """`+   1234.56 g`, with or without six characters before it; no unit while it moves."""
    Toledo = "toledo"
    """Continuous output: STX, three status bytes, six digits of weight, six of tare, CR."""
    Pattern = "pattern"
    """A line that a regular expression of the configuration reads."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """One telegram. `amount` is None where the scale says that it has none, and `fault` why."""

    amount: Decimal | None
    unit: str
    """As printed; empty where the telegram has none."""
    stable: bool
    fault: str = ""


LINE: Final = Framing(max_length=64)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a protocol is asked, cut and read."""

    read: Callable[[bytes], Weighing]
    """Raises BadTelegram."""
    poll: bytes
    """What asks for the weight at once, standing still or not."""
    framing: Framing = LINE


NUMBER: Final = rb"([+-]?) *(\d{1,12}(?:\.\d{1,9})?)"
SICS: Final = re.compile(rb"S ([SD]) (?=.{10} )(?: *)" + NUMBER + rb" ([A-Za-z]{1,3})")
SICS_FAULTS: Final = {
    b"S I": "busy: it can't weigh now",
    b"S +": "overload",
    b"S -": "underload: is the pan on it?",
    b"ES": "it does not know the command",
    b"ET": "it could not read the command (baud rate, parity?)",
    b"EL": "it can't do the command",
}
# A tare (`TR`, `PT`) is no weight of what stands on the scale.
COMMA: Final = re.compile(
    rb"(ST|US|OL)(?:,(?:GS|NT|G|N))?,(?:" + NUMBER + rb" *([A-Za-z]{1,3})|.*)"
)
SBI: Final = re.compile(
    rb"(?:[A-Za-z# ][\w# ]{5})?([+-]) (?=.{8} ) *(\d{1,8}(?:\.\d{1,7})?) (?=.{3}$)([A-Za-z]{0,3}) *"
)
SBI_FAULTS: Final = {b"H": "overload", b"HIGH": "overload", b"L": "underload", b"LOW": "underload"}
SBI_FAULT: Final = re.compile(rb"(?:Stat\w?)? +(H|HIGH|L|LOW|Err *\d+) *", re.IGNORECASE)


def _sics(line: bytes) -> Weighing:
    if fault := SICS_FAULTS.get(line.strip()):
        return Weighing(None, "", False, fault)
    if not (match := SICS.fullmatch(line)):
        raise BadTelegram("a line such as `S S     100.00 g`", repr(line))
    return Weighing(_amount(match[2], match[3]), match[4].decode(), match[1] == b"S")


def _comma(line: bytes) -> Weighing:
    match = COMMA.fullmatch(line)
    if match and match[1] == b"OL":
        return Weighing(None, "", False, "overload or underload")
    if not match or match[3] is None:
        raise BadTelegram("a line such as `ST,GS,+  12.345kg`", repr(line))
    return Weighing(_amount(match[2], match[3]), match[4].decode(), match[1] == b"ST")


def _sbi(line: bytes) -> Weighing:
    if fault := SBI_FAULT.fullmatch(line):
        words = SBI_FAULTS.get(fault[1].upper(), fault[1].decode())
        return Weighing(None, "", False, words)
    if not (match := SBI.fullmatch(line)):
        raise BadTelegram("a line such as `+   1234.56 g  `", repr(line))
    unit = match[3].decode()
    return Weighing(_amount(match[1], match[2]), unit, bool(unit))


TOLEDO_LENGTH: Final = 15
FILL: Final = 0x20
"""Status bytes have bit 5 set, so that none of them is a control character."""


def _toledo(body: bytes) -> Weighing:
    """Status byte A: bits 0-2 place of the decimal point; B: bit 0 net, 1 negative, 2 out of range,
    3 motion, 4 kg, 6 not yet zeroed; C is not used. Parity has been taken off."""
    body = bytes(byte & 0x7F for byte in body)
    digits = body[3:9].strip(b" ")
    if len(body) != TOLEDO_LENGTH or not all(status & FILL for status in body[:3]):
        raise BadTelegram("STX, three status bytes and twelve digits", repr(body))
    place, status = body[0] & 7, body[1]
    if status & 0x44:
        words = "out of range" if status & 0x04 else "not yet zeroed since its power came"
        return Weighing(None, "", False, words)
    if not digits.isdigit() or not body[9:].strip(b" ").isdigit():
        raise BadTelegram("six digits of weight and six of tare", repr(body))
    amount = Decimal(int(digits)).scaleb(2 - place)
    unit = "kg" if status & 0x10 else "lb"
    return Weighing(-amount if status & 2 else amount, unit, not status & 8)


def pattern_reader(pattern: re.Pattern[str]) -> Callable[[bytes], Weighing]:
    """Return what reads lines by a regular expression with the groups weight and stable, and
    perhaps unit: the line is stable where the group `stable` took part in it."""

    def read(line: bytes) -> Weighing:
        match = pattern.fullmatch(line.decode("ascii", "replace"))
        if match is None:
            raise BadTelegram(f"a line like {pattern.pattern}", repr(line))
        found: Mapping[str, str | None] = match.groupdict()
        text = (found["weight"] or "").replace(" ", "")
        if not re.fullmatch(r"[+-]?\d{1,12}(\.\d{1,9})?", text):
            raise BadTelegram("a number as weight", repr(text))
        return Weighing(Decimal(text), found.get("unit") or "", found["stable"] is not None)

    return read


def _amount(sign: bytes, digits: bytes) -> Decimal:
    return Decimal((sign + digits).decode())


DIALECTS: Final = {
    Protocol.Sics: Dialect(_sics, b"SI\r\n"),
    Protocol.Comma: Dialect(_comma, b"Q\r\n"),
    Protocol.Sbi: Dialect(_sbi, b"\x1bP\r\n"),
    Protocol.Toledo: Dialect(_toledo, b"W\r", Framing(Terminator.CR, b"\x02", 64)),
}
"""Those that need no configuration."""
