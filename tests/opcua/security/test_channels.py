"""Channels and sessions with certificates, by asyncua's client: who comes in, and who does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.utils import create_nonce
from asyncua.ua.uaerrors import UaError

from tests.opcua.security.authority import Authority, Pair, application, key
from tests.opcua.security.served import STATUS, Served, serving
from tests.support.waiting import eventually
from tracenode.server.opcua.connections import channel as channels
from tracenode.server.opcua.security.certificates.folder import Place
from tracenode.server.opcua.security.policies import OFFERS

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("pki")) as made:
        yield made


@pytest.fixture(scope="module")
def friend() -> Pair:
    return application(name="Friend")


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def _anew(served: Served, friend: Pair) -> None:
    """Each test begins with one trusted client and nothing said."""
    folder = served.folder
    stays = folder.put(Place.Trusted, friend.certificate)
    places = [folder.certs(place) for place in (Place.Trusted, Place.Issuers, Place.Rejected)]
    for place in (*places, folder.crls(Place.Trusted)):
        for path in place.iterdir():
            if path != stays:
                path.unlink(missing_ok=True)
    await served.seen()
    served.refusals.clear()


# ------------------------------------------------------------------ every policy and mode
@pytest.mark.parametrize("offer", [name for name in OFFERS if name != "None"])
async def test_a_trusted_client_works_on_every_policy_and_mode(
    served: Served, friend: Pair, offer: str
) -> None:
    assert await served.works(served.client(friend, offer))


async def test_none_works_where_it_is_offered(served: Served) -> None:
    assert await served.works(served.client())


@pytest.mark.parametrize("bits", [3072, 4096])
async def test_longer_keys_work(served: Served, bits: int) -> None:
    client = application(name=f"Long {bits}", own_key=key(bits, bits))
    await served.trust(client)
    assert await served.works(served.client(client))


async def test_a_session_only_on_what_is_offered(tmp_path: Any, friend: Pair) -> None:
    async with serving(tmp_path / "pki", ("Basic256Sha256.SignAndEncrypt",)) as strict:
        await strict.trust(friend)
        assert await strict.works(strict.client(friend))
        for offer in ("Basic256Sha256.Sign", "Aes256Sha256RsaPss.SignAndEncrypt"):
            assert await strict.error(strict.client(friend, offer))
        assert strict.refused("security mode Sign of Basic256Sha256 is not offered")
        assert strict.refused("'Aes256_Sha256_RsaPss' is not offered")
        client = strict.client()
        found = await client.connect_and_get_server_endpoints()
        assert [endpoint.SecurityMode for endpoint in found] == [
            ua.MessageSecurityMode.SignAndEncrypt
        ]
        with pytest.raises(ua.uaerrors.BadSecurityPolicyRejected):
            await strict.client().connect()


async def test_the_mode_none_is_not_to_be_had_on_a_secured_policy(
    served: Served, friend: Pair
) -> None:
    client = served.client(friend)
    await client.connect_socket()
    await client.send_hello()
    with pytest.raises((UaError, OSError, TimeoutError)):
        await opened(client, SecurityMode=ua.MessageSecurityMode.None_)
    client.disconnect_socket()
    assert served.refused("the security mode None of Basic256Sha256 is not offered")


# ------------------------------------------------------------------ trust
async def test_a_stranger_is_refused_then_trusted_without_a_restart(served: Served) -> None:
    stranger = application(name="Stranger")
    assert await served.error(served.client(stranger))
    assert served.refused("is not trusted")
    (kept,) = served.folder.kept(Place.Rejected)
    assert kept.certificate == stranger.certificate
    kept.path.rename(served.folder.certs(Place.Trusted) / kept.path.name)
    trust: Any = served.server._core.front.trust
    before = trust._trusted
    await eventually(lambda: trust._trusted is not before, within=2)
    assert await served.works(served.client(stranger))


async def test_a_client_that_is_trusted_no_more_loses_its_connection(
    served: Served, friend: Pair
) -> None:
    async with Client(served.endpoint, timeout=5) as other:
        client = served.client(friend)
        await client.connect()
        assert served.server.sessions == 2
        served.folder.remove(Place.Trusted, next(served.folder.kept(Place.Trusted)).thumbprint)
        await eventually(lambda: served.server.sessions == 1, within=3)
        assert served.refused("not trusted any more")
        assert await other.get_node(STATUS).read_value() == ua.ServerState.Running
        client.disconnect_socket()
    assert await served.error(served.client(friend))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"days": (-30.0, -1.0)}, "BadCertificateTimeInvalid"),
        ({"days": (1.0, 30.0)}, "BadCertificateTimeInvalid"),
        ({"usage": ["digital_signature"]}, "BadCertificateUseNotAllowed"),
        ({"own_key": key(9, 1024)}, "BadCertificatePolicyCheckFailed"),
    ],
)
async def test_what_is_wrong_with_a_trusted_certificate_is_said(
    served: Served, given: dict[str, Any], reason: str
) -> None:
    client = application(**given)
    await served.trust(client)
    assert await served.error(served.client(client))
    assert served.refused(reason)


async def test_a_plants_ca_and_its_revocation_lists(served: Served) -> None:
    root = Authority.root()
    line = root.below()
    client = application(line, name="PLC 7")
    await served.trust(root.pair)
    assert await served.error(served.client(client))
    assert served.refused("BadCertificateRevocationUnknown")
    await served.crl("root", root.crl())
    await served.crl("line", line.crl())
    assert await served.works(served.client(client))
    line.revoked = [client.certificate]
    await served.crl("line", line.crl())
    assert await served.error(served.client(client))
    assert served.refused("BadCertificateRevoked")


async def test_another_key_than_the_certificates(served: Served, friend: Pair) -> None:
    """Whoever saw a certificate can send it; only its owner can sign."""
    thief = Pair(friend.certificate, key(8))
    assert await served.error(served.client(thief))
    assert served.refused("signature is wrong") or served.refused("can't be read")


# ------------------------------------------------------------------ the session and its channel
async def test_the_application_uri_must_be_the_certificates(served: Served, friend: Pair) -> None:
    client = served.client(friend)
    client.application_uri = "urn:somebody:else"
    assert await served.error(client) == "BadCertificateUriInvalid"
    assert served.refused("urn:somebody:else")


@pytest.mark.parametrize("mentioned", ["another", "none"])
async def test_the_certificate_mentioned_must_be_the_channels(
    served: Served, friend: Pair, mentioned: str
) -> None:
    client = served.client(friend)
    other = application(name="Other", own_key=key(8))
    await served.trust(other)
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    client.security_policy.host_certificate = other.der if mentioned == "another" else None
    with pytest.raises(ua.uaerrors.BadCertificateInvalid):
        await client.create_session()
    client.disconnect_socket()
    assert served.refused("expected the channel's certificate")


async def test_a_session_is_activated_by_who_has_the_channels_key(
    served: Served, friend: Pair
) -> None:
    client = served.client(friend)
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    await client.create_session()
    policy: Any = client.security_policy
    signer = policy.asymmetric_cryptography.Signer
    kept, signer.host_privkey = signer.host_privkey, key(8)
    with pytest.raises(ua.uaerrors.BadApplicationSignatureInvalid):
        await client.activate_session()
    signer.host_privkey = kept
    client.disconnect_socket()


async def test_a_session_does_not_move_to_a_channel_of_somebody_else(
    served: Served, friend: Pair
) -> None:
    thief = application(name="Thief", own_key=key(8))
    await served.trust(thief)
    async with served.client(friend) as client:
        session: Any = client.uaclient.session
        for other in (served.client(thief), served.client()):
            await other.connect_socket()
            await other.send_hello()
            await other.open_secure_channel()
            stolen: Any = other.uaclient.session
            stolen.restore_authentication_token(session.authentication_token)
            with pytest.raises(UaError):
                await other.activate_session()
            other.disconnect_socket()
        assert await client.get_node(STATUS).read_value() == ua.ServerState.Running


async def test_nonces_are_never_the_same(served: Served, friend: Pair) -> None:
    nonces: set[Any] = set()
    for _ in range(3):
        async with served.client(friend) as client:
            session = next(iter(served.server._core.sessions))
            nonces |= {session.nonce, client.uaclient.protocol._connection.remote_nonce}  # type: ignore[union-attr]
    assert len(nonces) == 6
    assert all(nonce is not None and len(nonce) == 32 for nonce in nonces)


# ------------------------------------------------------------------ renewals and lifetimes
async def renewed(client: Client, **changed: Any) -> ua.OpenSecureChannelResult:
    asked = {"RequestType": ua.SecurityTokenRequestType.Renew, **changed}
    return await opened(client, **asked)


async def opened(client: Client, **changed: Any) -> ua.OpenSecureChannelResult:
    params = ua.OpenSecureChannelParameters()
    params.ClientProtocolVersion = ua.UInt32(0)
    params.RequestType = ua.SecurityTokenRequestType.Issue
    params.SecurityMode = client.security_policy.Mode
    params.RequestedLifetime = ua.UInt32(3_600_000)
    params.ClientNonce = create_nonce(client.security_policy.secure_channel_nonce_length)
    for name, value in changed.items():
        setattr(params, name, value)
    return await client.uaclient.open_secure_channel(params)


async def test_a_channel_is_renewed_and_goes_on(served: Served, friend: Pair) -> None:
    async with served.client(friend) as client:
        for _ in range(3):
            await renewed(client)
            assert await client.get_node(STATUS).read_value() == ua.ServerState.Running


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"SecurityMode": ua.MessageSecurityMode.Sign}, "a renewal with another mode"),
        ({"SecurityMode": ua.MessageSecurityMode.None_}, "a renewal with another mode"),
        ({"RequestType": ua.SecurityTokenRequestType.Issue}, "a channel is open already"),
        ({"ClientNonce": b"short"}, "expected a nonce of 32 bytes, found 5"),
    ],
)
async def test_a_renewal_changes_nothing(
    served: Served, friend: Pair, changed: dict[str, Any], words: str
) -> None:
    client = served.client(friend)
    await client.connect()
    with pytest.raises((UaError, OSError, TimeoutError)):
        await renewed(client, **changed)
    client.disconnect_socket()
    assert served.refused(words)


async def test_a_renewal_by_another_certificate_is_refused(served: Served, friend: Pair) -> None:
    other = application(name="Other", own_key=key(8))
    await served.trust(other)
    client = served.client(friend)
    await client.connect()
    policy: Any = client.security_policy
    policy.host_certificate = other.der
    policy.asymmetric_cryptography.Signer.host_privkey = other.key
    with pytest.raises((UaError, OSError, TimeoutError)):
        await renewed(client)
    client.disconnect_socket()
    assert served.refused("a renewal with another certificate")


@pytest.mark.parametrize(
    ("asked", "given"), [(0, 3_600_000), (1, 10_000), (60_000, 60_000), (4_000_000_000, 3_600_000)]
)
async def test_lifetimes_are_clamped(served: Served, friend: Pair, asked: int, given: int) -> None:
    async with served.client(friend) as client:
        result = await renewed(client, RequestedLifetime=ua.UInt32(asked))
        assert result.SecurityToken.RevisedLifetime == given


async def test_a_channel_that_is_not_renewed_ends(
    served: Served, friend: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "MAX_LIFETIME_MS", 300)
    monkeypatch.setattr(channels, "MIN_LIFETIME_MS", 200)
    client = served.client(friend)
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    before = served.connections
    await eventually(lambda: served.connections == before - 1, within=3)
    assert served.refused("not renewed in time")
    client.disconnect_socket()
