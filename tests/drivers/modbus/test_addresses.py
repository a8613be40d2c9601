import pytest

from tracenode.drivers.modbus.addresses import (
    Address,
    AddressRange,
    Space,
    parse_address,
    parse_range,
)
from tracenode.drivers.modbus.datatypes import parse_type
from tracenode.drivers.modbus.endpoint import Framing, parse_endpoint


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("hr:0", Address(Space.Holding, 0)),
        ("hr:65535", Address(Space.Holding, 65535)),
        ("ir:0x1F", Address(Space.Input, 31)),
        ("co:7", Address(Space.Coil, 7)),
        ("di:7", Address(Space.Discrete, 7)),
        ("hr:10.3", Address(Space.Holding, 10, 3)),
    ],
)
def test_address_is_zero_based_and_names_its_space(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("40001", "hr:0"),
        ("400001", "hr:0"),
        ("40108", "hr:107"),
        ("30001", "ir:0"),
        ("10017", "di:16"),
        ("00001", "co:0"),
        ("100", "hr:100"),
        ("hr:65536", "up to 65535"),
        ("hr:10.16", "bit of 0 to 15"),
        ("co:10.3", "co:10 without"),
        ("hr10", "such as hr:100"),
        ("", "such as hr:100"),
    ],
)
def test_wrong_address_is_refused_with_the_right_spelling(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_address(text)


def test_range_includes_both_ends() -> None:
    assert parse_range("hr:0-199") == AddressRange(Space.Holding, 0, 199)
    for wrong in ("hr:5-4", "hr:5", "0-5", "hr:0-70000"):
        with pytest.raises(ValueError):
            parse_range(wrong)


def test_text_type_knows_length_and_encoding() -> None:
    assert (parse_type("string(5)").words, parse_type("string(5)").encoding) == (3, "ascii")
    assert parse_type("string(16, latin-1)").encoding == "iso8859-1"
    for wrong in ("string(0)", "string(247)", "string(4,klingon)", "float", "string"):
        with pytest.raises(ValueError):
            parse_type(wrong)


def test_endpoint_forms() -> None:
    serial = parse_endpoint("rtu:/dev/ttyS0?baudrate=9600&parity=N&stopbits=2")
    assert (serial.framing, serial.host, serial.baudrate) == (Framing.Rtu, "/dev/ttyS0", 9600)
    assert (serial.parity, serial.stopbits, serial.bits_per_character) == ("N", 2, 11)
    assert parse_endpoint("tcp://plc").port == 502
    assert parse_endpoint("rtu+tcp://10.0.0.7:4001").framing is Framing.RtuOverTcp
    assert parse_endpoint("tcp://[::1]:5020").line == "tcp://[::1]:5020"
    assert parse_endpoint("rtu:COM3").line == "rtu:COM3"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("plc:502", "tcp://host"),
        ("tcp://plc:99999", "port"),
        ("tcp://plc/x", "tcp://host"),
        ("rtu:", "rtu:/dev"),
        ("rtu:/dev/ttyS0?baud=9600", "baudrate"),
        ("rtu:/dev/ttyS0?parity=X", "parity"),
        ("rtu:/dev/ttyS0?baudrate=fast", "300 to"),
        ("rtu:/dev/ttyS0?stopbits=3", "stopbits"),
    ],
)
def test_wrong_endpoint_says_what_is_allowed(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_endpoint(text)
