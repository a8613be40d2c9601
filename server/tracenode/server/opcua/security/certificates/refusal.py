"""Why a certificate is refused, and what the peer is told of it."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

__all__ = ["CertificateRefused", "Reason"]


class Reason(IntEnum):
    """StatusCodes of OPC 10000-4 6.1.3 (certificate validation)."""

    BadCertificateInvalid = 0x80120000
    BadSecurityChecksFailed = 0x80130000
    BadCertificateTimeInvalid = 0x80140000
    BadCertificateIssuerTimeInvalid = 0x80150000
    BadCertificateUriInvalid = 0x80170000
    BadCertificateUseNotAllowed = 0x80180000
    BadCertificateIssuerUseNotAllowed = 0x80190000
    BadCertificateUntrusted = 0x801A0000
    BadCertificateRevocationUnknown = 0x801B0000
    BadCertificateIssuerRevocationUnknown = 0x801C0000
    BadCertificateRevoked = 0x801D0000
    BadCertificateIssuerRevoked = 0x801E0000
    BadCertificateChainIncomplete = 0x810D0000
    BadCertificatePolicyCheckFailed = 0x81140000


HIDDEN: Final = frozenset(
    {
        Reason.BadCertificateInvalid,
        Reason.BadCertificateChainIncomplete,
        Reason.BadCertificatePolicyCheckFailed,
        Reason.BadCertificateUntrusted,
        Reason.BadCertificateRevoked,
        Reason.BadCertificateIssuerRevoked,
    }
)
"""What a stranger is not told: everything up to the check of trust, and revocation."""


class CertificateRefused(Exception):
    """A certificate is not good enough; `str()` says exactly why, for people on this side."""

    def __init__(self, reason: Reason, words: str) -> None:
        self.reason = reason
        super().__init__(words)

    @property
    def told(self) -> Reason:
        """What the peer is told: a stranger learns only that the checks failed (6.1.3)."""
        return Reason.BadSecurityChecksFailed if self.reason in HIDDEN else self.reason
