"""The two areas, word by word, against the example of the documentation and a second encoder."""

from __future__ import annotations

import math
import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.controller import Controller
from tests.support.project import ROOT
from tracenode.drivers.mailbox.layout import (
    AREA_B_SIZE,
    USES,
    Answer,
    Code,
    Layout,
    MeasuredValue,
    Request,
    Result,
    ServerBits,
)
from tracenode.drivers.mailbox.words import check_value, float32
from tracenode.drivers.modbus.crc import crc16
from tracenode.models.errors import InvalidIdentifier, MalformedRequest, UnitMismatch

DOCUMENT = (ROOT / "docs" / "handshake.md").read_text("utf-8")


def example(area: str) -> list[int]:
    """Read an area out of the documentation; the offsets there must be right too."""
    (block,) = re.findall(rf"```{area}\n(.*?)```", DOCUMENT, re.DOTALL)
    words: list[int] = []
    for line in block.splitlines():
        offset, _, row = line.partition(":")
        assert int(offset) == len(words)
        words += [int(word, 16) for word in row.split()]
    return words


EXAMPLE = Request(
    code=Code.CompleteItem,
    evaluation=2,
    cycle=512,
    seconds=1_767_225_600,
    milliseconds=250,
    reason=1,
    operator=5,
    id1="P000123",
    measurements=(MeasuredValue(1, 2, 3.9), MeasuredValue(2, 1, 87.5)),
)
ANSWER = Answer(7, Result.Go, 0, 10, 3, 70_000, "sn:PUMP:P000123", "")


def test_example_of_the_documentation_is_what_the_server_reads() -> None:
    words, layout = example("area-a"), Layout(2)
    assert len(words) == layout.size
    layout.identify(words, 10)
    assert layout.read(words) == EXAMPLE
    assert str(EXAMPLE.at) == "2026-01-01 00:00:00.250000+00:00"
    assert words[9:-1] == layout.payload(EXAMPLE)


def test_example_of_the_documentation_is_what_the_server_writes() -> None:
    words, layout = example("area-b"), Layout(2)
    assert len(words) == AREA_B_SIZE
    bits = ServerBits.Online | ServerBits.Durable
    assert words == [*layout.header(33, bits, 2), *layout.answer(ANSWER), 42]
    assert layout.read_answer(words) == ANSWER


def test_check_value_is_crc_16_modbus() -> None:
    assert crc16(b"123456789") == 0x4B37
    assert check_value([0x3132, 0x3334]) == crc16(b"1234") == 0x30BA
    assert "0x4B37" in DOCUMENT
    assert "0x30BA" in DOCUMENT


def test_every_request_code_and_status_is_documented() -> None:
    for code in Code:
        assert f"| {code.value} | {code.name} |" in DOCUMENT


# ---------------------------------------------------------------- properties
WORD = st.integers(0, 0xFFFF)
LONG = st.integers(0, 0xFFFF_FFFF)
ASCII = st.characters(max_codepoint=127)
ID = st.text(ASCII, max_size=64)
SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    code = draw(st.sampled_from(sorted(USES)))
    uses = USES[code]
    ids = [draw(ID) if place in uses.ids else "" for place in (1, 2, 3)]
    measured: tuple[MeasuredValue, ...] = ()
    if uses.measurements:
        rows = draw(st.lists(st.tuples(WORD, WORD, SINGLES), max_size=3))
        measured = tuple(MeasuredValue(a, b, shortest(c)) for a, b, c in rows)
    quantified = uses.quantity
    return Request(
        code=code,
        evaluation=draw(WORD),
        step=draw(WORD),
        recipe=draw(WORD),
        cycle=draw(WORD),
        seconds=draw(LONG),
        milliseconds=draw(WORD),
        quantity=draw(st.integers(-(2**31), 2**31 - 1)) if quantified else 0,
        scale=draw(WORD) if quantified else 0,
        unit=draw(st.sampled_from(["", "C62", "KGM", "ABCD"])) if quantified else "",
        position=draw(WORD),
        reason=draw(WORD),
        operator=draw(WORD),
        id1=ids[0],
        id2=ids[1],
        id3=ids[2],
        measurements=measured,
    )


def shortest(value: float) -> float:
    (bits,) = struct.unpack(">I", struct.pack(">f", value))
    return float32(bits)


@given(requests(), st.booleans(), st.booleans())
def test_request_survives_its_registers(request: Request, crc: bool, low_word_first: bool) -> None:
    layout = Layout(3, crc, low_word_first)
    area = [0] * 9 + layout.payload(request) + [1]
    assert len(area) == layout.size
    assert layout.read(area) == request


ANSWERS = st.builds(
    Answer,
    WORD,
    st.sampled_from(Result),
    reason=WORD,
    step=WORD,
    recipe=WORD,
    transaction=LONG,
    assigned=ID,
    text=st.text(ASCII, max_size=40),
)


@given(ANSWERS, st.booleans())
def test_answer_survives_its_registers(answer: Answer, low_word_first: bool) -> None:
    layout = Layout(low_word_first=low_word_first)
    area = [*layout.header(1, ServerBits.Online, 1), *layout.answer(answer), 1]
    assert len(area) == AREA_B_SIZE
    assert layout.read_answer(area) == answer


@given(SINGLES)
def test_measured_value_is_the_shortest_that_is_the_same_single(value: float) -> None:
    found = shortest(value)
    assert struct.pack(">f", found) == struct.pack(">f", value)
    assert len(repr(found)) <= len(repr(value))


def test_measured_value_reads_as_it_was_typed() -> None:
    assert [shortest(value) for value in (0.1, 4.7, 1e-3, 16777217.0)] == [0.1, 4.7, 0.001, 2.0**24]
    assert math.isnan(float32(0x7FC0_0000))
    assert math.isinf(float32(0x7F80_0000))


@given(st.lists(WORD, min_size=Layout(2).size, max_size=Layout(2).size), st.booleans())
def test_no_area_breaks_the_reader(area: list[int], crc: bool) -> None:
    layout = Layout(2, crc)
    if crc:
        area[layout.crc_at] = check_value(area[9 : layout.crc_at])
    try:
        request = layout.read(area)
    except (MalformedRequest, InvalidIdentifier, UnitMismatch) as error:
        assert str(error)
    else:
        assert request.code == area[9]


def test_layouts_differ_only_in_length_and_word_order() -> None:
    plc = Controller(n=0, crc=False)
    plc.put(1, "X")
    assert (Layout(0).size, Layout(40).size) == (127, 287)
    assert Layout(0, crc=False).read(plc.a).id1 == "X"


# ---------------------------------------------------------------- refusals
def area_with(**fields: int) -> list[int]:
    plc = Controller()
    plc.put(2, "P1", sequence=1, **fields)
    return plc.a


def test_every_single_bit_that_flips_is_found() -> None:
    layout, good = Layout(2), area_with(evaluation=1)
    layout.read(good)
    for offset in range(9, layout.crc_at + 1):
        for bit in (0, 7, 15):
            bad = list(good)
            bad[offset] ^= 1 << bit
            with pytest.raises(MalformedRequest, match="CRC"):
                layout.read(bad)


def test_non_ascii_id_names_the_byte() -> None:
    plc = Controller()
    plc.put(1, b"P\xe4")
    with pytest.raises(InvalidIdentifier, match="Id1 holds the byte 0xE4"):
        Layout(2).read(plc.a)


def test_what_a_request_does_not_use_is_not_looked_at() -> None:
    plc = Controller()
    plc.put(1, "P1", b"\xff\xfe", unit="\xff", quantity=-1)
    plc.a[58] = plc.a[91] = plc.a[124] = 0xFFFF
    assert Layout(2, crc=False).read(plc.a) == Request(1, id1="P1")


@pytest.mark.parametrize(("offset", "field"), [(25, "Id1 length"), (124, "measurements used")])
def test_count_out_of_range_is_named(offset: int, field: str) -> None:
    area = area_with()
    area[offset] = 65
    with pytest.raises(MalformedRequest, match=field):
        Layout(2, crc=False).read(area)


def test_digest_is_of_the_payload_alone() -> None:
    layout, area = Layout(2), area_with(cycle=3)
    other = list(area)
    other[5] += 1
    other[6] ^= 16
    other[8] = other[-1] = 77
    assert layout.digest(area) == layout.digest(other)
    other[13] += 1
    assert layout.digest(area) != layout.digest(other)
