"""The probes in Python: sessions, security, and what node-opcua can't be made to say.

A probe is `async def probe(peer: Peer) -> Found`, with its facet and unit in `PROBES`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.utils import create_nonce
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from tests.opcua.conformance.space import (
    PASSWORD,
    SECURED,
    USER,
    Found,
    Peer,
    known_person,
    no,
    node_id,
    part,
    same,
    yes,
)
from tests.opcua.core.asking import data_item, publish, read_one, reading, send, subscribed
from tests.opcua.core.test_events import element, listening, literal
from tests.opcua.security.authority import URI, application, key
from tests.support.waiting import eventually
from tracenode.server.opcua.ids import ua_id

__all__ = ["PROBES", "Probe"]

Probe = Callable[[Peer], Awaitable[Found]]
CORE: Final = "Core 2022 Server, Base Server Behaviour"
SECURITY: Final = "Security"
NOT_OFFERED: Final = "Not offered by this server"
TEXT: Final = node_id("Line.Text")
STATE: Final = ua_id(ObjectIds.Server_ServerStatus_State)
PROBES: dict[str, tuple[str, str, Probe]] = {}
"""Facet, unit and function of each probe, by name."""


def probe(facet: str, unit: str) -> Callable[[Probe], Probe]:
    def kept(function: Probe) -> Probe:
        PROBES[getattr(function, "__name__")] = facet, unit, function  # noqa: B009
        return function

    return kept


def code_of(error: BaseException) -> str:
    """Return the name of the StatusCode that an error carries."""
    if isinstance(error, UaStatusCodeError):
        return str(ua.StatusCode(ua.UInt32(error.code)).name)
    return "closes the connection"


async def login(client: Client) -> str:
    """Connect, read, disconnect; returns Good, or how that failed."""
    try:
        async with client:
            await client.get_node(STATE).read_value()
        return "Good"
    except (UaError, OSError, TimeoutError, asyncio.CancelledError) as e:
        return code_of(e)
    finally:
        client.disconnect_socket()


async def refused(client: Client) -> Found:
    return no("accepts it") if await login(client) == "Good" else yes()


async def bare_session(client: Client) -> Found:
    """Log in without a look at the endpoints, at which asyncua's client would stop by itself."""
    channel: Any = client.security_policy
    state: Any = client
    params = ua.CreateSessionParameters()
    params.ClientNonce = create_nonce(32)
    params.ClientCertificate = channel.host_certificate
    params.ClientDescription.ApplicationUri = URI
    params.ClientDescription.ApplicationType = ua.ApplicationType.Client
    params.EndpointUrl = client.server_url.geturl()
    params.RequestedSessionTimeout = 60_000.0
    try:
        await client.connect_socket()
        await client.send_hello()
        await client.open_secure_channel()
        made = await client.uaclient.create_session(params)
        state._server_nonce = made.ServerNonce
        state._policy_ids = made.ServerEndpoints[0].UserIdentityTokens
        channel.peer_certificate = made.ServerCertificate
        await client.activate_session(username=USER, password=PASSWORD)
        code = await asked(client, reading(TEXT))
    except (UaError, OSError, TimeoutError, asyncio.CancelledError):
        return yes()
    finally:
        client.disconnect_socket()
    return no("accepts it") if code == "Good" else yes()


async def asked(client: Client, request: Any) -> str:
    try:
        await send(client, request)
    except (UaStatusCodeError, TimeoutError) as e:
        return code_of(e)
    return "Good"


# ---------------------------------------------------------------------- sessions
@probe(CORE, "limits in ServerCapabilities")
async def limits_told(peer: Peer) -> Found:
    names = (
        "MaxSessions",
        "MaxSubscriptions",
        "MaxMonitoredItems",
        "OperationLimits_MaxNodesPerRead",
    )
    async with peer.open_client() as client:
        missing = []
        for name in names:
            number = getattr(ObjectIds, f"Server_ServerCapabilities_{name}")
            value = await read_one(client, ua_id(number))
            if value.Value is None or not value.Value.Value:
                missing.append(name.rpartition("_")[2])
    return yes() if not missing else no(f"does not tell {', '.join(missing)}")


@probe(CORE, "MaxNodesPerRead is enforced")
async def read_limit(peer: Peer) -> Found:
    async with peer.open_client() as client:
        return same(await asked(client, reading(*[STATE] * 10_001)), "BadTooManyOperations")


@probe(CORE, "a session timeout is revised")
async def session_timeout(peer: Peer) -> Found:
    client = peer.open_client()
    client.session_timeout = 10**12
    async with client:
        revised = client.session_timeout
    return same(revised < 10**12, True, "is accepted as asked for, 30 years")


@probe(CORE, "a request without an activated session is refused")
async def not_activated(peer: Peer) -> Found:
    client = peer.open_client()
    try:
        await client.connect_socket()
        await client.send_hello()
        await client.open_secure_channel()
        await client.create_session()
        return same(await asked(client, reading(TEXT)), "BadSessionNotActivated", "is answered")
    finally:
        client.disconnect_socket()


@probe(CORE, "Cancel of a Publish request")
async def cancel(peer: Peer) -> Found:
    async with peer.open_client() as client, subscribed(client, keep_alive=1000):
        await publish(client)  # the first keep-alive
        waiting = asyncio.ensure_future(publish(client))
        await asyncio.sleep(0.05)
        count = 0
        for handle in range(1, 30):
            request = ua.CancelRequest()
            request.Parameters.RequestHandle = ua.UInt32(handle)
            try:
                count += int((await send(client, request)).Parameters.CancelCount)
            except UaStatusCodeError as e:
                waiting.cancel()
                return no(code_of(e))
        if not count:
            waiting.cancel()
            return no("cancels nothing")
        await asyncio.wait({waiting}, timeout=2)
        code = code_of(waiting.exception() or OSError()) if waiting.done() else "nothing"
        return same([count, code], [1, "BadRequestCancelledByClient"])


@probe(CORE, "a Publish request without a subscription is refused")
async def no_subscription(peer: Peer) -> Found:
    async with peer.open_client() as client:
        request = ua.PublishRequest()
        try:
            async with asyncio.timeout(2):
                code = await asked(client, request)
        except TimeoutError:
            return no("waits")
        return same(code, "BadNoSubscription")


@probe(CORE, "of too many Publish requests the oldest are answered")
async def too_many_publish(peer: Peer) -> Found:
    async with peer.open_client() as client, subscribed(client, keep_alive=1000):
        await publish(client)
        waiting = [asyncio.ensure_future(asked(client, ua.PublishRequest())) for _ in range(100)]
        done, rest = await asyncio.wait(waiting, timeout=1)
        for one in rest:
            one.cancel()
        codes = {one.result() for one in done}
    return same(codes, {"BadTooManyPublishRequests"}, "are all kept")


@probe(CORE, "an acknowledgement of what was not sent is told so")
async def acknowledged_unknown(peer: Peer) -> Found:
    async with peer.open_client() as client, subscribed(client) as sub:
        result = await sub.publish(77)
        names = [str(one.name) for one in result.Results]
    return same(names, ["BadSequenceNumberUnknown"], f"{', '.join(names) or 'no result'}")


@probe(CORE, "TimestampsToReturn of items")
async def item_timestamps(peer: Peer) -> Found:
    async with peer.open_client() as client, subscribed(client) as sub:
        await sub.create(data_item(TEXT), timestamps=ua.TimestampsToReturn.Neither)
        change = (await sub.notified()).NotificationMessage.NotificationData[0].MonitoredItems[0]
        stamps = [change.Value.SourceTimestamp, change.Value.ServerTimestamp]
    return same(stamps, [None, None], "gives both for all")


# ---------------------------------------------------------------------- security
@probe(SECURITY, "Basic256Sha256, Aes128Sha256RsaOaep, Aes256Sha256RsaPss")
async def policies(peer: Peer) -> Found:
    failed = [offer for offer in SECURED if await login(peer.client(offer=offer)) != "Good"]
    return yes() if not failed else part(f"not {', '.join(failed)}")


@probe(SECURITY, "endpoints are those that are offered")
async def endpoints(peer: Peer) -> Found:
    found = await Client(peer.secured, timeout=5).connect_and_get_server_endpoints()
    named = {str(one.SecurityPolicyUri).rpartition("#")[2].replace("_", "") for one in found}
    return same(named, {offer.partition(".")[0] for offer in SECURED})


@probe(SECURITY, "a session on policy None is refused where it is not offered")
async def session_on_none(peer: Peer) -> Found:
    client = Client(peer.secured, timeout=5)
    client.application_uri = URI
    return await bare_session(client)


@probe(SECURITY, "a session on a mode that is not offered is refused")
async def session_on_sign(peer: Peer) -> Found:
    return await bare_session(peer.client(offer="Basic256Sha256.Sign"))


@probe(SECURITY, "an application certificate that is not trusted is refused")
async def untrusted(peer: Peer) -> Found:
    return await refused(peer.client(application(name="Stranger", own_key=key(3))))


@probe(SECURITY, "user name and password")
async def user_name(peer: Peer) -> Found:
    return same(await login(peer.client()), "Good")


@probe(SECURITY, "a wrong password is refused")
async def wrong_password(peer: Peer) -> Found:
    return await refused(peer.client(password="another one"))


@probe(SECURITY, "a user that is not known is refused")
async def unknown_user(peer: Peer) -> Found:
    return await refused(peer.client(user="nobody"))


@probe(SECURITY, "anonymous clients are refused, unless they are allowed")
async def anonymous(peer: Peer) -> Found:
    return await refused(peer.client(user=None))


def _person(peer: Peer, number: int) -> Client:
    client, person = peer.client(user=None), known_person(number)
    client.user_certificate, client.user_private_key = person.certificate, person.key
    return client


@probe(SECURITY, "X.509 users")
async def certificate_user(peer: Peer) -> Found:
    return same(await login(_person(peer, 7)), "Good")


@probe(SECURITY, "an X.509 user that is not known is refused")
async def unknown_certificate(peer: Peer) -> Found:
    return await refused(_person(peer, 8))


@probe(SECURITY, "session tokens are random")
async def random_tokens(peer: Peer) -> Found:
    async with peer.open_client() as first, peer.open_client() as second:
        tokens = [one.uaclient.session.authentication_token for one in (first, second)]
    held = [one.Identifier for one in tokens]
    fine = all(isinstance(one, bytes) and len(one) >= 32 for one in held) and held[0] != held[1]
    return yes() if fine else no(f"are of type {type(held[0]).__name__}")


@probe(SECURITY, "session tokens are bound to their channel")
async def bound_tokens(peer: Peer) -> Found:
    async with peer.open_client() as first, peer.open_client() as second:
        session: Any = second.uaclient.session
        own = session.authentication_token
        session.restore_authentication_token(first.uaclient.session.authentication_token)
        code = await asked(second, reading(TEXT))
        session.restore_authentication_token(own)
    return no("are not") if code == "Good" else yes()


@probe(SECURITY, "another user takes over a session (Session Change User)")
async def change_user(peer: Peer) -> Found:
    async with peer.client() as client:
        try:
            await client.activate_session(username="second", password=PASSWORD)
        except (UaError, OSError) as e:
            return no(code_of(e))
    return yes()


@probe(SECURITY, "RolePermissions are told")
async def role_permissions(peer: Peer) -> Found:
    async with peer.open_client() as client:
        value = await read_one(client, TEXT, attribute=AttributeIds.UserRolePermissions)
    if value.Value is None or not value.Value.Value:
        return no(str(value.StatusCode.name) if value.StatusCode else "Good, and a null")
    return yes()


@probe(SECURITY, "audit events of sessions")
async def audit_events(peer: Peer) -> Found:
    of_audit = [element(ua.FilterOperator.OfType, literal(ua_id(ObjectIds.AuditEventType)))]
    async with (
        peer.open_client() as client,
        listening(client, ua_id(ObjectIds.Server), of_audit) as heard,
    ):
        await login(peer.open_client())
        try:
            await eventually(lambda: heard.fields, within=2)
        except AssertionError:
            return no("tells none")
    return yes()


@probe(NOT_OFFERED, "RegisterServer, RegisterServer2")
async def register_server(peer: Peer) -> Found:
    async with peer.open_client() as client:
        request = ua.RegisterServerRequest()
        request.Server.ServerUri = "urn:test:nobody"
        request.Server.DiscoveryUrls = ["opc.tcp://127.0.0.1:1/nowhere"]
        code = await asked(client, request)
    return part("accepts it of anybody") if code == "Good" else no(code)
