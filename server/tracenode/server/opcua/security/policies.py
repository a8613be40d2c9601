"""The security policies and modes that can be offered (OPC 10000-7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.crypto.security_policies import (
    SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic256Sha256,
    SecurityPolicyFactory,
    SecurityPolicyNone,
)

from tracenode.server.opcua.security.certificates.own import OwnCertificate

__all__ = ["NONE_URI", "OFFERS", "Offer", "factories", "offers"]

NONE_URI: Final = SecurityPolicyNone.URI
SIGN, ENCRYPT = ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt


@dataclass(frozen=True, slots=True)
class Offer:
    """A policy with a mode; `level` orders them for clients, the best highest."""

    name: str
    policy: Any
    mode: ua.MessageSecurityMode
    level: int

    @property
    def uri(self) -> str:
        return str(self.policy.URI)

    @property
    def secured(self) -> bool:
        return self.mode != ua.MessageSecurityMode.None_


OFFERS: Final = {
    offer.name: offer
    for offer in (
        Offer("None", SecurityPolicyNone, ua.MessageSecurityMode.None_, 0),
        Offer("Basic256Sha256.Sign", SecurityPolicyBasic256Sha256, SIGN, 50),
        Offer("Aes128Sha256RsaOaep.Sign", SecurityPolicyAes128Sha256RsaOaep, SIGN, 55),
        Offer("Aes256Sha256RsaPss.Sign", SecurityPolicyAes256Sha256RsaPss, SIGN, 60),
        Offer("Basic256Sha256.SignAndEncrypt", SecurityPolicyBasic256Sha256, ENCRYPT, 110),
        Offer(
            "Aes128Sha256RsaOaep.SignAndEncrypt", SecurityPolicyAes128Sha256RsaOaep, ENCRYPT, 115
        ),
        Offer("Aes256Sha256RsaPss.SignAndEncrypt", SecurityPolicyAes256Sha256RsaPss, ENCRYPT, 120),
    )
}
"""By the names of the configuration. Basic128Rsa15 and Basic256 are broken and not among them."""


def offers(names: Iterable[str]) -> list[Offer]:
    """Return what these names offer, the best first, each once.

    Raises:
        KeyError: an unknown name.
    """
    found = {name: OFFERS[name] for name in names}
    return sorted(found.values(), key=lambda offer: -offer.level)


def factories(offered: Sequence[Offer], own: OwnCertificate | None) -> list[SecurityPolicyFactory]:
    """Return asyncua's factories for the channels of these offers."""
    return [
        SecurityPolicyFactory(  # type: ignore[no-untyped-call]
            offer.policy,
            offer.mode,
            own.certificate if own else None,
            own.key if own else None,
            certificate_chain=list(own.issuers) if own else [],
        )
        for offer in offered
    ]
