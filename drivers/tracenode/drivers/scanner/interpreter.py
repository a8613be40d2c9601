"""From a scanner's telegram to a scan."""

from __future__ import annotations

from tracenode.drivers.codes import decode
from tracenode.drivers.scanner.options import ScannerOptions
from tracenode.drivers.telegram import Reject, Repeats, Telegram, compiled_noread, read_text
from tracenode.models.device_errors import BadCode
from tracenode.models.readings import RejectReason, Scan

__all__ = ["ScanInterpreter"]


class ScanInterpreter:
    """Reads texts and codes of one scanner; remembers what came lately."""

    def __init__(self, device: str, options: ScannerOptions) -> None:
        self._device, self._options = device, options
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
        try:
            code = decode(text.text, text.symbology, self._options.decode)
        except BadCode as e:
            return Scan(
                device,
                raw,
                at,
                symbology=text.symbology,
                reject=RejectReason.BadCode,
                note=str(e),
            )
        return Scan(
            device,
            raw,
            at,
            text=text.text,
            symbology=text.symbology,
            duplicate=self._repeats.again(telegram.body, now),
            note=code.note,
            code=code,
        )
