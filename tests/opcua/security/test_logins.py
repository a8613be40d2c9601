"""Who gets in: users by name and certificate over every channel, and nobody else."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import BadSessionIdInvalid, UaError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.opcua.security.authority import application, key
from tests.opcua.security.guarded import SECURITY, Guarded, set_users, staff, user_pair
from tests.opcua.surface.plant import outputs, request_id
from tests.support.waiting import eventually
from tracenode.models.roles import Role
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.security.trail import check, entries

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.integration]

DENIED = (ua.uaerrors.BadUserAccessDenied, ua.uaerrors.BadIdentityTokenRejected)


async def refused(client: Client) -> UaError:
    """Connect where the login must fail; returns how it did."""
    try:
        with pytest.raises(UaError) as told:
            await client.connect()
    finally:
        client.disconnect_socket()
    return told.value


async def state(client: Client) -> int:
    return int(await client.get_node(ua_id(2259)).read_value())


async def ends(client: Client) -> None:
    """Wait until the server has ended a client's session, be it that the client found out by
    itself and disconnected."""

    async def is_out() -> bool:
        try:
            await state(client)
        except (BadSessionIdInvalid, ConnectionError):
            return True
        return False

    condition: Callable[[], bool | Awaitable[bool]] = is_out
    await eventually(condition, within=3)


@pytest.mark.parametrize("security", SECURITY)
async def test_a_user_logs_in_over_every_channel(house: Guarded, security: str) -> None:
    async with house.connected("operator", security=security) as client:
        await outputs(client, "St/OP10", "RegisterItem", request_id(), "PUMP", "", f"U-{security}")
    receipt = house.plant.trace.head
    assert receipt.seq > 0


@pytest.mark.parametrize("security", SECURITY)
async def test_a_certificate_logs_in_over_every_channel(house: Guarded, security: str) -> None:
    async with house.connected(security=security, certificate=user_pair(7)) as client:
        (session,) = [s for s in house.core.sessions if s.identity.account == "person"]
        assert session.rights.roles == Role.AuthenticatedUser | Role.Supervisor
        assert await state(client) == 0


@pytest.mark.parametrize("security", ["None", "Basic256Sha256.SignAndEncrypt"])
async def test_anonymous_is_refused(house: Guarded, security: str) -> None:
    client = await house.client(security=security)
    endpoints = await client.connect_and_get_server_endpoints()
    kinds = {token.TokenType for e in endpoints for token in e.UserIdentityTokens}
    assert ua.UserTokenType.Anonymous not in kinds
    client = await house.client(security=security)
    await refused(client)
    await raw_login(house, ua.AnonymousIdentityToken(PolicyId="anonymous"), DENIED)


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("operator", "wrong word 1"),
        ("operator", ""),
        ("unknown", "word of the day 7"),
        ("OPERATOR", "word of the day 7"),
        ("admin", "admin"),
        ("person", "word of the day 7"),
        ("person", ""),
    ],
)
async def test_a_wrong_name_or_password_is_refused(
    house: Guarded, user: str, password: str
) -> None:
    house.core.identities.gate._failures.clear()
    client = await house.client(user, password)
    error = await refused(client)
    assert isinstance(
        error, (ua.uaerrors.BadUserAccessDenied, ua.uaerrors.BadIdentityTokenInvalid)
    ), error


async def raw_login(
    house: Guarded,
    token: Any,
    expected: type[UaError] | tuple[type[UaError], ...],
    signature: ua.SignatureData | None = None,
) -> None:
    """Activate a session on a None channel with a token made by hand."""
    client = await house.client(security="None")
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    try:
        await client.create_session()
        params = ua.ActivateSessionParameters()
        params.UserIdentityToken = token(client) if callable(token) else token
        if signature is not None:
            params.UserTokenSignature = signature
        with pytest.raises(expected):
            await client.uaclient.activate_session(params)
    finally:
        client.disconnect_socket()


async def test_a_password_in_clear_is_refused(house: Guarded) -> None:
    """Whatever the channel and whatever the client was told: it never gets in with it."""
    token = ua.UserNameIdentityToken()
    token.PolicyId = "username_Basic256Sha256"
    token.UserName = "operator"
    token.Password = b"word of the day 7"
    token.EncryptionAlgorithm = None
    await raw_login(house, token, ua.uaerrors.BadIdentityTokenInvalid)
    token.PolicyId = "username"
    await raw_login(house, token, ua.uaerrors.BadIdentityTokenInvalid)


def sealed(
    house: Guarded, nonce: bytes, length: int | None = None, password: bytes = b"word of the day 7"
) -> ua.UserNameIdentityToken:
    """Return a token that is encrypted for the server by hand."""
    certificate = x509.load_der_x509_certificate((house.folder / "server.der").read_bytes())
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    body = password + nonce
    prefix = struct.pack("<I", len(body) if length is None else length)
    token = ua.UserNameIdentityToken()
    token.PolicyId = "username_Basic256Sha256"
    token.UserName = "operator"
    token.EncryptionAlgorithm = "http://www.w3.org/2001/04/xmlenc#rsa-oaep"
    token.Password = key.encrypt(prefix + body, oaep)
    return token


async def test_a_password_of_another_session_can_not_be_sent_again(house: Guarded) -> None:
    """What somebody recorded was made for another nonce."""
    bad = ua.uaerrors.BadIdentityTokenInvalid
    await raw_login(house, sealed(house, bytes(32)), bad)
    await raw_login(house, sealed(house, b""), bad)
    for length in (0, 3, 17, 0xFFFF_FFFF):
        await raw_login(house, lambda c, n=length: sealed(house, c._server_nonce or b"", n), bad)
    other = sealed(house, b"")
    other.EncryptionAlgorithm = "http://www.w3.org/2001/04/xmlenc#rsa-1_5"
    await raw_login(house, other, bad)
    other.EncryptionAlgorithm, other.Password = "urn:whatever", bytes(10_000)
    await raw_login(house, other, bad)


async def test_a_token_is_good_once(house: Guarded) -> None:
    """The nonce changes with each activation, so the same bytes are refused the second time."""
    client = await house.client(security="None")
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    try:
        await client.create_session()
        params = ua.ActivateSessionParameters()
        params.UserIdentityToken = sealed(house, client._server_nonce or b"")
        await client.uaclient.activate_session(params)
        with pytest.raises(ua.uaerrors.BadIdentityTokenInvalid):
            await client.uaclient.activate_session(params)
    finally:
        client.disconnect_socket()


async def test_a_certificate_without_its_key_is_refused(house: Guarded) -> None:
    """Whoever only has the certificate, which is public, can't sign the nonce."""
    token = ua.X509IdentityToken()
    token.PolicyId, token.CertificateData = "certificate_Basic256Sha256", user_pair(7).der
    bad = ua.uaerrors.BadIdentityTokenInvalid
    await raw_login(house, token, bad)
    signature = ua.SignatureData()
    signature.Algorithm = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    old = (house.folder / "server.der").read_bytes() + bytes(32)
    signature.Signature = user_pair(7).key.sign(old, padding.PKCS1v15(), hashes.SHA256())
    await raw_login(house, token, bad, signature)
    signature.Algorithm = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
    await raw_login(house, token, bad, signature)
    token.CertificateData = b"no certificate"
    await raw_login(house, token, bad, signature)


async def test_a_certificate_that_nobody_trusts_is_refused(house: Guarded) -> None:
    client = await house.client(certificate=user_pair(8))
    assert isinstance(await refused(client), ua.uaerrors.BadIdentityTokenRejected)


async def test_a_trusted_certificate_of_no_user_is_refused(house: Guarded) -> None:
    from tracenode.server.opcua.security.certificates.folder import PkiFolder, Place

    stranger = user_pair(9)
    PkiFolder(house.folder / "users-pki").put(Place.Trusted, stranger.certificate)

    async def seen() -> bool:
        client = await house.client(certificate=stranger)
        return isinstance(await refused(client), ua.uaerrors.BadUserAccessDenied)

    condition: Callable[[], bool | Awaitable[bool]] = seen
    await eventually(condition, within=10)


async def test_an_expired_certificate_is_refused(house: Guarded) -> None:
    from tracenode.server.opcua.security.certificates.folder import PkiFolder, Place

    old = application(
        name="Gone", uri="", own_key=key(5), days=(-10, -1),
        usage=("digital_signature",), extended=None,
    )  # fmt: skip
    PkiFolder(house.folder / "users-pki").put(Place.Trusted, old.certificate)
    client = await house.client(certificate=old)
    assert isinstance(await refused(client), ua.uaerrors.BadIdentityTokenRejected)


async def test_changes_of_users_count_while_the_server_runs(house: Guarded) -> None:
    """Who is removed is out, who gets a role has it, who loses one has to log in anew."""
    try:
        async with house.connected("operator") as gone, house.connected("engineer") as kept:
            accounts = [account for account in staff() if account.name != "operator"]
            accounts = [
                account
                if account.name != "engineer"
                else type(account)("engineer", Role.Engineer | Role.Supervisor, account.password)
                for account in accounts
            ]
            set_users(house.users, *accounts)

            await ends(gone)
            assert await state(kept) == 0
            (session,) = [s for s in house.core.sessions if s.identity.account == "engineer"]
            assert session.rights.roles & Role.Supervisor
            client = await house.client("operator")
            assert isinstance(await refused(client), ua.uaerrors.BadUserAccessDenied)
            set_users(house.users, *staff())
            await ends(kept)
    finally:
        set_users(house.users, *staff())
        await eventually(
            lambda: house.core.identities.accounts.named("operator") is not None, within=3
        )


async def test_a_damaged_file_of_users_changes_nothing(house: Guarded) -> None:
    text = house.users.read_bytes()
    try:
        house.users.write_text('{"users": [{"name": "operator", "password": "x"}]}')
        await eventually(
            lambda: any(e["k"] == "users" and "can't be read" in e["w"] for e in trail(house)),
            within=5,
        )
        async with house.connected("operator") as client:
            assert await state(client) == 0
    finally:
        house.users.write_bytes(text)


def trail(house: Guarded) -> list[dict[str, Any]]:
    return list(entries(house.folder / "audit"))


async def test_logins_are_in_the_audit_trail_with_who_and_why(house: Guarded) -> None:
    house.core.identities.gate._failures.clear()
    async with house.connected("supervisor"):
        pass
    client = await house.client("supervisor", "not the word")
    await refused(client)
    await house.core.audit.flush()
    logins = [e for e in trail(house) if e["k"] == "activate-session"]
    assert any(e.get("u") == "supervisor" and "Supervisor" in e["w"] for e in logins)
    assert any(e.get("c") == 0x801F0000 and "not this password" in e["w"] for e in logins)
    assert {e["s"] for e in logins if "s" in e} == {"127.0.0.1"}
    assert not check(house.folder / "audit").fault


async def test_a_session_can_not_change_its_user(house: Guarded) -> None:
    async with house.connected("operator") as client:
        with pytest.raises(ua.uaerrors.BadIdentityChangeNotSupported):
            await client.activate_session("supervisor", "word of the day 7")
        assert await state(client) == 0
        await client.activate_session("operator", "word of the day 7")


async def test_a_flood_of_logins_is_bounded_while_a_controller_goes_on(house: Guarded) -> None:
    gate = house.core.identities.gate
    gate._failures.clear()
    gate._known.clear()
    async with house.connected("operator") as plc:
        stop = asyncio.Event()
        times: list[float] = []

        async def calls() -> None:
            loop = asyncio.get_running_loop()
            while not stop.is_set():
                began = loop.time()
                await outputs(plc, "St/OP10", "CheckItem", request_id(), "lot:STEEL:none")
                times.append(loop.time() - began)
                await asyncio.sleep(0.01)

        async def guess(number: int) -> None:
            client = await house.client(f"guess{number}", "not the word", security="None")
            await refused(client)

        calling = asyncio.create_task(calls())
        for start in range(0, 120, 12):
            await asyncio.gather(*(guess(number) for number in range(start, start + 12)))
        stop.set()
        await calling
    assert len(times) > 20
    assert sorted(times)[len(times) // 2] < 0.5
    assert len(gate._failures) < 300
    assert not gate._waiting
    # whoever is here goes on: the name that logged in from here is not kept out by the guesses
    async with house.connected("operator") as client:
        assert await state(client) == 0
    assert await refused(await house.client("guess1", security="None"))
    gate._failures.clear()


async def test_sessions_that_nobody_activates_go(
    house: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracenode.server.opcua.connections import sessions

    monkeypatch.setattr(sessions, "ACTIVATION_S", 0.2)
    before = len(house.core.sessions)
    client = await house.client(security="None")
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    try:
        await client.create_session()
        assert len(house.core.sessions) == before + 1
        await eventually(lambda: len(house.core.sessions) == before, within=3)
    finally:
        client.disconnect_socket()
