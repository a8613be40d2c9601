"""One door for questions: each is answered from one snapshot of the store."""

from __future__ import annotations

import threading
from typing import overload

from tracenode.models.analysis import (
    BomComparison,
    CauseAnswer,
    CommonCause,
    CompareToBom,
    Coverage,
    CoverageAnswer,
    FindItems,
    FoundItems,
    Impact,
    ImpactAnswer,
    MassBalance,
    MassBalanceAnswer,
    TimeWindow,
    WindowAnswer,
)
from tracenode.models.answers import (
    Asked,
    GenealogyAnswer,
    HistoryAnswer,
    Ingredients,
    ItemAnswer,
    ItemDetail,
    ItemHistory,
    PathAnswer,
    PathBetween,
    RecallAnswer,
    RecallScope,
    WhereUsed,
)
from tracenode.server.genealogy.amounts.balance import mass_balance
from tracenode.server.genealogy.analysis.bom import compare_to_bom
from tracenode.server.genealogy.analysis.causes import common_cause
from tracenode.server.genealogy.analysis.coverage import coverage
from tracenode.server.genealogy.analysis.finding import find_items
from tracenode.server.genealogy.analysis.impact import impact
from tracenode.server.genealogy.analysis.window import time_window
from tracenode.server.genealogy.answers.detail import item_detail
from tracenode.server.genealogy.answers.history import item_history
from tracenode.server.genealogy.answers.lineage import ingredients, where_used
from tracenode.server.genealogy.answers.path import path_between
from tracenode.server.genealogy.answers.recall import recall_scope
from tracenode.server.store.reading.snapshot import Connection, Reading, snapshot

__all__ = ["Answer", "answer"]

Answer = (
    GenealogyAnswer
    | HistoryAnswer
    | PathAnswer
    | RecallAnswer
    | ItemAnswer
    | CauseAnswer
    | MassBalanceAnswer
    | WindowAnswer
    | BomComparison
    | CoverageAnswer
    | ImpactAnswer
    | FoundItems
)


@overload
def answer(
    connection: Connection,
    question: Ingredients | WhereUsed,
    abandoned: threading.Event | None = None,
) -> GenealogyAnswer: ...
@overload
def answer(
    connection: Connection, question: ItemHistory, abandoned: threading.Event | None = None
) -> HistoryAnswer: ...
@overload
def answer(
    connection: Connection, question: PathBetween, abandoned: threading.Event | None = None
) -> PathAnswer: ...
@overload
def answer(
    connection: Connection, question: RecallScope, abandoned: threading.Event | None = None
) -> RecallAnswer: ...
@overload
def answer(
    connection: Connection, question: ItemDetail, abandoned: threading.Event | None = None
) -> ItemAnswer: ...
@overload
def answer(
    connection: Connection, question: CommonCause, abandoned: threading.Event | None = None
) -> CauseAnswer: ...
@overload
def answer(
    connection: Connection, question: MassBalance, abandoned: threading.Event | None = None
) -> MassBalanceAnswer: ...
@overload
def answer(
    connection: Connection, question: TimeWindow, abandoned: threading.Event | None = None
) -> WindowAnswer: ...
@overload
def answer(
    connection: Connection, question: CompareToBom, abandoned: threading.Event | None = None
) -> BomComparison: ...
@overload
def answer(
    connection: Connection, question: Coverage, abandoned: threading.Event | None = None
) -> CoverageAnswer: ...
@overload
def answer(
    connection: Connection, question: Impact, abandoned: threading.Event | None = None
) -> ImpactAnswer: ...
@overload
def answer(
    connection: Connection, question: FindItems, abandoned: threading.Event | None = None
) -> FoundItems: ...
@overload
def answer(
    connection: Connection, question: Asked, abandoned: threading.Event | None = None
) -> Answer: ...


def answer(
    connection: Connection, question: Asked, abandoned: threading.Event | None = None
) -> Answer:
    """Answer a question from one state of the store (SEMANTICS S19).

    Raises:
        InvalidIdentifier, UnknownItem, AmbiguousItem: an item of the question.
        UnknownStation: a station of the question.
        MalformedRequest: a limit or a time that can't be meant.
        Abandoned: `abandoned` was set meanwhile.
    """
    with snapshot(connection, abandoned) as reading:
        return _answered(reading, question)


def _answered(reading: Reading, question: Asked) -> Answer:
    match question:
        case Ingredients():
            return ingredients(reading, question)
        case WhereUsed():
            return where_used(reading, question)
        case ItemHistory():
            return item_history(reading, question)
        case PathBetween():
            return path_between(reading, question)
        case RecallScope():
            return recall_scope(reading, question)
        case ItemDetail():
            return item_detail(reading, question)
        case _:
            return _analysed(reading, question)


def _analysed(reading: Reading, question: Asked) -> Answer:
    match question:
        case CommonCause():
            return common_cause(reading, question)
        case MassBalance():
            return mass_balance(reading, question)
        case TimeWindow():
            return time_window(reading, question)
        case CompareToBom():
            return compare_to_bom(reading, question)
        case Coverage():
            return coverage(reading, question)
        case Impact():
            return impact(reading, question)
        case FindItems():
            return find_items(reading, question)
        case _:
            raise TypeError(f"not a question: {question!r}")
