"""ISO/IEC 15434 messages."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracenode.drivers.codes import Decoding, decode
from tracenode.models.codes import CodeKind, CodeScheme
from tracenode.models.device_errors import BadCode

RS, GS, EOT = "\x1e", "\x1d", "\x04"


def message(*elements: str, number: str = "06") -> str:
    return f"[)>{RS}{number}{GS}{GS.join(elements)}{RS}{EOT}"


@pytest.mark.parametrize(
    ("elements", "kind", "key"),
    [
        (("1PM-100", "S0001"), CodeKind.Unit, "(1P)M-100(S)0001"),
        (("S0001", "1PM-100", "Q1"), CodeKind.Unit, "(1P)M-100(S)0001"),
        (("PM-100", "1TL7", "Q500"), CodeKind.Lot, "(P)M-100(1T)L7"),
        (("25SUN123456789A7", "PM-100"), CodeKind.Unit, "(25S)UN123456789A7"),
        (("1JUN043325711MH8031", "PM-100"), CodeKind.Logistic, "(1J)UN043325711MH8031"),
        (("PM-100",), CodeKind.Product, "(P)M-100"),
        (("TL7",), CodeKind.Lot, "(T)L7"),
    ],
)
def test_data_identifiers_name_what_they_name(
    elements: tuple[str, ...], kind: CodeKind, key: str
) -> None:
    code = decode(message(*elements))
    assert (code.kind, code.key, code.scheme) == (kind, key, CodeScheme.ISO15434)
    assert code.note == ""


def test_the_attributes_are_read_too() -> None:
    code = decode(message("1PM-100", "1TL7", "Q500", "14D20271231"))
    assert (code.product, code.lot) == ("M-100", "L7")
    assert code.quantity == 500
    assert code.quantity_unit is None
    assert code.expiry == date(2027, 12, 31)


def test_format_05_holds_gs1_elements() -> None:
    code = decode(message("0109521234543213", "21ABC", number="05"))
    assert (code.key, code.scheme) == ("(01)09521234543213(21)ABC", CodeScheme.GS1)
    assert code.raw.startswith("[)>")


def test_a_label_without_trailer_is_read_and_noted() -> None:
    code = decode(f"[)>{RS}06{GS}1PM-100{GS}S0001")
    assert code.key == "(1P)M-100(S)0001"
    assert "RS EOT" in code.note


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        ("[)>061PM-100", "let the scanner send RS", "061PM"),
        (f"[)>{RS}12{GS}PX{RS}{EOT}", "format 05 or 06", "12"),
        (f"[)>{RS}06{RS}{EOT}", "GS and data", "''"),
        (message(""), "GS and data", "x1d"),
        (message("PM-100", ""), "a data identifier", "''"),
        (message("pm"), "a data identifier", "'pm'"),
        (message("P"), "a data identifier", "'P'"),
        (message("P  "), "a value for data identifier P", "'  '"),
        (message("Q5"), "identifies", "only Q"),
        (message("PA", "PB"), "P once", "'A' and 'B'"),
        (message("PA", "Qmany"), "a number", "'many'"),
        (message("PA", "14D20271332"), "YYYYMMDD", "20271332"),
        (f"[)>{RS}06{GS}PA{RS}06{GS}PB{RS}{EOT}", "one format", "2"),
    ],
)
def test_a_broken_message_says_what_was_expected_and_found(
    text: str, expected: str, found: str
) -> None:
    with pytest.raises(BadCode) as bad:
        decode(text, None, Decoding.Auto)
    assert expected in bad.value.expected
    assert found in bad.value.found


values = st.text("ABC0123456789-/ ", min_size=1, max_size=20).filter(lambda s: bool(s.strip()))


@given(values, values)
def test_elements_come_back_as_they_were_written(part: str, serial: str) -> None:
    code = decode(message(f"1P{part}", f"S{serial}"))
    assert (code.product, code.serial) == (part, serial)
