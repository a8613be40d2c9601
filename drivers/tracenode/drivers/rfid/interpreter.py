"""From an RFID reader's line to a scan."""

from __future__ import annotations

import re

from tracenode.drivers.codes import decode_tag
from tracenode.drivers.rfid.options import RfidOptions
from tracenode.drivers.telegram import Reject, Repeats, Telegram, compiled_noread, read_text
from tracenode.models.device_errors import BadCode
from tracenode.models.readings import RejectReason, Scan

__all__ = ["TagInterpreter"]


class TagInterpreter:
    """Reads the tags of one reader; remembers which are in its field."""

    def __init__(self, device: str, options: RfidOptions) -> None:
        self._device, self._options = device, options
        self._pattern = re.compile(options.pattern)
        self._noread = compiled_noread(options.noread)
        self._repeats = Repeats(options.duplicate_ms / 1000)

    def __call__(self, telegram: Telegram, now: float) -> Scan:
        """Return the scan, or the reject that stands for it; `now` is monotonic, in seconds."""
        device, raw, at = self._device, telegram.raw, telegram.at
        if telegram.reject is not None:
            return Scan(device, raw, at, reject=telegram.reject, note=telegram.note)
        text = read_text(telegram.body, self._options.encoding, self._noread)
        if isinstance(text, Reject):
            return Scan(device, raw, at, reject=text.reason, note=text.note)
        line = self._pattern.fullmatch(text.text)
        if line is None:
            note = f"expected a line like {self._options.pattern}, found {text.text[:64]!r}"
            return Scan(device, raw, at, reject=RejectReason.Undecodable, note=note)
        fields = line.groupdict()
        try:
            code = decode_tag(fields["epc"] or "")
            antenna = int(fields["antenna"]) if fields.get("antenna") else None
            rssi = float(fields["rssi"]) if fields.get("rssi") else None
        except BadCode as e:
            return Scan(device, raw, at, reject=RejectReason.BadCode, note=str(e))
        except ValueError as e:
            note = f"expected numbers for antenna and rssi, found {text.text[:64]!r} ({e})"
            return Scan(device, raw, at, reject=RejectReason.Undecodable, note=note)
        return Scan(
            device,
            raw,
            at,
            text=code.text,
            duplicate=self._repeats.again((code.key, antenna), now),
            code=code,
            antenna=antenna,
            rssi_dbm=rssi,
        )
