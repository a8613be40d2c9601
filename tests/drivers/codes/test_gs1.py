"""GS1 element strings and Digital Links."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracenode.drivers.codes import Decoding, decode
from tracenode.models.codes import CodeKind, CodeScheme
from tracenode.models.device_errors import BadCode

GTIN = "09521234543213"
UNIT = f"(01){GTIN}(21)ABC"


@pytest.mark.parametrize(
    ("text", "symbology", "kind", "key"),
    [
        (f"01{GTIN}21ABC", "d2", CodeKind.Unit, UNIT),
        (f"\x1d01{GTIN}21ABC", "Q3", CodeKind.Unit, UNIT),
        (f"01{GTIN}10L7\x1d21ABC", "d2", CodeKind.Unit, UNIT),
        (f"01{GTIN}10L7\x1d21ABC", None, CodeKind.Unit, UNIT),
        (f"(01){GTIN}(21)ABC", None, CodeKind.Unit, UNIT),
        (f"https://id.gs1.org/01/{GTIN}/21/ABC", "Q1", CodeKind.Unit, UNIT),
        (f"http://brand.example/p/01/{GTIN[1:]}/10/L7/21/ABC?17=261231", None, CodeKind.Unit, UNIT),
        (f"01{GTIN}10L7", "C1", CodeKind.Lot, f"(01){GTIN}(10)L7"),
        (f"02{GTIN}10L7\x1d3725", "C1", CodeKind.Lot, f"(02){GTIN}(10)L7"),
        (f"01{GTIN}", "e0", CodeKind.Product, f"(01){GTIN}"),
        ("9521234543213", "E0", CodeKind.Product, f"(01){GTIN}"),
        ("00106141412345678908", "C1", CodeKind.Logistic, "(00)106141412345678908"),
        ("800400614141ABC", "C1", CodeKind.Asset, "(8004)00614141ABC"),
        ("21ABC", "d2", CodeKind.Unit, "(21)ABC"),
        ("10L7", "d2", CodeKind.Lot, "(10)L7"),
    ],
)
def test_one_identity_has_one_key_whatever_carries_it(
    text: str, symbology: str | None, kind: CodeKind, key: str
) -> None:
    code = decode(text, symbology)
    assert (code.kind, code.key, code.scheme) == (kind, key, CodeScheme.GS1)
    assert code.raw == text


def test_the_attributes_are_read_too() -> None:
    code = decode(f"01{GTIN}17261200310300125010L7\x1d21ABC", "d2")
    assert (code.gtin, code.serial, code.lot) == (GTIN, "ABC", "L7")
    assert code.expiry == date(2026, 12, 31)
    assert (code.quantity, code.quantity_unit) == (Decimal("1.250"), "KGM")
    assert code.text == f"(01){GTIN}(17)261200(3103)001250(10)L7(21)ABC"
    assert code.elements[0] == ("01", GTIN)
    assert decode(f"02{GTIN}3725\x1d10L7", "C1").quantity == 25


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        ("0109521234543214", "check digit 3", "4"),
        ("00106141412345678907", "check digit 8", "7"),
        ("800309521234543214A", "check digit 3", "4"),
        ("4149521234543214", "check digit 3", "4"),
        ("0100000000000000", "a number in (01)", "zeros only"),
        (f"01{GTIN}21" + "A" * 25, "FNC1 -> GS", "'AAAAA'"),
        (f"01{GTIN}10LOT-0000000000001721261231", "FNC1 -> GS", "'261231'"),
        (f"01{GTIN}10\u0663", "a GS1 element", "\u0663"),
        (f"01{GTIN}37\u0663", "GS1 characters", "\u0663"),
        (f"01{GTIN}21AB C", "GS1 characters", "' '"),
        (f"01{GTIN}17261301", "a GS1 element after (01)", "261301"),
        (f"01{GTIN}17260230", "a GS1 element", "260230"),
        (f"01{GTIN}\x1d05X", "a GS1 element", "05X"),
        ("ABC", "a GS1 element", "ABC"),
        ("\x1d", "a text", "x1d"),
        ("17261231", "identifies", "only (17)"),
        (f"10A\x1d10B\x1d01{GTIN}", "(10) once", "'A' and 'B'"),
        (f"(01){GTIN}(05)X", "(01)", "05"),
        ("https://id.gs1.org/01/09521234543214", "check digit 3", "4"),
        (f"https://id.gs1.org/01/{GTIN}/21", "Digital Link", "even number"),
    ],
)
def test_a_broken_code_says_what_was_expected_and_found(
    text: str, expected: str, found: str
) -> None:
    with pytest.raises(BadCode) as bad:
        decode(text, "d2")
    assert expected in bad.value.expected
    assert found in bad.value.found


def test_an_empty_text_is_no_code_in_any_decoding() -> None:
    for decoding in Decoding:
        with pytest.raises(BadCode):
            decode("", "d2", decoding)


def test_a_retail_number_with_a_wrong_check_digit_is_refused() -> None:
    with pytest.raises(BadCode, match="check digit 3"):
        decode("9521234543214", "E0")


def test_a_date_that_a_serial_may_have_swallowed_is_doubted_not_refused() -> None:
    code = decode(f"01{GTIN}21ABC17261231", "d2")
    assert code.serial == "ABC17261231"
    assert "(17)" in code.note and "FNC1" in code.note
    assert decode(f"01{GTIN}21ABC\x1d17261231", "d2").note == ""
    assert decode(f"01{GTIN}21ABC", "d2").note == ""


@pytest.mark.parametrize(
    "text", ["SN-000123", "0109521234543213", "https://shop.example/x", "(A)1"]
)
def test_a_text_that_promises_nothing_is_plain(text: str) -> None:
    code = decode(text)
    assert (code.kind, code.scheme, code.key) == (CodeKind.Unknown, CodeScheme.Plain, text)


def test_the_decoding_overrules_what_the_text_looks_like() -> None:
    assert decode(UNIT, "d2", Decoding.Plain).key == UNIT
    assert decode(f"01{GTIN}21ABC", None, Decoding.GS1).key == UNIT
    with pytest.raises(BadCode):
        decode("SN-000123", None, Decoding.GS1)
    with pytest.raises(BadCode):
        decode("SN-000123", None, Decoding.ISO15434)


value = st.text("ABCXYZabc0123456789-/.", min_size=1, max_size=20)


@given(value, value)
def test_elements_come_back_as_they_were_written(lot: str, serial: str) -> None:
    code = decode(f"01{GTIN}10{lot}\x1d21{serial}", "d2")
    assert (code.lot, code.serial) == (lot, serial)
    assert decode(f"01{GTIN}21{serial}\x1d10{lot}", "d2").key == code.key


@given(st.text(max_size=60), st.sampled_from([None, "d2", "Q3", "C1", "E0", "Q1"]))
def test_any_text_is_a_code_or_a_bad_code(text: str, symbology: str | None) -> None:
    try:
        code = decode(text, symbology)
    except BadCode as bad:
        assert bad.expected and bad.found
    else:
        assert code.key.strip()
        assert code.raw == text
