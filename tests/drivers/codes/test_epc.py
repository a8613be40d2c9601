"""RFID tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracenode.drivers.codes import decode, decode_tag
from tracenode.models.codes import CodeKind, CodeScheme
from tracenode.models.device_errors import BadCode


@pytest.mark.parametrize(
    ("tag", "uri", "kind", "key"),
    [
        (
            "3034257BF7194E4000001A85",
            "urn:epc:id:sgtin:0614141.812345.6789",
            CodeKind.Unit,
            "(01)80614141123458(21)6789",
        ),
        (
            "3134257BF4499602D2000000",
            "urn:epc:id:sscc:0614141.1234567890",
            CodeKind.Logistic,
            "(00)106141412345678908",
        ),
        (
            "351C00A4C0002E4000000001",
            "urn:epc:id:gid:29362764.740.1",
            CodeKind.Other,
            "urn:epc:id:gid:29362764.740.1",
        ),
    ],
)
def test_a_tag_has_its_pure_identity_and_the_key_of_the_label(
    tag: str, uri: str, kind: CodeKind, key: str
) -> None:
    for written in (tag, tag.lower(), f"{int(tag, 16):096b}"):
        code = decode_tag(written)
        assert (code.text, code.kind, code.key) == (uri, kind, key)
        assert (code.scheme, code.raw) == (CodeScheme.EPC, written)
    assert decode(uri).key == key


def test_a_tag_and_a_label_of_one_unit_have_one_key() -> None:
    label = decode("018061414112345821" + "6789", "d2")
    assert decode_tag("3034257BF7194E4000001A85").key == label.key


@pytest.mark.parametrize("tag", ["E28011606000020412345678", "e280116060000204", "FFFF", "3600"])
def test_an_unknown_header_keeps_the_hex_as_identity(tag: str) -> None:
    code = decode_tag(tag)
    assert (code.key, code.text, code.kind) == (tag.upper(), tag.upper(), CodeKind.Other)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("", "hexadecimal"),
        ("xyz", "hexadecimal"),
        ("ABC", "whole bytes"),
        ("AB", "16 bits"),
        ("00" * 12, "a programmed tag"),
    ],
)
def test_what_is_no_tag_is_refused(tag: str, expected: str) -> None:
    with pytest.raises(BadCode) as bad:
        decode_tag(tag)
    assert expected in bad.value.expected


@given(st.binary(min_size=2, max_size=32).filter(any))
def test_no_tag_is_dropped_and_no_two_share_a_key_by_accident(memory: bytes) -> None:
    code = decode_tag(memory.hex())
    assert code.key
    if code.key == code.text and not code.key.startswith("urn:"):
        assert code.key == memory.hex().upper()
