"""The folder of certificates, laid out as OPC 10000-12 (Annex F) says, so that other tools know it.

own/certs       our certificate            own/private     its key, for this user alone
trusted/certs   clients and CAs we trust   trusted/crl     revocation lists of these CAs
issuers/certs   CAs that only complete a   issuers/crl     revocation lists of those
                chain, not trusted alone   rejected/certs  what was refused
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography import x509

from tracenode.models.errors import StoreError
from tracenode.server.opcua.security.certificates.chains import Trusted
from tracenode.server.opcua.security.certificates.reading import (
    Malformed,
    common_name,
    der,
    parse_certificates,
    parse_crl,
    thumbprint,
)

__all__ = ["Kept", "PkiError", "PkiFolder", "Place", "file_name", "write_private", "write_whole"]

LARGEST_FILE: Final = 4 * 1024 * 1024
"""Bytes; revocation lists of a large CA are the largest files here."""
MOST_FILES: Final = 2_000
"""Files that are read of one folder."""


class PkiError(StoreError):
    """The folder of certificates, or a file for it, can't be used."""


class Place(StrEnum):
    """Where certificates lie."""

    Own = "own"
    Trusted = "trusted"
    Issuers = "issuers"
    Rejected = "rejected"


@dataclass(frozen=True, slots=True)
class Kept:
    """A certificate in a file."""

    path: Path
    place: Place
    certificate: x509.Certificate

    @property
    def thumbprint(self) -> str:
        return thumbprint(self.certificate)


class PkiFolder:
    """The files; every method reads or writes the disk when it is called."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def certs(self, place: Place) -> Path:
        return self.root / place / "certs"

    def crls(self, place: Place) -> Path:
        return self.root / place / "crl"

    @property
    def private(self) -> Path:
        return self.root / "own" / "private"

    def make(self) -> None:
        """Make what is missing of the folder; keys are for this user alone."""
        for place in Place:
            self.certs(place).mkdir(parents=True, exist_ok=True)
        for place in (Place.Trusted, Place.Issuers):
            self.crls(place).mkdir(parents=True, exist_ok=True)
        self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.private.chmod(0o700)

    # ------------------------------------------------------------------ reading
    def kept(self, place: Place, unread: list[str] | None = None) -> Iterator[Kept]:
        """Yield the certificates of a place; what can't be read is named in `unread`."""
        for path, data in _files(self.certs(place), unread):
            try:
                for one in parse_certificates(data):
                    yield Kept(path, place, one)
            except Malformed as e:
                _say(unread, f"{path}: {e}")

    def revocation_lists(
        self, unread: list[str] | None = None
    ) -> Iterator[tuple[Path, x509.CertificateRevocationList]]:
        """Yield the revocation lists, trusted CAs' and issuers'."""
        for place in (Place.Trusted, Place.Issuers):
            for path, data in _files(self.crls(place), unread):
                try:
                    yield path, parse_crl(data)
                except Malformed as e:
                    _say(unread, f"{path}: {e}")

    def trusted(self, unread: list[str] | None = None) -> Trusted:
        """Read all that decides about trust."""
        return Trusted(
            {one.thumbprint: one.certificate for one in self.kept(Place.Trusted, unread)},
            {one.thumbprint: one.certificate for one in self.kept(Place.Issuers, unread)},
            [crl for _, crl in self.revocation_lists(unread)],
        )

    def state(self) -> tuple[tuple[str, int, int], ...]:
        """Return what changes when a file that decides about trust comes, goes or is replaced."""
        seen: list[tuple[str, int, int]] = []
        for place in (Place.Trusted, Place.Issuers):
            for folder in (self.certs(place), self.crls(place)):
                try:
                    with os.scandir(folder) as entries:
                        for entry in entries:
                            stat = entry.stat()
                            seen.append((entry.path, stat.st_mtime_ns, stat.st_size))
                except OSError:
                    seen.append((str(folder), 0, 0))
        return tuple(sorted(seen))

    # ------------------------------------------------------------------ changing
    def put(self, place: Place, certificate: x509.Certificate) -> Path:
        """Write a certificate under its name and thumbprint."""
        path = self.certs(place) / file_name(certificate)
        write_whole(path, der(certificate))
        return path

    def remove(self, place: Place, mark: str) -> int:
        """Remove the files of a place that hold the certificate with this thumbprint.

        A file that holds other certificates too is written anew with those. Returns how many files
        held it.
        """
        by_path: dict[Path, list[Kept]] = {}
        for one in self.kept(place):
            by_path.setdefault(one.path, []).append(one)
        touched = 0
        for path, inside in by_path.items():
            others = [one.certificate for one in inside if one.thumbprint != mark]
            if len(others) == len(inside):
                continue
            touched += 1
            for other in others:
                self.put(place, other)
            path.unlink(missing_ok=True)
        return touched


def file_name(certificate: x509.Certificate) -> str:
    """Return the common name and the thumbprint in brackets, as OPC UA tools write it."""
    shown = re.sub(r"[^A-Za-z0-9 ._-]+", "_", common_name(certificate.subject))[:60].strip(" .")
    return f"{shown or 'certificate'} [{thumbprint(certificate)}].der"


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old one or the whole new one."""
    beside = path.with_name(f".{secrets.token_hex(8)}.new")
    opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_private(path: Path, data: bytes) -> None:
    """Write a key: a file for this user alone."""
    write_whole(path, data, 0o600)


def _files(folder: Path, unread: list[str] | None) -> Iterator[tuple[Path, bytes]]:
    """Yield the files of a folder by name; hidden ones are being written or none of ours."""
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return
    except OSError as e:
        _say(unread, f"{folder}: {e.strerror}")
        return
    if len(paths) > MOST_FILES:
        _say(unread, f"{folder}: {len(paths) - MOST_FILES} files beyond {MOST_FILES} not read")
    for path in paths[:MOST_FILES]:
        try:
            if not path.is_file():
                continue
            if path.stat().st_size > LARGEST_FILE:
                _say(unread, f"{path}: longer than {LARGEST_FILE} bytes")
                continue
            yield path, path.read_bytes()
        except OSError as e:
            _say(unread, f"{path}: {e.strerror}")


def _say(unread: list[str] | None, text: str) -> None:
    if unread is not None:
        unread.append(text)
