import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracenode.drivers.modbus.codec import BitCodec, BlockCodec, Field, Undecodable, encode
from tracenode.drivers.modbus.crc import crc16
from tracenode.drivers.modbus.datatypes import Order, parse_type
from tracenode.models.errors import MalformedRequest
from tracenode.models.readings import Value

INTEGERS = {"int16": 16, "uint16": 16, "int32": 32, "uint32": 32, "int64": 64, "uint64": 64}


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[str, Value]:
    name = draw(st.sampled_from([*INTEGERS, "float32", "float64", "bool", "string(9)"]))
    if bits := INTEGERS.get(name):
        signed = not name.startswith("u")
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return name, draw(st.integers(low, high))
    if name == "bool":
        return name, draw(st.booleans())
    if name.startswith("string"):
        text = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=9)
        return name, draw(text)
    floats = st.floats(width=32) if name == "float32" else st.floats()
    return name, draw(floats.filter(math.isfinite))


@given(st.lists(st.tuples(typed_values(), st.sampled_from(Order)), min_size=1, max_size=20))
def test_what_was_encoded_decodes_to_the_same(
    items: list[tuple[tuple[str, Value], Order]],
) -> None:
    fields, registers, expected = [], [0xDEAD], []
    for (name, value), order in items:
        field = Field(len(registers), parse_type(name), order)
        registers += [*encode("x", field, value), 0xBEEF]
        fields.append(field)
        expected.append(value)
    raw = struct.pack(f">{len(registers)}H", *registers)
    assert BlockCodec(fields).decode(raw) == expected


@pytest.mark.parametrize(
    ("order", "registers"),
    [
        (Order.ABCD, [0x0A0B, 0x0C0D]),
        (Order.CDAB, [0x0C0D, 0x0A0B]),
        (Order.BADC, [0x0B0A, 0x0D0C]),
        (Order.DCBA, [0x0D0C, 0x0B0A]),
    ],
)
def test_orders_stand_for_the_bytes_on_the_wire(order: Order, registers: list[int]) -> None:
    field = Field(0, parse_type("uint32"), order)
    assert BlockCodec([field]).decode(struct.pack(">2H", *registers)) == [0x0A0B0C0D]
    assert encode("x", field, 0x0A0B0C0D) == tuple(registers)


def test_64_bit_orders() -> None:
    value = 0x0102030405060708
    wires = {
        Order.ABCD: "0102030405060708",
        Order.CDAB: "0708050603040102",
        Order.BADC: "0201040306050807",
        Order.DCBA: "0807060504030201",
    }
    for order, wire in wires.items():
        field = Field(0, parse_type("uint64"), order)
        assert BlockCodec([field]).decode(bytes.fromhex(wire)) == [value]


def test_overlapping_fields_share_a_register() -> None:
    word = parse_type("uint16")
    fields = [Field(0, word), *(Field(0, parse_type("bit"), bit=bit) for bit in (0, 3, 15))]
    assert BlockCodec(fields).decode(b"\x80\x01") == [0x8001, True, False, True]


def test_scaled_number_is_a_float_and_comes_back() -> None:
    field = Field(0, parse_type("int16"), scale=0.1, shift=-40.0)
    [value] = BlockCodec([field]).decode(struct.pack(">h", 1234))
    assert isinstance(value, float)
    assert math.isclose(value, 83.4)
    assert encode("x", field, value) == (1234,)


def test_text_ends_at_nul_and_loses_its_padding() -> None:
    field = Field(0, parse_type("string(8)"))
    assert BlockCodec([field]).decode(b"AB  \0\xffzz") == ["AB"]
    swapped = Field(0, parse_type("string(4)"), Order.BADC)
    assert BlockCodec([swapped]).decode(b"BADC") == ["ABCD"]


def test_bytes_that_are_no_value_are_undecodable() -> None:
    fields = [Field(0, parse_type("string(2)")), Field(1, parse_type("float32"))]
    text, number = BlockCodec(fields).decode(b"\xff\xfe\x7f\xc0\x00\x00")
    assert isinstance(text, Undecodable)
    assert isinstance(number, Undecodable)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint16", 65536),
        ("uint16", -1),
        ("int16", 1.5),
        ("int16", "7"),
        ("uint16", True),
        ("float32", math.nan),
        ("float32", 1e300),
        ("bool", 1),
        ("string(4)", "ABCDE"),
        ("string(4)", "Ä"),
        ("string(4)", 4),
    ],
)
def test_value_that_does_not_fit_is_refused(kind: str, value: Value) -> None:
    with pytest.raises(MalformedRequest, match="speed: expected"):
        encode("speed", Field(0, parse_type(kind)), value)


@given(st.lists(st.booleans(), min_size=1, max_size=100))
def test_bits_come_the_lowest_first(bits: list[bool]) -> None:
    packed = sum(1 << i for i, bit in enumerate(bits) if bit)
    raw = packed.to_bytes((len(bits) + 7) // 8, "little")
    fields = [Field(i, parse_type("bool")) for i in range(len(bits))]
    assert BitCodec(fields).decode(raw) == bits


def test_crc_is_that_of_the_specification() -> None:
    # MODBUS over serial line V1.02, 6.2.2: 02 07 has the check bytes 41 12 on the wire.
    assert crc16(b"\x02\x07").to_bytes(2, "little") == b"\x41\x12"
    assert crc16(b"123456789") == 0x4B37
