"""Answers that may still come on a line whose telegrams carry no transaction number. No I/O."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from tracenode.drivers.modbus.addresses import Space
from tracenode.drivers.modbus.telegrams import EXCEPTION, Request, read_request

__all__ = ["LATE_ANSWER", "LateAnswers"]

LATE_ANSWER = 10.0
"""Seconds that the answer to a request given up may still turn up."""

SPACE_OF = {space.function: space for space in Space}


@dataclass(frozen=True, slots=True)
class GivenUp:
    request: Request
    sent: float


class LateAnswers:
    """Says how long to keep the line quiet, what to ask to be sure, and what can't be trusted.

    An answer on an RTU line names unit, function and length, not the request. But a unit answers
    in the order it was asked: an answer that only the newest request can have caused proves that
    the earlier ones are answered or lost for good. So after a request was given up, the line stays
    quiet for a time; a request whose answer would look like the one still owed is preceded by a
    probe whose answer does not; and an exception that may be owed to the earlier one is refused.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._quiet_until = 0.0
        self._owed: list[GivenUp] = []

    @property
    def quiet(self) -> float:
        """Seconds to keep the line quiet from now on; 0 for none."""
        return max(0.0, self._quiet_until - self._clock())

    def give_up(self, request: Request, sent: float, quiet: float) -> None:
        """Note that `request`, sent at the clock's `sent`, had no answer."""
        now = self._clock()
        self._owed = [owed for owed in self._owed if now - owed.sent < LATE_ANSWER]
        self._owed.append(GivenUp(request, sent))
        self._quiet_until = max(self._quiet_until, now + quiet)

    def hush(self) -> None:
        """The answer to the last request given up came: the line need not be quiet any more."""
        self._quiet_until = 0.0

    def arrived(self, unit: int, pdu: bytes) -> None:
        """A telegram came that is no answer to what is waited for now.

        Where it answers a request that is owed, that one and all before it are settled. Only one
        can match by its head, as no request is sent while its like is owed; an exception counts
        for the oldest it may belong to.
        """
        for index, owed in enumerate(self._owed):
            if owed.request.unit == unit and owed.request.fault(pdu) is None:
                earlier = [other for other in self._owed[:index] if other.request.unit != unit]
                self._owed = earlier + self._owed[index + 1 :]
                return

    def settle(self, unit: int) -> None:
        """An answer came that only the newest request to `unit` can have caused."""
        if self._owed:
            self._owed = [owed for owed in self._owed if owed.request.unit != unit]

    def ambiguous(self, request: Request) -> bool:
        """Tell whether the answer to `request` could not be told from one still owed."""
        return any(owed.head == request.head for owed in self._owed_by(request.unit))

    def probe(self, request: Request) -> Request | None:
        """What to ask before an ambiguous request; None when every sort of probe is owed too.

        A shorter read of the same registers, or a read of another space, which every device
        answers, be it by an exception: that too has a function code of its own.
        """
        owed = self._owed_by(request.unit)
        heads = {earlier.head for earlier in owed}
        if request.function in SPACE_OF:
            address, count = struct.unpack(">HH", request.pdu[1:5])
            for shorter in range(count - 1, 0, -1):
                space = SPACE_OF[request.function]
                probe = read_request(request.unit, space, address, shorter)
                if probe.head not in heads:
                    return probe
        functions = {earlier.function for earlier in owed}
        for function, space in SPACE_OF.items():
            if function not in functions:
                return read_request(request.unit, space, 0, 1)
        return None

    def suspect(self, request: Request, pdu: bytes) -> Request | None:
        """Return the earlier request that `pdu`, which came for `request`, may belong to."""
        for owed in self._owed_by(request.unit):
            if pdu[0] & EXCEPTION:
                if owed.function == request.function and owed.pdu != request.pdu:
                    return owed
            elif owed.head == request.head:
                return owed
        return None

    def _owed_by(self, unit: int) -> list[Request]:
        now = self._clock()
        return [
            owed.request
            for owed in self._owed
            if owed.request.unit == unit and now - owed.sent < LATE_ANSWER
        ]
