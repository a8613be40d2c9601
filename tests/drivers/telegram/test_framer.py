"""Cutting bytes into telegrams."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracenode.drivers.telegram import Framer, Framing, Telegram, Terminator
from tracenode.models.readings import RejectReason

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def frame(framer: Framer, *chunks: bytes) -> list[Telegram]:
    return [telegram for chunk in chunks for telegram in framer.feed(chunk, AT)]


def bodies(telegrams: Iterable[Telegram]) -> list[bytes | RejectReason]:
    return [t.body if t.reject is None else t.reject for t in telegrams]


def line(terminator: Terminator, **more: object) -> Framer:
    return Framer(Framing(terminator, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("terminator", "chunks", "expected"),
    [
        (Terminator.Line, [b"A\r\nB\rC\n"], [b"A", b"B", b"C"]),
        (Terminator.Line, [b"A\r", b"\n", b"B\r"], [b"A", b"B"]),
        (Terminator.Line, [b"A\r", b"\nB\r\n"], [b"A", b"B"]),
        (Terminator.Line, [b"A\n\n"], [b"A", b""]),
        (Terminator.Line, [b"A\r\r"], [b"A", b""]),
        (Terminator.CR, [b"A\r\nB\r"], [b"A", b"B"]),
        (Terminator.LF, [b"A\nB\n"], [b"A", b"B"]),
        (Terminator.CRLF, [b"A\r\nB\r", b"\nC"], [b"A", b"B"]),
        (Terminator.CRLF, [b"A\rB\r\n"], [b"A\rB"]),
        (Terminator.ETX, [b"A\x03\r\nB\x03"], [b"A", b"B"]),
        (Terminator.TAB, [b"A\tB\t"], [b"A", b"B"]),
        (Terminator.Line, [b"[)>\x1e06\x1dP1\x1e\x04\r"], [b"[)>\x1e06\x1dP1\x1e\x04"]),
    ],
)
def test_each_terminator_ends_a_telegram(
    terminator: Terminator, chunks: list[bytes], expected: list[bytes]
) -> None:
    assert bodies(frame(line(terminator), *chunks)) == expected


def test_a_telegram_carries_its_raw_bytes_and_the_time_of_its_first() -> None:
    framer = line(Terminator.CRLF)
    later = AT + timedelta(seconds=1)
    assert framer.feed(b"AB", AT) == []
    first, second = framer.feed(b"C\r\nD\r\n", later)
    assert (first.raw, first.at) == (b"ABC\r\n", AT)
    assert (second.raw, second.at) == (b"D\r\n", later)


def test_stx_and_etx_wrap_a_telegram() -> None:
    framer = line(Terminator.ETX, start=b"\x02")
    assert bodies(frame(framer, b"\x02A\x03\r\n\x02", b"B\x03")) == [b"A", b"B"]


def test_a_start_resynchronises_and_what_stood_before_it_is_a_reject() -> None:
    framer = line(Terminator.ETX, start=b"\x02")
    junk, cut, good = frame(framer, b"xy\x02AB\x02CD\x03")
    assert (junk.raw, junk.reject) == (b"xy", RejectReason.NoStart)
    assert (cut.raw, cut.reject) == (b"\x02AB", RejectReason.Unterminated)
    assert good.body == b"CD"
    (lost,) = frame(framer, b"no start\x03")
    assert (lost.raw, lost.reject) == (b"no start\x03", RejectReason.NoStart)


def test_a_text_prefix_is_taken_at_the_front_only() -> None:
    framer = line(Terminator.Line, start=b"S1:")
    good, bad = frame(framer, b"S1:AS1:B\rS2:C\r")
    assert good.body == b"AS1:B"
    assert bad.reject is RejectReason.NoStart
    assert "S1:" in bad.note and "S2:" in bad.note


def test_too_long_gives_one_reject_and_resynchronises() -> None:
    framer = line(Terminator.Line, max_length=8)
    telegrams = frame(framer, b"12345678\r", b"123456789", b"abc", b"def\rOK\r")
    assert bodies(telegrams) == [b"12345678", RejectReason.TooLong, b"OK"]
    assert telegrams[1].raw == b"12345678"
    assert framer.skipped == len(b"9abcdef\r")
    assert not framer.busy


def test_an_endless_stream_without_a_terminator_stays_small() -> None:
    framer = line(Terminator.CRLF, max_length=64)
    rejects = frame(framer, *[b"\xff\r" * 500] * 100)
    assert [t.reject for t in rejects] == [RejectReason.TooLong]
    assert framer.pending <= 1
    framer.idle()
    assert bodies(frame(framer, b"OK\r\n")) == [b"OK"]


def test_idle_gives_an_unterminated_reject_never_a_scan() -> None:
    framer = line(Terminator.Line)
    assert frame(framer, b"SN1", b"23") == []
    assert framer.busy
    (reject,) = framer.idle()
    assert (reject.raw, reject.reject, reject.at) == (b"SN123", RejectReason.Unterminated, AT)
    assert framer.idle() == []
    assert bodies(frame(framer, b"OK\r")) == [b"OK"]


def test_the_lost_link_is_named_in_the_reject() -> None:
    framer = line(Terminator.Line)
    frame(framer, b"SN1")
    (reject,) = framer.lost()
    assert "end of the connection" in reject.note


ALPHABET = st.lists(
    st.sampled_from([b"A", b"B7", b"\r", b"\n", b"\r\n", b"\x03", b"\x02", b"\t", b"S:", b"\x1d"]),
    max_size=40,
).map(b"".join)
FRAMINGS = st.builds(
    Framing,
    terminator=st.sampled_from(list(Terminator)),
    start=st.sampled_from([b"", b"\x02", b"S:"]),
    max_length=st.sampled_from([1, 2, 5, 4096]),
)


@given(FRAMINGS, ALPHABET, st.lists(st.integers(0, 80), max_size=12), st.booleans())
@example(Framing(Terminator.CRLF, max_length=1), b"A\r\n", [2], True)
@example(Framing(Terminator.CRLF, max_length=1), b"AB\r\rA\r\n", [3, 4], True)
def test_any_chunking_gives_the_same_telegrams_and_accounts_for_every_byte(
    framing: Framing, stream: bytes, cuts: list[int], idle_at_the_end: bool
) -> None:
    whole, pieces = Framer(framing), Framer(framing)
    at_once = frame(whole, stream)
    edges = sorted({0, *(min(cut, len(stream)) for cut in cuts), len(stream)})
    chunked = frame(pieces, *(stream[a:b] for a, b in pairwise(edges)), b"")
    if idle_at_the_end:
        at_once += whole.idle()
        chunked += pieces.idle()
    assert chunked == at_once
    for framer, telegrams in ((whole, at_once), (pieces, chunked)):
        given_out = sum(len(t.raw) for t in telegrams)
        assert framer.fed == len(stream)
        assert framer.fed == given_out + framer.skipped + framer.passed_over + framer.pending
        if idle_at_the_end:
            assert framer.pending == 0
    for telegram in at_once:
        assert len(telegram.body) <= framing.max_length
        assert (telegram.reject is None) or (telegram.body == b"" and telegram.note)


@given(st.lists(st.binary(max_size=20).map(lambda b: b.translate(None, b"\r\n")), max_size=20))
def test_what_is_sent_framed_comes_back(texts: list[bytes]) -> None:
    framer = line(Terminator.CRLF)
    assert bodies(frame(framer, *(text + b"\r\n" for text in texts))) == texts
