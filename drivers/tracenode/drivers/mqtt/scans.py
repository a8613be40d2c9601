"""From a message to a scan."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tracenode.drivers.mqtt.options import ScanTopic
from tracenode.drivers.mqtt.payloads import code_in, document, found_at, plain, time_in
from tracenode.drivers.scanner.interpreter import ScanInterpreter
from tracenode.drivers.telegram import Telegram
from tracenode.models.device_errors import BadTelegram
from tracenode.models.readings import RejectReason, Scan

__all__ = ["ScanReader"]

RETAINED = (
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
        scan = self._interpret(self._telegram(payload, retained, arrived), now)
        return replace(scan, duplicate=True) if again and scan.reject is None else scan

    def _telegram(self, payload: bytes, retained: bool, arrived: datetime) -> Telegram:
        most = self.options.max_length
        reject: tuple[RejectReason, str] | None = None
        body, at = b"", arrived
        if retained:
            reject = RejectReason.Retained, RETAINED
        elif len(payload) > most:
            reject = RejectReason.TooLong, f"expected at most {most} bytes, found {len(payload)}"
        else:
            try:
                body, at = self._read(payload, arrived)
            except BadTelegram as error:
                reject = RejectReason.Undecodable, str(error)
        why, note = reject or (None, "")
        return Telegram(payload[:most], body, at, why, note)

    def _read(self, payload: bytes, arrived: datetime) -> tuple[bytes, datetime]:
        options = self.options
        if options.payload == "text":
            return plain(payload, options.encoding).encode(options.encoding), arrived
        whole = document(payload)
        body = code_in(found_at(whole, options.path)).encode()
        return body, time_in(found_at(whole, options.time)) if options.time else arrived
