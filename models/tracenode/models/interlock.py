"""Refusals of the interlock and of stock (SEMANTICS S9, S18); each carries what was expected and
what was found."""

from __future__ import annotations

from datetime import datetime

from tracenode.models.errors import TraceError
from tracenode.models.quantities import Quantity
from tracenode.models.status import TraceStatus

__all__ = [
    "AlreadyProcessed",
    "MaterialBlocked",
    "MaterialEmpty",
    "MaterialExpired",
    "OverConsumption",
    "PartNotInBom",
    "PreviousStepFailed",
    "PreviousStepMissing",
    "ReworkLimitReached",
    "WrongRecipe",
    "WrongRoute",
    "WrongTool",
]


class WrongRoute(TraceError):
    """No step of the item's route is done at this station."""

    status = TraceStatus.WrongRoute

    def __init__(self, item: str, station: str, expected: str) -> None:
        self.item, self.station, self.expected = item, station, expected
        super().__init__(f"{item} has no step at {station}: next is {expected or 'nothing'}")


class PreviousStepMissing(TraceError):
    """A step before this one was not passed, or later rework took its pass away."""

    status = TraceStatus.PreviousStepMissing

    def __init__(self, item: str, step: str, missing: str) -> None:
        self.item, self.step, self.missing = item, step, missing
        super().__init__(f"{item} can't begin {step}: {missing} is not passed")


class PreviousStepFailed(TraceError):
    """The step before this one ended otherwise than OK."""

    status = TraceStatus.PreviousStepFailed

    def __init__(self, item: str, step: str, failed: str, verdict: str) -> None:
        self.item, self.step, self.failed, self.verdict = item, step, failed, verdict
        super().__init__(f"{item} can't begin {step}: {failed} ended {verdict}")


class AlreadyProcessed(TraceError):
    """The step was passed, and its route says that it is done once."""

    status = TraceStatus.AlreadyProcessed

    def __init__(self, item: str, step: str) -> None:
        self.item, self.step = item, step
        super().__init__(f"{item} has passed {step} already, which is done once")


class ReworkLimitReached(TraceError):
    """The step was begun as often as its route allows."""

    status = TraceStatus.ReworkLimitReached

    def __init__(self, item: str, step: str, limit: int) -> None:
        self.item, self.step, self.limit = item, step, limit
        super().__init__(f"{item} was at {step} {limit} times: no more are allowed")


class WrongRecipe(TraceError):
    """The station runs another recipe than the route says."""

    status = TraceStatus.WrongRecipe

    def __init__(self, step: str, expected: str, found: str) -> None:
        self.step, self.expected, self.found = step, expected, found
        super().__init__(f"recipe of {step}: expected {expected}, found {found}")


class WrongTool(TraceError):
    """The station uses another tool than the route says."""

    status = TraceStatus.WrongTool

    def __init__(self, step: str, expected: str, found: str) -> None:
        self.step, self.expected, self.found = step, expected, found
        super().__init__(f"tool of {step}: expected {expected}, found {found}")


class PartNotInBom(TraceError):
    """The bill of material of the parent does not have this part, or not there."""

    status = TraceStatus.PartNotInBom

    def __init__(self, parent: str, material: str, expected: str) -> None:
        self.parent, self.material, self.expected = parent, material, expected
        super().__init__(f"{material} does not go into {parent}: expected {expected or 'nothing'}")


class MaterialExpired(TraceError):
    """The material may not be used any more."""

    status = TraceStatus.MaterialExpired

    def __init__(self, item: str, expired: datetime) -> None:
        self.item, self.expired = item, expired
        super().__init__(f"{item} expired at {expired.isoformat(timespec='seconds')}")


class MaterialBlocked(TraceError):
    """Master data take the material out of use."""

    status = TraceStatus.MaterialBlocked

    def __init__(self, item: str, material: str) -> None:
        self.item, self.material = item, material
        super().__init__(f"{item}: {material} is out of use")


class MaterialEmpty(TraceError):
    """There is nothing in the container, nothing left of the lot, or nothing on the slot."""

    status = TraceStatus.MaterialEmpty

    def __init__(self, item: str, why: str) -> None:
        self.item, self.why = item, why
        super().__init__(f"{item} holds nothing: {why}")


class OverConsumption(TraceError):
    """More is asked for than there is (SEMANTICS S9)."""

    status = TraceStatus.OverConsumption

    def __init__(self, item: str, left: Quantity, asked: Quantity) -> None:
        self.item, self.left, self.asked = item, left, asked
        super().__init__(f"{item} has {left} left, {asked} were asked for")
