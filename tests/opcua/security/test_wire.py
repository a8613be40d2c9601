"""Bytes that no client library sends: each ends the connection, with a word, and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_to_binary
from asyncua.ua.uaerrors import UaError

from tests.opcua.security.authority import application, key
from tests.opcua.security.served import STATUS, Served, Wire, own_der, serving
from tests.support.waiting import eventually
from tracenode.server.opcua.security.admission import ConnectionLimits

pytestmark = pytest.mark.asyncio(loop_scope="session")

NONE = "http://opcfoundation.org/UA/SecurityPolicy#None"
BASIC = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256"
S = StatusCodes


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("pki")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def wire(served: Served) -> AsyncIterator[Wire]:
    served.refusals.clear()
    made = await Wire.to(served.endpoint)
    yield made
    made.close()
    await eventually(lambda: served.connections == 0)


async def greeted(wire: Wire) -> Wire:
    wire.hello()
    assert (await wire.answer())[0] == b"ACK"
    return wire


# ------------------------------------------------------------------ hello
async def test_what_is_agreed_is_the_smaller_of_both(wire: Wire) -> None:
    wire.hello(receive=8192, send=20_000)
    kind, body = await wire.answer()
    _, receive, send, message, chunks = struct.unpack("<5I", body)
    assert (kind, receive, send, message) == (b"ACK", 20_000, 8192, 16 * 1024 * 1024)
    assert chunks * receive >= message


@pytest.mark.parametrize(("receive", "send"), [(0, 65535), (65535, 8191), (100, 100)])
async def test_buffers_that_no_message_fits_in(wire: Wire, receive: int, send: int) -> None:
    wire.hello(receive=receive, send=send)
    code, words = await wire.refusal()
    assert code == S.BadConnectionRejected
    assert "8192" in words


async def test_an_endless_url(wire: Wire) -> None:
    sizes = struct.pack("<5I", 0, 65535, 65535, 0, 0)
    wire.send(b"HEL", sizes + struct.pack("<I", 5000) + b"x" * 5000)
    assert (await wire.refusal())[0] == S.BadTcpEndpointUrlInvalid


async def test_a_second_hello(wire: Wire) -> None:
    (await greeted(wire)).hello()
    assert (await wire.refusal())[0] == S.BadTcpMessageTypeInvalid


# ------------------------------------------------------------------ out of turn
@pytest.mark.parametrize("kind", [b"ACK", b"ERR", b"RHE", b"GET", b"\0\0\0"])
async def test_what_only_servers_send_and_what_nobody_sends(wire: Wire, kind: bytes) -> None:
    """An Acknowledge would set our own limits."""
    (await greeted(wire)).send(kind, struct.pack("<5I", 0, 2**31, 2**31, 0, 0))
    assert (await wire.refusal())[0] == S.BadTcpMessageTypeInvalid


async def test_a_channel_before_the_hello(wire: Wire) -> None:
    wire.open(NONE)
    assert (await wire.refusal())[0] == S.BadTcpMessageTypeInvalid


@pytest.mark.parametrize("kind", [b"MSG", b"CLO"])
async def test_a_request_without_a_channel(wire: Wire, kind: bytes) -> None:
    """Channel 0 and token 0 are what an unopened channel has."""
    (await greeted(wire)).send(kind, struct.pack("<4I", 0, 0, 1, 1) + b"\x01\x00\xac\x01")
    assert (await wire.refusal())[0] in {
        S.BadTcpSecureChannelUnknown,
        S.BadTcpMessageTypeInvalid,
    }


async def test_a_chunk_that_says_to_be_longer_than_agreed(wire: Wire) -> None:
    await greeted(wire)
    wire.writer.write(b"MSGF" + struct.pack("<I", 2**31))
    code, words = await wire.refusal()
    assert code == S.BadTcpMessageTooLarge
    assert "65535" in words


@pytest.mark.parametrize("size", [0, 3, 8, 9, 11, 12])
async def test_a_chunk_shorter_than_its_head(wire: Wire, size: int) -> None:
    await greeted(wire)
    wire.writer.write(b"MSGF" + struct.pack("<I", size) + bytes(64))
    assert (await wire.refusal())[0] == S.BadTcpMessageTooLarge


# ------------------------------------------------------------------ open
@pytest.mark.parametrize("uri", ["", "urn:x", BASIC.replace("Basic256Sha256", "Basic128Rsa15")])
async def test_a_policy_that_is_not_offered(wire: Wire, uri: str) -> None:
    (await greeted(wire)).open(uri, application().der, b"x" * 20)
    code, words = await wire.refusal()
    assert code == S.BadSecurityPolicyRejected
    assert "is not offered" in words


async def test_a_secured_channel_without_a_certificate(wire: Wire) -> None:
    (await greeted(wire)).open(BASIC)
    assert (await wire.refusal())[0] == S.BadCertificateInvalid


async def test_a_message_for_another_certificate_of_ours(wire: Wire, served: Served) -> None:
    (await greeted(wire)).open(BASIC, application().der, b"x" * 20)
    code, words = await wire.refusal()
    assert code == S.BadCertificateInvalid
    assert "not the certificate of this server any more" in words
    assert served.refused("the client knows another certificate")


@pytest.mark.parametrize("blob", [b"\x30\x03abc", os.urandom(2000), b"\x30\x83\xff\xff\xff"])
async def test_a_certificate_that_is_none(wire: Wire, served: Served, blob: bytes) -> None:
    mark = hashlib.sha1(own_der(served)).digest()
    (await greeted(wire)).open(BASIC, blob, mark, bytes(256))
    assert (await wire.refusal())[0] == S.BadSecurityChecksFailed
    assert served.refused("BadCertificateInvalid")


async def test_a_stranger_learns_no_more_than_that(wire: Wire, served: Served) -> None:
    mark = hashlib.sha1(own_der(served)).digest()
    (await greeted(wire)).open(BASIC, application(name="Nosy").der, mark, bytes(256))
    code, words = await wire.refusal()
    assert code == S.BadSecurityChecksFailed
    assert "Nosy" not in words
    assert served.refused("'Nosy'")


async def test_broken_handshakes_with_a_copied_certificate_have_to_wait(tmp_path: Any) -> None:
    """The certificate of a trusted client is no secret; each try costs us a decryption."""
    async with serving(tmp_path / "pki") as served:
        friend = application()
        await served.trust(friend)
        mark = hashlib.sha1(own_der(served)).digest()
        codes = []
        for _ in range(14):
            wire = await Wire.to(served.endpoint)
            wire.hello()
            if (await wire.answer())[0] == b"ACK":
                wire.open(BASIC, friend.der, mark, os.urandom(256))
                codes.append((await wire.refusal())[0])
            wire.close()
        assert set(codes) == {S.BadSecurityChecksFailed}
        assert len(codes) == 11
        assert served.refused("too many broken handshakes")


# ------------------------------------------------------------------ messages
async def opened(served: Served) -> Client:
    client = served.client()
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    return client


async def test_a_long_message_needs_a_session(served: Served) -> None:
    served.refusals.clear()
    client = await opened(served)
    connection: Any = client.uaclient.protocol._connection  # type: ignore[union-attr]
    data = connection.message_to_binary(bytes(300_000), request_id=9)
    client.uaclient.protocol.transport.write(data)  # type: ignore[union-attr]
    await eventually(lambda: served.refused("a message over 262144 bytes without a session"))
    client.disconnect_socket()


@pytest.mark.parametrize("jump", [0, 2, 100_000])
async def test_sequence_numbers_neither_repeat_nor_jump(served: Served, jump: int) -> None:
    served.refusals.clear()
    async with served.client() as client:
        connection: Any = client.uaclient.protocol._connection  # type: ignore[union-attr]
        connection._sequence_number += jump - 1
        with pytest.raises((UaError, OSError, TimeoutError, asyncio.CancelledError)):
            await client.get_node(STATUS).read_value()
        client.disconnect_socket()
    assert served.refused("wrong sequence")


@pytest.mark.parametrize("place", [-1, -40, 30])
async def test_a_signed_message_that_was_altered(served: Served, place: int) -> None:
    served.refusals.clear()
    friend = application(name="Friend", own_key=key(5))
    await served.trust(friend)
    client = served.client(friend, "Basic256Sha256.Sign")
    await client.connect()
    protocol: Any = client.uaclient.protocol
    request = ua.ReadRequest()
    request.RequestHeader.AuthenticationToken = client.uaclient.session.authentication_token
    data = bytearray(
        protocol._connection.message_to_binary(struct_to_binary(request), request_id=77)
    )
    data[place] ^= 1
    protocol.transport.write(bytes(data))
    await eventually(lambda: bool(served.refusals))
    assert served.refused("signature is wrong")
    client.disconnect_socket()


async def test_a_session_is_told_how_long_a_request_may_be(served: Served) -> None:
    client = await opened(served)
    assert (await client.create_session()).MaxRequestMessageSize == 16 * 1024 * 1024
    client.disconnect_socket()


async def test_an_answer_that_the_client_can_not_take(served: Served) -> None:
    client = served.client()
    client.max_messagesize = 400
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    with pytest.raises(ua.uaerrors.BadResponseTooLarge):
        await client.get_endpoints()
    client.disconnect_socket()


# ------------------------------------------------------------------ floods
LIMITS = ConnectionLimits(most=8, of_one_address=8, open_s=0.5, session_s=1.5, message_s=0.5)


async def test_a_flood_of_connections_leaves_room_for_who_has_a_session(tmp_path: Any) -> None:
    async with serving(tmp_path / "pki", limits=LIMITS) as served, served.client() as client:
        crowd = [await Wire.to(served.endpoint) for _ in range(60)]
        for wire in crowd:
            wire.hello()
        assert served.connections <= 8
        assert await client.get_node(STATUS).read_value() == ua.ServerState.Running
        assert await served.works(served.client())
        await eventually(lambda: served.connections == 1, within=4)
        assert await client.get_node(STATUS).read_value() == ua.ServerState.Running
        for wire in crowd:
            wire.close()


async def test_sessions_do_not_give_way(tmp_path: Any) -> None:
    async with serving(tmp_path / "pki", limits=LIMITS) as served:
        clients = [served.client() for _ in range(8)]
        for client in clients:
            await client.connect()
        assert await served.error(served.client())
        assert served.refused("8 connections of this address have sessions")
        for client in clients:
            assert await client.get_node(STATUS).read_value() == ua.ServerState.Running
            await client.disconnect()
        assert await served.works(served.client())


async def test_who_dawdles_is_cut_off(tmp_path: Any) -> None:
    async with serving(tmp_path / "pki", limits=LIMITS) as served:
        silent = await Wire.to(served.endpoint)
        slow = await Wire.to(served.endpoint)
        slow.hello()
        assert (await slow.answer())[0] == b"ACK"
        trickle = await Wire.to(served.endpoint)
        trickle.writer.write(b"HELF\x40\x00\x00\x00")
        channel = await opened(served)
        assert served.connections == 4
        for wire in (silent, slow, trickle):
            code, words = await wire.refusal()
            assert (code, words) == (S.BadTimeout, "no channel within 0.5 s")
            wire.close()
        await eventually(lambda: served.connections == 0, within=4)
        assert served.refused("no session for 1.5 s")
        channel.disconnect_socket()


async def test_half_a_message_is_not_waited_for(tmp_path: Any) -> None:
    async with serving(tmp_path / "pki", limits=LIMITS) as served:
        client = served.client()
        await client.connect()
        protocol: Any = client.uaclient.protocol
        data = protocol._connection.message_to_binary(bytes(100_000), request_id=9)
        (size,) = struct.unpack("<I", data[4:8])
        protocol.transport.write(data[:size])
        await eventually(lambda: served.refused("a message was not whole after 0.5 s"), within=4)
        client.disconnect_socket()
        await eventually(lambda: served.connections == 0)
