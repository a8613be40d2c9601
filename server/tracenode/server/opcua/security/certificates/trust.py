"""What is trusted now. Changes of the folder count within a second, without a restart."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final, TypeVar

from cryptography import x509

from tracenode.server.opcua.security.certificates.chains import Trusted, check_chain
from tracenode.server.opcua.security.certificates.folder import PkiFolder
from tracenode.server.opcua.security.certificates.reading import (
    MAX_CERTIFICATE,
    MAX_CHAIN,
    Malformed,
    parse_certificates,
)
from tracenode.server.opcua.security.certificates.refusal import CertificateRefused, Reason
from tracenode.server.opcua.security.certificates.rejected import Rejected

__all__ = ["TrustList"]

T = TypeVar("T")
log = logging.getLogger(__name__)

LOOK_S: Final = 0.5
"""Seconds between two looks at the folder, by a thread of its own."""
REMEMBERED: Final = 256
FRESH_S: Final = 30.0
"""A verdict is asked again after so long: certificates expire."""
KEEP: Final = frozenset({Reason.BadCertificateUntrusted, Reason.BadCertificateChainIncomplete})
"""Refusals that a person may want to turn into trust."""


class TrustList:
    """Checks certificates against the folder, in a thread of its own.

    `start` and `check` are used on the event loop; `changed` is called there too, after what is
    trusted has changed. `for_users`: certificates of people, which need only sign.
    """

    def __init__(
        self,
        folder: PkiFolder,
        changed: Callable[[], None] = lambda: None,
        *,
        for_users: bool = False,
    ) -> None:
        self.folder = folder
        self._for_users = for_users
        self.changed = changed
        self._trusted = Trusted()
        self._rejected = Rejected(folder)
        self._thread = ThreadPoolExecutor(1, "certificates")
        self._verdicts: OrderedDict[bytes, tuple[float, CertificateRefused | None]] = OrderedDict()
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Read the folder, and look at it from now on."""
        self._loop = asyncio.get_running_loop()
        state, trusted = await self._loop.run_in_executor(self._thread, self._read)
        self._trusted = trusted
        self._watcher = threading.Thread(
            target=self._watch, args=(state,), name="trust list", daemon=True
        )
        self._watcher.start()

    async def close(self) -> None:
        """End both threads."""
        self._stopping.set()
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.join)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def check(self, blob: bytes) -> None:
        """Check what a peer sent as its certificate and issuers.

        Raises:
            CertificateRefused: why. Where a person may want to trust it, it lies in rejected/certs.
        """
        if len(blob) > MAX_CERTIFICATE * MAX_CHAIN:
            raise CertificateRefused(
                Reason.BadCertificateInvalid, f"{len(blob)} bytes of certificates"
            )
        loop = asyncio.get_running_loop()
        known = self._verdicts.get(blob)
        if known is None or loop.time() - known[0] > FRESH_S:
            trusted = self._trusted
            verdict = await loop.run_in_executor(self._thread, self._verdict, blob, trusted)
            known = (loop.time(), verdict)
            if trusted is self._trusted:
                self._verdicts[blob] = known
                while len(self._verdicts) > REMEMBERED:
                    self._verdicts.popitem(last=False)
        if known[1] is not None:
            raise CertificateRefused(known[1].reason, str(known[1]))

    async def aside(self, work: Callable[[], T]) -> T:
        """Do other work with keys in the same thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _verdict(self, blob: bytes, trusted: Trusted) -> CertificateRefused | None:
        try:
            check_chain(blob, trusted, datetime.now(UTC), for_users=self._for_users)
        except CertificateRefused as refused:
            if refused.reason in KEEP and not self._keep(blob):
                return CertificateRefused(
                    refused.reason, f"{refused}; not kept in rejected/certs: too many come"
                )
            return refused
        return None

    def _keep(self, blob: bytes) -> bool:
        try:
            leaf: x509.Certificate = parse_certificates(blob)[0]
        except Malformed:
            return False
        return self._rejected.keep(leaf)

    # ------------------------------------------------------------------ the folder
    def _read(self) -> tuple[object, Trusted]:
        state = self.folder.state()  # before reading: what changes meanwhile is seen the next time
        unread: list[str] = []
        trusted = self.folder.trusted(unread)
        for text in unread:
            log.warning("trust list: left out %s", text)
        return state, trusted

    def _watch(self, state: object) -> None:
        while not self._stopping.wait(LOOK_S):
            if self.folder.state() == state:
                continue
            state, trusted = self._read()
            assert self._loop is not None
            try:
                self._loop.call_soon_threadsafe(self._swap, trusted)
            except RuntimeError:  # the loop has ended
                return

    def _swap(self, trusted: Trusted) -> None:
        self._trusted = trusted
        self._verdicts.clear()
        log.info(
            "trust list: %d certificate(s), %d issuer(s), %d revocation list(s)",
            len(trusted.certificates),
            len(trusted.issuers),
            len(trusted.crls),
        )
        self.changed()
