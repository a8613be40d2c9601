"""Link strings of the configuration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracenode.drivers.link import (
    LinkSpec,
    ListenSpec,
    SerialSettings,
    SerialSpec,
    TcpSpec,
    UrlSpec,
    UsbSpec,
    parse_link,
)
from tracenode.models.errors import BadSetting


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("serial:/dev/ttyS0", SerialSpec("/dev/ttyS0")),
        ("serial:COM3?backend=pyserial", SerialSpec("COM3", backend="pyserial")),
        (
            "serial:/dev/ttyUSB0?baudrate=19200&bytesize=7&parity=E&stopbits=2&rtscts=1",
            SerialSpec("/dev/ttyUSB0", SerialSettings(19200, 7, "E", 2, rtscts=True)),
        ),
        ("usb:1a86:7523", UsbSpec(0x1A86, 0x7523)),
        (
            "usb:0403:6001:A50285BI?baudrate=115200",
            UsbSpec(0x0403, 0x6001, "A50285BI", SerialSettings(115200)),
        ),
        ("tcp://10.0.0.20:4001", TcpSpec("10.0.0.20", 4001)),
        ("tcp://[fe80::1]:4001", TcpSpec("fe80::1", 4001)),
        ("listen://0.0.0.0:0", ListenSpec("0.0.0.0", 0)),
        ("loop://", UrlSpec("loop://")),
        ("rfc2217://h:2217?baudrate=4800", UrlSpec("rfc2217://h:2217", SerialSettings(4800))),
    ],
)
def test_a_link_string_parses(text: str, spec: LinkSpec) -> None:
    assert parse_link(text) == spec


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        ("/dev/ttyS0", "serial:", "/dev/ttyS0"),
        ("udp://h:1", "tcp:", "udp://h:1"),
        ("serial:", "serial:COM3", "serial:"),
        ("serial://dev/ttyS0", "serial:/dev/ttyS0", "serial://dev/ttyS0"),
        ("serial:COM3?baud=9600", "baudrate", "'baud'"),
        ("serial:COM3?baudrate=fast", "baudrate as 50 to 4000000", "'fast'"),
        ("serial:COM3?baudrate=0", "baudrate as 50 to 4000000", "'0'"),
        ("serial:COM3?parity=even", "parity as N, E, O, M or S", "'even'"),
        ("serial:COM3?baudrate=9600&baudrate=1200", "baudrate once", "twice"),
        ("serial:COM3?9600", "baudrate=9600", "'9600'"),
        ("usb:1a86", "usb:VID:PID", "usb:1a86"),
        ("tcp://host", "tcp://host:port", "tcp://host"),
        ("tcp://host:70000", "65535", "70000"),
        ("tcp://host:0", "port from 1", "host:0"),
        ("tcp://host:4001/x", "tcp://host:port", "/x"),
        ("tcp://host:4001?baudrate=9600", "tcp://host:port", "baudrate"),
        ("loop:x", "loop://", "loop:x"),
    ],
)
def test_a_wrong_link_says_what_is_expected_and_what_was_found(
    text: str, expected: str, found: str
) -> None:
    with pytest.raises(BadSetting) as refused:
        parse_link(text)
    assert expected in refused.value.expected
    assert found in refused.value.found


settings = st.builds(
    SerialSettings,
    baudrate=st.sampled_from([300, 9600, 115200]),
    bytesize=st.integers(5, 8),
    parity=st.sampled_from("NEO"),
    stopbits=st.sampled_from([1, 1.5, 2]),
    rtscts=st.booleans(),
    xonxoff=st.booleans(),
)
ports = st.integers(1, 65535)
hosts = st.sampled_from(["localhost", "10.1.2.3", "::1"])
specs = st.one_of(
    st.builds(
        SerialSpec,
        st.sampled_from(["/dev/ttyS0", "COM12"]),
        settings,
        st.sampled_from(["serialx", "pyserial"]),
    ),
    st.builds(
        UsbSpec,
        st.integers(0, 65535),
        st.integers(0, 65535),
        st.none() | st.sampled_from(["A1", "00:1"]),
        settings,
    ),
    st.builds(TcpSpec, hosts, ports),
    st.builds(ListenSpec, hosts, ports),
    st.builds(UrlSpec, st.sampled_from(["loop://", "rfc2217://h:1"]), settings),
)


@given(specs)
def test_the_shown_link_parses_to_the_same(spec: LinkSpec) -> None:
    assert parse_link(str(spec)) == spec


def test_one_endpoint_with_other_settings_is_visible() -> None:
    slow, fast = parse_link("serial:COM3"), parse_link("serial:COM3?baudrate=115200")
    assert slow.endpoint == fast.endpoint
    assert slow != fast


def test_bits_per_byte_counts_start_parity_and_stop() -> None:
    assert SerialSettings().bits_per_byte == 10
    assert SerialSettings(parity="E", stopbits=2).bits_per_byte == 12
