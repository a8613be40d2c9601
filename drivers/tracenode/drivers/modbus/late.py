"""Answers that may still come on a line whose telegrams carry no transaction number. No I/O."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tracenode.drivers.modbus.telegrams import Request

__all__ = ["LATE_ANSWER", "LateAnswers"]

LATE_ANSWER = 10.0
"""Seconds that an answer to a request given up may still turn up."""

PATIENCE = 1.5
"""A slave that was so late once is given so much of that time again."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    request: Request
    sent: float


class LateAnswers:
    """Says how long to keep the line quiet, and which answers can't be trusted.

    An answer on an RTU line names unit, function and length, not the request. So after a request
    is given up the line stays quiet for a time, and an answer is refused that a request given up
    in the last LATE_ANSWER seconds for other registers could have caused.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._quiet_until = 0.0
        self._given_up: list[GivenUp] = []

    @property
    def quiet(self) -> float:
        """Seconds to keep the line quiet from now on; 0 for none."""
        return max(0.0, self._quiet_until - self._clock())

    def give_up(self, request: Request, sent: float, quiet: float) -> None:
        """Note that `request`, sent at the clock's `sent`, had no answer."""
        now = self._clock()
        self._given_up = [g for g in self._given_up if now - g.sent < LATE_ANSWER]
        self._given_up.append(GivenUp(request, sent))
        self._quiet_until = max(self._quiet_until, now + quiet)

    def came(self) -> None:
        """The answer to the last request given up came in the quiet time: the line is clean."""
        if self._given_up:
            self._given_up.pop()
        self._quiet_until = 0.0

    def suspect(self, request: Request, pdu: bytes) -> Request | None:
        """Return the earlier request that `pdu`, taken for the answer to `request`, may belong to.

        If there is one, the answer must be refused. The line is then kept quiet for as long as
        the true answer can take at that slave's pace; after that both requests are settled.
        """
        now = self._clock()
        rivals = [
            g for g in self._given_up if now - g.sent < LATE_ANSWER and _could(g, request, pdu)
        ]
        if not rivals:
            return None
        self._given_up = [g for g in self._given_up if g not in rivals]
        slowest = PATIENCE * max(now - g.sent for g in rivals)
        self._quiet_until = max(self._quiet_until, now + min(slowest, LATE_ANSWER))
        return rivals[0].request


def _could(given_up: GivenUp, request: Request, pdu: bytes) -> bool:
    earlier = given_up.request
    if earlier.unit != request.unit or earlier.pdu == request.pdu:
        return False
    return earlier.function == request.function and earlier.fault(pdu) is None
