"""From a message to a scan."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Final

from tracenode.drivers.mqtt.options import ScanTopic
from tracenode.drivers.mqtt.payloads import code_in, document, found_at, plain, time_in
from tracenode.drivers.scanner.interpreter import ScanInterpreter
from tracenode.drivers.telegram import Telegram
from tracenode.models.device_errors import BadTelegram
from tracenode.models.readings import RejectReason, Scan

__all__ = ["ScanReader"]

MAX_NAME: Final = 128
"""Characters of a name that are kept; of a longer one its digest is."""
RETAINED: Final = (
    "the broker kept this from before: when it was read is not known; publish scans without the "
    "retain flag"
)


class ScanReader:
    """Reads the messages of one topic filter; codes, NOREAD and repeats as a scanner's."""

    def __init__(self, device: str, options: ScanTopic) -> None:
        self.options = options
        self._interpret = ScanInterpreter(device, options.scanner)

    def read(
        self, payload: bytes, *, retained: bool, again: bool, arrived: datetime, now: float
    ) -> Scan:
        """Return the scan, or the reject that stands for it.

        `retained`: the broker kept it from before; it is refused. `again`: the broker sends what
        was recorded already; it is flagged. `now`: monotonic, in seconds.
        """
        telegram, named = self._telegram(payload, retained, arrived)
        scan = self._interpret(telegram, now)
        if scan.reject is not None:
            return scan
        return replace(scan, duplicate=again or scan.duplicate, request_id=named)

    def _telegram(self, payload: bytes, retained: bool, arrived: datetime) -> tuple[Telegram, str]:
        """Return the telegram, and how its publisher names it (empty: it does not)."""
        most = self.options.max_length
        reject: tuple[RejectReason, str] | None = None
        body, at, named = b"", arrived, ""
        if retained:
            reject = RejectReason.Retained, RETAINED
        elif len(payload) > most:
            reject = RejectReason.TooLong, f"expected at most {most} bytes, found {len(payload)}"
        else:
            try:
                body, at, named = self._read(payload, arrived)
            except BadTelegram as error:
                reject = RejectReason.Undecodable, str(error)
        why, note = reject or (None, "")
        return Telegram(payload[:most], body, at, why, note), named

    def _read(self, payload: bytes, arrived: datetime) -> tuple[bytes, datetime, str]:
        options = self.options
        if options.payload == "text":
            return plain(payload, options.encoding).encode(options.encoding), arrived, ""
        whole = document(payload)
        body = code_in(found_at(whole, options.path)).encode()
        named = code_in(found_at(whole, options.id)) if options.id else ""
        if len(named) > MAX_NAME:
            named = hashlib.sha256(named.encode()).hexdigest()
        at = time_in(found_at(whole, options.time)) if options.time else arrived
        return body, at, named
