"""Words of an event: the verdict of an operation and what was done to an item."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Action", "Evaluation"]


class Evaluation(IntEnum):
    """The verdict of an operation or a measurement (TraceEvaluationEnum).

    The numbers are those of ResultEvaluationEnum in OPC 40001-101.
    """

    Undefined = 0
    OK = 1
    NotOK = 2
    NotDecidable = 3


class Action(IntEnum):
    """What an event did to the link between its items (TraceActionEnum; EPCIS 2.0 action)."""

    Observe = 0
    Add = 1
    Delete = 2
