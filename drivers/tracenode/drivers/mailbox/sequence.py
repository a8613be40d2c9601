"""Which request a (boot id, sequence) pair is: the same, the next, or something wrong. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tracenode.models.errors import MalformedRequest

__all__ = ["Sequence", "Step", "following"]

LAST: Final = 65_535
NEAR: Final = 1_000
"""Sequences: a wrap is a step from within NEAR of the end to within NEAR of the beginning."""
_REQUEST_ID = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Sequence:
    """Where a station's handshake stands: boot id, how often it wrapped, last sequence taken."""

    boot: int
    wraps: int
    number: int

    @property
    def request_id(self) -> str:
        """The idempotency key of this request, unique per station for ever."""
        return f"{self.boot}.{self.wraps}.{self.number}"

    @classmethod
    def read(cls, request_id: str) -> Sequence | None:
        """Read back a request id, None where it is not of a handshake."""
        match = _REQUEST_ID.fullmatch(request_id)
        return cls(*map(int, match.groups())) if match else None


@dataclass(frozen=True, slots=True)
class Step:
    """The request that follows `Sequence`; `missing` requests were never seen."""

    sequence: Sequence
    missing: int = 0


def following(last: Sequence | None, boot: int, number: int) -> Step:
    """Return the step from the last request taken to the one that stands in the registers.

    A new boot id starts afresh. With boot id 0 (unsupported) a backward step counts as a restart,
    and the natural key decides whether it was booked before.

    Raises:
        MalformedRequest: the sequence ran backwards under the same boot id.
    """
    if last is None or boot != last.boot:
        return Step(Sequence(boot, 0, number))
    if number >= last.number:
        return Step(Sequence(boot, last.wraps, number), max(0, number - last.number - 1))
    if last.number > LAST - NEAR and number <= NEAR:
        missing = LAST - last.number + number - 1
        return Step(Sequence(boot, last.wraps + 1, number), missing)
    if boot == 0:
        return Step(Sequence(boot, last.wraps + 1, number))
    raise MalformedRequest("ReqSeq", f"{last.number} or the next", f"{number}, which is backwards")
