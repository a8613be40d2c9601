"""Modbus/TCP Security (MODBUS/TCP Security V21): the same telegrams inside TLS, port 802."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from tracenode.models.errors import BadSetting

__all__ = ["TlsFiles", "tls_words"]


class TlsFiles(BaseModel):
    """What both ends show each other: `tls = { ca = "plc-ca.pem", certificate = ..., key = ... }`.

    The device's certificate is always checked, against `ca` and nothing else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ca: str = Field(min_length=1)
    """PEM file of those who may have issued the device's certificate, or that certificate."""
    certificate: str = ""
    """PEM file of our certificate and its chain; the standard asks for one."""
    key: str = ""
    """PEM file of its key, without a passphrase; empty where it stands in `certificate`."""
    server_name: str = ""
    """Name or address in the device's certificate, where that is not the host of the link."""

    def beside(self, folder: Path) -> Self:
        """Return the same with relative files taken as relative to `folder`."""
        moved = {name: str(folder / file) for name in FILES if (file := getattr(self, name))}
        return self.model_copy(update=moved)

    def context(self) -> ssl.SSLContext:
        """Read the files.

        Raises:
            BadSetting: a file that is missing or is not what it should be.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(self.ca)
        except OSError as error:
            raise BadSetting(
                "tls.ca: a PEM file of certificates", _found(self.ca, error)
            ) from error
        if self.certificate:
            key = self.key or None
            try:
                # Without a password function OpenSSL would ask whoever sits at the terminal.
                context.load_cert_chain(self.certificate, key, password=lambda: "")
            except OSError as error:
                expected = "tls.certificate, tls.key: PEM files of a certificate and its key"
                found = _found(f"{self.certificate}, {self.key or 'no key file'}", error)
                raise BadSetting(expected, found) from error
        return context


FILES = ("ca", "certificate", "key")


def _found(files: str, error: OSError) -> str:
    return f"{files}: {error.strerror or error}"


def tls_words(error: ssl.SSLError) -> str:
    """Why no secured connection came about, with what to look at."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message
        return f"the device's certificate is refused: {why} (tls.ca, tls.server_name, its dates?)"
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return f"no TLS connection: {reason} (does the device speak TLS there, and trust us?)"
