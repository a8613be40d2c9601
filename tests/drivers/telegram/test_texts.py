"""From bodies to texts, and telling repeats."""

from __future__ import annotations

import pytest

from tracenode.drivers.telegram import (
    NOREAD_PATTERNS,
    Reject,
    Repeats,
    Text,
    compiled_noread,
    read_text,
)
from tracenode.models.readings import RejectReason

NOREAD = compiled_noread(NOREAD_PATTERNS)


@pytest.mark.parametrize(
    ("body", "text", "symbology"),
    [
        (b"SN-000123", "SN-000123", None),
        (b"]d20109521234543213\x1d21A", "0109521234543213\x1d21A", "d2"),
        (b"]C1(01)", "(01)", "C1"),
        (b"]?x", "]?x", None),
        (b"[)>\x1e06\x1dP1\x1e\x04", "[)>\x1e06\x1dP1\x1e\x04", None),
        ("Größe 3".encode(), "Größe 3", None),
    ],
)
def test_a_body_is_a_text_with_its_symbology(body: bytes, text: str, symbology: str | None) -> None:
    assert read_text(body, "utf-8", NOREAD) == Text(text, symbology)


@pytest.mark.parametrize(
    ("body", "reason", "words"),
    [
        (b"", RejectReason.Empty, "b''"),
        (b"   ", RejectReason.Empty, "b'   '"),
        (b"]d2", RejectReason.Empty, "]d2"),
        (b"NOREAD", RejectReason.NoRead, "NOREAD"),
        (b"no read", RejectReason.NoRead, "no read"),
        (b"]d2NOREAD", RejectReason.NoRead, "NOREAD"),
        (b"????", RejectReason.NoRead, "????"),
        (b"\x18", RejectReason.NoRead, "x18"),
        (b"SN1\0\0\0", RejectReason.ControlCharacters, "NUL"),
        (b"SN1\r", RejectReason.ControlCharacters, "CRLF"),
        (b"SN\x7f1", RejectReason.ControlCharacters, "character 3"),
        (b"SN\xff1", RejectReason.Undecodable, "byte 3"),
    ],
)
def test_what_is_no_identity_is_a_reject_with_words(
    body: bytes, reason: RejectReason, words: str
) -> None:
    reject = read_text(body, "utf-8", NOREAD)
    assert isinstance(reject, Reject)
    assert reject.reason is reason
    assert words in reject.note


def test_noread_patterns_are_whole_texts_and_configurable() -> None:
    assert read_text(b"NRX", "ascii", NOREAD) == Text("NRX", None)
    assert read_text(b"NOREAD", "ascii", compiled_noread([])) == Text("NOREAD", None)
    assert isinstance(read_text(b"EMPTY", "ascii", compiled_noread(["EMPTY"])), Reject)


def test_a_repeat_within_the_window_is_told_and_the_window_slides() -> None:
    repeats = Repeats(1.0)
    assert not repeats.again("A", 10.0)
    assert not repeats.again("B", 10.5)
    assert repeats.again("A", 10.9)
    assert repeats.again("A", 11.8)
    assert not repeats.again("B", 11.9)
    assert not repeats.again("A", 12.8)


def test_no_window_tells_no_repeats() -> None:
    repeats = Repeats(0.0)
    assert not repeats.again("A", 1.0)
    assert not repeats.again("A", 1.0)
