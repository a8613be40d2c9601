"""What stands before the sessions: our certificate, the trust list, the endpoints, the limits of
connections, and the door through which refusals are told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from tracenode.server.opcua.security.admission import Admission, ConnectionLimits
from tracenode.server.opcua.security.audit import AuditKind, AuditTrail
from tracenode.server.opcua.security.certificates.folder import PkiError, PkiFolder
from tracenode.server.opcua.security.certificates.own import OwnCertificate, covered, load_own
from tracenode.server.opcua.security.certificates.reading import application_uris
from tracenode.server.opcua.security.certificates.refusal import CertificateRefused, Reason
from tracenode.server.opcua.security.certificates.trust import TrustList
from tracenode.server.opcua.security.policies import Offer, offers
from tracenode.server.opcua.security.reach import Reach, host_of

__all__ = ["Front", "FrontOptions"]

T = TypeVar("T")
log = logging.getLogger(__name__)

LINES: Final = 20
LINE_S: Final = 3.0
"""Lines of the log about refusals at once, and seconds until there is room for another."""


@dataclass(frozen=True, slots=True)
class FrontOptions:
    """`security`: names of `policies.OFFERS`; `pki`: the folder of certificates, which every
    secured offer needs; `urls` and `aliases`: by which clients reach us, beside where we listen."""

    security: tuple[str, ...] = ("None",)
    pki: Path | None = None
    urls: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)


class Front:
    """Made before the server is opened; used on the event loop."""

    def __init__(self, options: FrontOptions, audit: AuditTrail) -> None:
        self.offered: list[Offer] = offers(options.security)
        self.own: OwnCertificate | None = None
        self.trust: TrustList | None = None
        self.reach = Reach("")
        self.admission = Admission(options.limits, self.connection_refused)
        self.trust_changed: Callable[[], None] = lambda: None
        self._options = options
        self._audit = audit
        self._room, self._at, self._silent = float(LINES), time.monotonic(), 0

    async def open(self, listen: str, uri: str) -> None:
        """Load what the offers need, and begin to look at the trust list.

        Raises:
            PkiError: a secured offer without a certificate of ours.
        """
        options = self._options
        self.reach = await asyncio.to_thread(Reach.of, listen, options.urls, options.aliases)
        secured = any(offer.secured for offer in self.offered)
        if options.pki is None:
            if secured:
                raise PkiError("expected a folder of certificates for the security that is offered")
            return
        folder = PkiFolder(options.pki)
        try:
            self.own = await asyncio.to_thread(load_own, folder)
        except PkiError:
            if secured:
                raise
            return  # certificates are only for passwords then, and there are none without them
        self._compare(self.own, uri)
        if secured:
            self.trust = TrustList(folder, self._trust_changed)
            await self.trust.start()

    async def close(self) -> None:
        self.admission.stop()
        if self.trust is not None:
            await self.trust.close()
            self.trust = None

    def _compare(self, own: OwnCertificate, uri: str) -> None:
        """Say what clients will find wrong with our certificate."""
        found = application_uris(own.certificate)
        if uri not in found:
            raise PkiError(
                f"expected the application URI {uri} in our certificate, found"
                f" {', '.join(found) or 'none'}: `tracenode pki renew` makes one that fits"
            )
        names = covered(own.certificate)
        wanted = [host_of(url) for url in self._options.urls]
        wanted += [alias.lower() for alias in self._options.aliases]
        missing = [host for host in dict.fromkeys(wanted) if host not in names]
        if missing:
            log.warning(
                "our certificate does not name %s: clients that check refuse it;"
                " `tracenode pki renew` makes one that does",
                ", ".join(missing),
            )

    # ------------------------------------------------------------------ refusals
    async def check(self, certificates: bytes) -> None:
        """Check what a client sent as its certificate and issuers.

        Raises:
            CertificateRefused: why.
        """
        if self.trust is None:
            raise CertificateRefused(Reason.BadCertificateUntrusted, "no certificate is trusted")
        await self.trust.check(certificates)

    async def aside(self, work: Callable[[], T]) -> T:
        """Run what uses our private key off the event loop: milliseconds each."""
        return work() if self.trust is None else await self.trust.aside(work)

    def connection_refused(self, address: str, words: str) -> None:
        """Tell that a connection ended for a limit."""
        self.refused(AuditKind.Channel, address, words, 0x80AC0000)  # BadConnectionRejected

    def refused(self, kind: AuditKind, address: str, words: str, status: int) -> None:
        """Tell of a refusal: audit trail and log, both bounded."""
        self._audit.note(kind, address, words, status=status)
        now = time.monotonic()
        self._room = min(LINES, self._room + (now - self._at) / LINE_S)
        self._at = now
        if self._room < 1:
            self._silent += 1
            return
        self._room -= 1
        more = f" ({self._silent} refusals before it not logged)" if self._silent else ""
        self._silent = 0
        log.warning("%s refused: %s%s", address, words, more)

    def opened(self, address: str, words: str) -> None:
        """Tell of a secured channel that was opened."""
        self._audit.note(AuditKind.Channel, address, words)

    def _trust_changed(self) -> None:
        self.trust_changed()
