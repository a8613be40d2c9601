"""One certificate against what is trusted: every step of OPC 10000-4 6.1.3 can refuse it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.opcua.security.authority import URI, Authority, Pair, application, elliptic, key
from tracenode.server.opcua.security.certificates.chains import (
    Trusted,
    check_application_uri,
    check_chain,
)
from tracenode.server.opcua.security.certificates.reading import thumbprint
from tracenode.server.opcua.security.certificates.refusal import CertificateRefused, Reason

ALL = ("digital_signature", "key_encipherment", "data_encipherment")


def trusting(*pairs: Pair, issuers: Iterable[Pair] = (), crls: Iterable[bytes] = ()) -> Trusted:
    return Trusted(
        {thumbprint(pair.certificate): pair.certificate for pair in pairs},
        {thumbprint(pair.certificate): pair.certificate for pair in issuers},
        [x509.load_der_x509_crl(crl) for crl in crls],
    )


def refusal(blob: bytes, trusted: Trusted, at: datetime | None = None) -> tuple[Reason, str]:
    with pytest.raises(CertificateRefused) as caught:
        check_chain(blob, trusted, at or datetime.now(UTC))
    return caught.value.reason, str(caught.value)


def passes(blob: bytes, trusted: Trusted) -> bool:
    return bool(check_chain(blob, trusted, datetime.now(UTC)))


def test_a_self_signed_one_counts_when_it_is_trusted() -> None:
    client = application()
    assert passes(client.blob, trusting(client))
    assert refusal(client.blob, trusting())[0] is Reason.BadCertificateUntrusted
    other = application(name="Another")
    assert refusal(client.blob, trusting(other))[0] is Reason.BadCertificateUntrusted


def test_the_same_name_with_another_key_is_another_certificate() -> None:
    client, forged = application(), application(own_key=key(7))
    assert refusal(forged.blob, trusting(client))[0] is Reason.BadCertificateUntrusted


def test_what_says_to_be_self_signed_must_be() -> None:
    forged = application(signing_key=key(7))
    assert refusal(forged.blob, trusting(forged))[0] is Reason.BadCertificateInvalid


@pytest.mark.parametrize(
    ("days", "word"), [((-30.0, -1.0), "expired"), ((1.0, 30.0), "is not valid before")]
)
def test_its_time_must_be_now(days: tuple[float, float], word: str) -> None:
    client = application(days=days)
    reason, words = refusal(client.blob, trusting(client))
    assert reason is Reason.BadCertificateTimeInvalid
    assert word in words


def test_small_keys_old_hashes_and_other_kinds_of_key_are_refused() -> None:
    small = application(own_key=key(3, 1024))
    curve = application(own_key=elliptic())
    for client, word in ((small, "1024"), (curve, "RSA")):
        reason, words = refusal(client.blob, trusting(client))
        assert reason is Reason.BadCertificatePolicyCheckFailed
        assert word in words
    with pytest.raises(CertificateRefused, match="SHA-256"):
        check_chain(SHA1_SIGNED, trusting(), datetime.now(UTC))


@pytest.mark.parametrize("missing", ALL)
def test_its_key_must_be_for_what_a_channel_does(missing: str) -> None:
    client = application(usage=[name for name in ALL if name != missing])
    assert refusal(client.blob, trusting(client))[0] is Reason.BadCertificateUseNotAllowed


def test_one_for_servers_only_is_no_client() -> None:
    client = application(extended=[ExtendedKeyUsageOID.SERVER_AUTH])
    assert refusal(client.blob, trusting(client))[0] is Reason.BadCertificateUseNotAllowed
    both = application(extended=[ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    assert passes(both.blob, trusting(both))


def test_one_of_a_person_need_only_sign() -> None:
    person = application(usage=["digital_signature"], extended=None, uri="")
    assert refusal(person.blob, trusting(person))[0] is Reason.BadCertificateUseNotAllowed
    assert check_chain(person.blob, trusting(person), datetime.now(UTC), for_users=True)


@pytest.mark.parametrize("damage", [b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"x" * 300])
def test_bytes_that_are_no_certificate(damage: bytes) -> None:
    client = application()
    assert refusal(damage, trusting(client))[0] is Reason.BadCertificateInvalid
    assert refusal(client.der[:-5], trusting(client))[0] is Reason.BadCertificateInvalid
    assert refusal(client.der * 9, trusting(client))[0] is Reason.BadCertificateInvalid


# ------------------------------------------------------------------ authorities
def test_what_a_trusted_root_issued_counts_with_both_lists() -> None:
    root = Authority.root()
    line = root.below()
    client = application(line)
    lists = [root.crl(), line.crl()]
    assert passes(client.blob, trusting(root.pair, crls=lists))
    assert passes(client.der, trusting(root.pair, issuers=[line.pair], crls=lists))
    assert passes(client.der, trusting(line.pair, issuers=[root.pair], crls=lists))
    assert refusal(client.blob, trusting(issuers=[root.pair, line.pair], crls=lists))[0] is (
        Reason.BadCertificateUntrusted
    )
    assert refusal(client.der, trusting(root.pair, crls=lists))[0] is (
        Reason.BadCertificateChainIncomplete
    )


def test_a_chain_that_the_client_brings_whole_is_not_trusted_for_that() -> None:
    root = Authority.root()
    line = root.below()
    client = application(line)
    brought = client.blob + root.pair.der
    assert refusal(brought, trusting(crls=[root.crl(), line.crl()]))[0] is (
        Reason.BadCertificateUntrusted
    )


def test_an_issuer_must_have_signed_it() -> None:
    root = Authority.root()
    forged = application(root, signing_key=key(7))
    assert refusal(forged.blob, trusting(root.pair, crls=[root.crl()]))[0] is (
        Reason.BadCertificateInvalid
    )


def test_revocation_of_a_client_and_of_its_issuer() -> None:
    root = Authority.root()
    line = root.below()
    client = application(line)
    line.revoked = [client.certificate]
    reason, words = refusal(client.blob, trusting(root.pair, crls=[root.crl(), line.crl()]))
    assert (reason, "revoked" in words) == (Reason.BadCertificateRevoked, True)
    line.revoked, root.revoked = [], [line.pair.certificate]
    assert refusal(client.blob, trusting(root.pair, crls=[root.crl(), line.crl()]))[0] is (
        Reason.BadCertificateIssuerRevoked
    )


def test_revocation_must_be_known() -> None:
    root = Authority.root()
    line = root.below()
    client = application(line)

    def reason(*crls: bytes) -> Reason:
        return refusal(client.blob, trusting(root.pair, crls=crls))[0]

    assert reason(root.crl()) is Reason.BadCertificateRevocationUnknown
    assert reason(line.crl()) is Reason.BadCertificateIssuerRevocationUnknown
    old = line.crl(days=(-30, -1))
    assert reason(root.crl(), old) is Reason.BadCertificateRevocationUnknown
    forged = line.crl(signing_key=key(7))
    assert reason(root.crl(), forged) is Reason.BadCertificateRevocationUnknown
    line.revoked = [client.certificate]
    assert reason(root.crl(), line.crl(days=(-30, -1))) is Reason.BadCertificateRevoked


def test_an_issuer_must_be_one() -> None:
    root = Authority.root()
    no_ca = root.below(ca=False)
    client = application(no_ca)
    crls = [root.crl(), no_ca.crl()]
    assert refusal(client.blob, trusting(root.pair, crls=crls))[0] is (
        Reason.BadCertificateIssuerUseNotAllowed
    )
    short = Authority.root(length=0)
    below = short.below()
    client = application(below)
    crls = [short.crl(), below.crl()]
    assert refusal(client.blob, trusting(short.pair, crls=crls))[0] is (
        Reason.BadCertificateIssuerUseNotAllowed
    )


def test_a_trusted_client_can_not_vouch_for_others() -> None:
    """Some tools mark application certificates as CA."""
    client = application(
        ca=True,
        usage=[*ALL, "key_cert_sign"],
        name="Careless",
    )
    friend = application(Authority(client), own_key=key(7))
    lists = [Authority(client).crl()]
    assert passes(client.blob, trusting(client))
    assert refusal(friend.der, trusting(client, crls=lists))[0] is (
        Reason.BadCertificateIssuerUseNotAllowed
    )


def test_an_expired_issuer() -> None:
    root = Authority.root(days=(-100, -1))
    client = application(root)
    assert refusal(client.blob, trusting(root.pair, crls=[root.crl()]))[0] is (
        Reason.BadCertificateIssuerTimeInvalid
    )


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, two = Authority.root("One"), Authority.root("Two")
    loop_one = Authority(one.pair, two).below("Two")
    loop_two = Authority(two.pair, one).below("One")
    client = application(loop_one)
    blob = client.der + loop_one.pair.der + loop_two.pair.der
    reason = refusal(blob, trusting())[0]
    assert reason in {Reason.BadCertificateChainIncomplete, Reason.BadCertificateInvalid}


# ------------------------------------------------------------------ who it is
def test_the_application_uri_must_be_in_it() -> None:
    check_application_uri(application().certificate, URI)
    for client in (application(uri="urn:other"), application(uri="")):
        with pytest.raises(CertificateRefused) as caught:
            check_application_uri(client.certificate, URI)
        assert caught.value.reason is Reason.BadCertificateUriInvalid
        assert URI in str(caught.value)


def test_a_stranger_is_told_nothing_and_a_friend_what_to_repair() -> None:
    hidden = CertificateRefused(Reason.BadCertificateUntrusted, "why")
    assert hidden.told is Reason.BadSecurityChecksFailed
    friend = CertificateRefused(Reason.BadCertificateTimeInvalid, "why")
    assert friend.told is Reason.BadCertificateTimeInvalid


def test_the_moment_counts() -> None:
    client = application()
    late = datetime.now(UTC) + timedelta(days=400)
    assert refusal(client.blob, trusting(client), late)[0] is Reason.BadCertificateTimeInvalid


def _sha1_signed() -> bytes:
    """A certificate whose algorithm says SHA-1: the library no longer signs with it, so the name
    of the algorithm is changed, which is looked at before the signature."""
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    return application().der.replace(sha256, sha1)


SHA1_SIGNED = _sha1_signed()
