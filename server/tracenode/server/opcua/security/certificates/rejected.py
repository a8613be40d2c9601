"""What was refused, kept for a person to look at and perhaps to trust.

Whoever can reach the port can send certificates; none of that may fill the disk or hide for long
the one that an engineer looks for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography import x509

from tracenode.server.opcua.security.certificates.folder import (
    PkiFolder,
    Place,
    file_name,
    write_whole,
)
from tracenode.server.opcua.security.certificates.reading import MAX_CERTIFICATE, der

__all__ = ["Rejected"]

KEPT: Final = 50
"""Certificates; the oldest goes when one more comes."""
BURST: Final = 10
REFILL_S: Final = 6.0
"""New files at once, and seconds until there is room for another: ten a minute."""


class Rejected:
    """The folder rejected/certs; used by one thread."""

    def __init__(self, folder: PkiFolder, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder.certs(Place.Rejected)
        self._clock = clock
        self._room = float(BURST)
        self._at = clock()

    def keep(self, certificate: x509.Certificate) -> bool:
        """Write a certificate, unless it is there or too many came; returns whether it is there.

        A full or missing disk is no reason to stop: the refusal stands without the file.
        """
        data = der(certificate)
        path = self._folder / file_name(certificate)
        if path.exists():
            return True
        if len(data) > MAX_CERTIFICATE or not self._may():
            return False
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._drop_oldest()
            write_whole(path, data)
        except OSError:
            return False
        return True

    def _may(self) -> bool:
        now = self._clock()
        self._room = min(BURST, self._room + (now - self._at) / REFILL_S)
        self._at = now
        if self._room < 1:
            return False
        self._room -= 1
        return True

    def _drop_oldest(self) -> None:
        kept = sorted(self._folder.iterdir(), key=_age)
        for path in kept[: max(0, len(kept) + 1 - KEPT)]:
            path.unlink(missing_ok=True)


def _age(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
