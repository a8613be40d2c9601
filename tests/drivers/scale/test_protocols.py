"""From the bytes of a scale to a weighing: what manuals show, and what the wire does to it."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracenode.drivers.scale.protocols import DIALECTS, Protocol, Weighing, pattern_reader
from tracenode.drivers.scale.units import in_unit
from tracenode.models.device_errors import BadTelegram


def toledo(a: int, b: int, weight: str) -> bytes:
    return bytes((a, b, 0x20)) + weight.encode() + b"000000"


@pytest.mark.parametrize(
    ("protocol", "line", "amount", "unit", "stable"),
    [
        (Protocol.Sics, b"S S     100.00 g", "100.00", "g", True),
        (Protocol.Sics, b"S D     -12.45 kg", "-12.45", "kg", False),
        (Protocol.Comma, b"ST,GS,+  12.345kg", "12.345", "kg", True),
        (Protocol.Comma, b"US,NT,-   0.500kg", "-0.500", "kg", False),
        (Protocol.Comma, b"ST,+00123.45  g", "123.45", "g", True),
        (Protocol.Sbi, b"+   1234.5 g  ", "1234.5", "g", True),
        (Protocol.Sbi, b"+   1234.5    ", "1234.5", "", False),
        (Protocol.Sbi, b"N     -    123.4 kg ", "-123.4", "kg", True),
        (Protocol.Toledo, toledo(0x2C, 0x30, " 12345"), "123.45", "kg", True),
        (Protocol.Toledo, toledo(0x2C, 0x3A, "012345"), "-123.45", "kg", False),
        (Protocol.Toledo, toledo(0x2A, 0x20, "    70"), "70", "lb", True),
    ],
)
def test_a_telegram_is_a_weighing(
    protocol: Protocol, line: bytes, amount: str, unit: str, stable: bool
) -> None:
    read = DIALECTS[protocol].read(line)
    assert read == Weighing(Decimal(amount), unit, stable)


@pytest.mark.parametrize(
    ("protocol", "line", "words"),
    [
        (Protocol.Sics, b"S +", "overload"),
        (Protocol.Sics, b"S I", "busy"),
        (Protocol.Sics, b"ET", "baud rate"),
        (Protocol.Comma, b"OL,GS,+999999kg", "overload"),
        (Protocol.Sbi, b"      H       ", "overload"),
        (Protocol.Sbi, b"Stat       Low      ", "underload"),
        (Protocol.Toledo, toledo(0x2C, 0x34, "012345"), "out of range"),
        (Protocol.Toledo, toledo(0x2C, 0x70, "012345"), "not yet zeroed"),
    ],
)
def test_a_scale_that_can_not_weigh_says_why(protocol: Protocol, line: bytes, words: str) -> None:
    read = DIALECTS[protocol].read(line)
    assert (read.amount, read.stable) == (None, False)
    assert words in read.fault


@pytest.mark.parametrize("line", [b"ST,TR,+  12.345kg", b"ST,PT,+  12.345kg"])
def test_a_tare_is_no_weight(line: bytes) -> None:
    with pytest.raises(BadTelegram):
        DIALECTS[Protocol.Comma].read(line)


NUMBERS = {
    Protocol.Sics: (b"S S     100.25 g", range(4, 14)),
    Protocol.Sbi: (b"+   1234.5 g  ", range(2, 10)),
    Protocol.Toledo: (toledo(0x2C, 0x30, "012345"), range(3, 9)),
}


@pytest.mark.parametrize("protocol", list(NUMBERS))
def test_a_lost_or_doubled_character_of_the_number_is_no_other_weight(protocol: Protocol) -> None:
    line, number = NUMBERS[protocol]
    assert DIALECTS[protocol].read(line).stable
    for place in number:
        for wrong in (
            line[:place] + line[place + 1 :],
            line[:place] + line[place:][:1] * 2 + line[place + 1 :],
        ):
            with pytest.raises(BadTelegram):
                DIALECTS[protocol].read(wrong)


@given(st.sampled_from(list(DIALECTS)), st.binary(max_size=40))
def test_any_bytes_are_a_weighing_or_a_bad_telegram(protocol: Protocol, line: bytes) -> None:
    try:
        read = DIALECTS[protocol].read(line)
    except BadTelegram:
        return
    assert (read.amount is None) == bool(read.fault)


def test_a_pattern_reads_the_lines_of_any_scale() -> None:
    read = pattern_reader(re.compile(r"W(?P<weight>[ \d.+-]+)(?P<unit>kg|g)(?P<stable>!)?"))
    assert read(b"W  12.5kg!") == Weighing(Decimal("12.5"), "kg", True)
    assert read(b"W- 0.5g") == Weighing(Decimal("-0.5"), "g", False)
    for wrong in (b"W1.2.3kg!", b"W.kg", b"12.5kg", b"W\xff1kg"):
        with pytest.raises(BadTelegram):
            read(wrong)


@pytest.mark.parametrize(
    ("amount", "printed", "unit", "found"),
    [
        ("1.5", "kg", "KGM", 1.5),
        ("1500", "g", "KGM", 1.5),
        ("0.25", "T", "KGM", 250.0),
        ("2", "lb", "GRM", 907.18474),
        ("7", "", "GRM", 7.0),
        ("7", "pcs", "GRM", None),
        ("7", "ct", "GRM", None),
    ],
)
def test_units_are_converted_or_refused(
    amount: str, printed: str, unit: str, found: float | None
) -> None:
    assert in_unit(Decimal(amount), printed, unit) == found
