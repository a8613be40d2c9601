import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracenode.drivers.modbus.addresses import Space
from tracenode.drivers.modbus.crc import crc16
from tracenode.drivers.modbus.telegrams import (
    RtuSearch,
    TcpStream,
    read_request,
    write_registers_request,
)
from tracenode.models.device_errors import BadTelegram

REQUEST = read_request(3, Space.Holding, 100, 4)
PDU = bytes((3, 8, *range(8)))


def rtu(unit: int, pdu: bytes) -> bytes:
    body = bytes((unit,)) + pdu
    return body + crc16(body).to_bytes(2, "little")


def tcp(transaction: int, unit: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(places)]


def first(search: RtuSearch, parts: list[bytes]) -> bytes | None:
    return next((frame for part in parts if (frame := search.feed(part))), None)


FOREIGN = st.sampled_from(
    [
        b"",
        b"\xff\x00\x12",
        b"Busy Busy\r\n",
        rtu(3, REQUEST.pdu),  # an echo of the request
        rtu(4, PDU),  # another unit
        rtu(3, bytes((4,)) + PDU[1:]),  # another function
        rtu(3, bytes((3, 4, *range(4)))),  # another length
        rtu(3, bytes((3, 40)) + (rtu(3, PDU) * 4)[:40]),  # carries a telegram as data
        rtu(3, bytes((0x84, 2))),
        rtu(3, PDU)[:-1] + b"\x55",  # wrong check bytes
    ]
)


@given(st.lists(FOREIGN, max_size=4), st.lists(st.integers(0, 200), max_size=6), st.booleans())
def test_rtu_answer_is_found_among_junk_however_it_is_cut(
    junk: list[bytes], cuts: list[int], refused: bool
) -> None:
    answer = rtu(3, bytes((0x83, 2)) if refused else PDU)
    assert first(RtuSearch(REQUEST), chunks(b"".join(junk) + answer, cuts)) == answer


@given(st.lists(FOREIGN, max_size=5))
def test_rtu_answer_to_something_else_is_never_taken(junk: list[bytes]) -> None:
    assert RtuSearch(REQUEST).feed(b"".join(junk)) is None


@given(st.binary(max_size=300))
def test_rtu_noise_is_never_an_answer(noise: bytes) -> None:
    found = RtuSearch(REQUEST).feed(noise)
    assert found is None or crc16(found[:-2]) == int.from_bytes(found[-2:], "little")


@given(
    st.lists(
        st.tuples(st.integers(0, 65535), st.integers(0, 255), st.binary(min_size=2, max_size=253)),
        max_size=6,
    ),
    st.lists(st.integers(0, 1500), max_size=8),
)
def test_tcp_stream_is_cut_into_its_telegrams(
    telegrams: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    stream = TcpStream()
    data = b"".join(tcp(*telegram) for telegram in telegrams)
    frames = [frame for part in chunks(data, cuts) for frame in stream.feed(part)]
    assert [(f.transaction, f.unit, f.pdu) for f in frames] == telegrams
    assert stream.waiting == 0


@pytest.mark.parametrize(
    "head", [b"\0\1\0\1\0\6\1", b"\0\1\0\0\0\2\1", b"\0\1\0\0\1\0\1", b"\xde\xad\xbe\xef" * 2]
)
def test_tcp_stream_without_a_header_is_refused(head: bytes) -> None:
    with pytest.raises(BadTelegram):
        TcpStream().feed(head)


@pytest.mark.parametrize(
    "pdu",
    [
        bytes((4,)) + PDU[1:],
        bytes((0x84, 2)),
        PDU[:-2],
        PDU + b"\0\0",
        bytes((3, 7)) + PDU[2:],
        bytes((0x83, 2, 0)),
    ],
)
def test_answer_of_another_shape_is_a_fault(pdu: bytes) -> None:
    assert REQUEST.fault(pdu) is not None


def test_write_must_echo_address_and_count() -> None:
    request = write_registers_request(1, 10, [1, 2])
    assert request.fault(struct.pack(">BHH", 16, 10, 2)) is None
    assert request.fault(struct.pack(">BHH", 16, 11, 2)) is not None
    assert request.fault(struct.pack(">BHH", 16, 10, 1)) is not None
