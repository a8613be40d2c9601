"""One door for questions: each is answered from one snapshot of the store."""

from __future__ import annotations

from typing import overload

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
from tracenode.server.genealogy.detail import item_detail
from tracenode.server.genealogy.history import item_history
from tracenode.server.genealogy.lineage import ingredients, where_used
from tracenode.server.genealogy.path import path_between
from tracenode.server.genealogy.recall import recall_scope
from tracenode.server.store.snapshot import Connection, snapshot

__all__ = ["Answer", "answer"]

Answer = GenealogyAnswer | HistoryAnswer | PathAnswer | RecallAnswer | ItemAnswer


@overload
def answer(connection: Connection, question: Ingredients | WhereUsed) -> GenealogyAnswer: ...
@overload
def answer(connection: Connection, question: ItemHistory) -> HistoryAnswer: ...
@overload
def answer(connection: Connection, question: PathBetween) -> PathAnswer: ...
@overload
def answer(connection: Connection, question: RecallScope) -> RecallAnswer: ...
@overload
def answer(connection: Connection, question: ItemDetail) -> ItemAnswer: ...
@overload
def answer(connection: Connection, question: Asked) -> Answer: ...


def answer(connection: Connection, question: Asked) -> Answer:
    """Answer a question from one state of the store (SEMANTICS S19).

    Raises:
        InvalidIdentifier, UnknownItem, AmbiguousItem: the item of the question.
        MalformedRequest: a limit or a time that can't be meant.
    """
    with snapshot(connection) as reading:
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
                raise TypeError(f"not a question: {question!r}")
