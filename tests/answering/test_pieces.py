"""Answers and errors cross a pipe unchanged, long answers in small pieces."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest

from tracenode.models import errors, interlock
from tracenode.models.answers import RecallAnswer, RecallHit, Statement
from tracenode.models.errors import (
    AmbiguousItem,
    DamagedDatabase,
    HasDependants,
    MalformedRequest,
    ReadingProcessLost,
    TooManyQuestions,
    TracenodeError,
    UnknownItem,
)
from tracenode.models.genealogy import HitMark
from tracenode.models.items import ItemState
from tracenode.server.answering.crossing import error_as_bytes, error_from
from tracenode.server.answering.frames import Kind, frames_of, packed
from tracenode.server.answering.pieces import PIECE, Pieces, parted


def recall(hits: int, frontier: int) -> RecallAnswer:
    return RecallAnswer(
        root="lot:STEEL:L",
        affected=hits,
        end_items=hits,
        by_material=(("PUMP", hits),),
        by_mark=((HitMark.Current, hits),),
        offset=0,
        hits=tuple(
            RecallHit(
                *(f"sn:PUMP:{n}", "PUMP", ItemState.Completed, HitMark.Current, 1, n % 2 == 0),
                *(("lot:STEEL:L", f"sn:PUMP:{n}"), Decimal(n) / 8 if n % 3 else None),
            )
            for n in range(hits)
        ),
        statement=Statement(
            complete=False,
            truncated=False,
            frontier=tuple(f"sn:PUMP:{n}" for n in range(frontier)),
            pooled_edges=0,
            placeholders=0,
            as_of=None,
            as_known_at=7,
            data_version="7:00",
        ),
    )


@pytest.mark.parametrize(
    ("hits", "frontier", "pieces"),
    [(0, 0, 0), (PIECE, 1, 0), (PIECE + 1, 0, 2), (3 * PIECE, 2 * PIECE + 1, 6)],
)
def test_a_long_answer_crosses_in_pieces(hits: int, frontier: int, pieces: int) -> None:
    answer = recall(hits, frontier)
    parts, rest = parted(answer)
    whole = Pieces()
    sent = list(parts)
    for part in sent:
        whole.add(part)
    assert len(sent) == pieces
    assert whole.whole(rest) == answer
    assert all(len(part) < 400_000 for part in (*sent, rest))


def test_a_frame_that_is_cut_ends_the_stream() -> None:
    data = packed(Kind.Done, 3, b"abc") + packed(Kind.Follow, 0) + packed(Kind.Done, 4, b"xyz")
    seen = list(frames_of(io.BytesIO(data[:-1])))
    assert [(frame.kind, frame.job, frame.data) for frame in seen] == [
        (Kind.Done, 3, b"abc"),
        (Kind.Follow, 0, b""),
    ]


@pytest.mark.parametrize(
    "error",
    [
        UnknownItem("X"),
        AmbiguousItem("X", ["a:b:X", "a:c:X"]),
        MalformedRequest("limit", "at least 1", "0"),
        HasDependants("r", ["s", "t"]),
        DamagedDatabase("t.db", "cut", "restore it"),
        ReadingProcessLost("it ended with code -9 meanwhile"),
        TooManyQuestions(16, 8.0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_ours_crosses_unchanged(error: TracenodeError) -> None:
    come = error_from(error_as_bytes(error))
    assert type(come) is type(error)
    assert (str(come), vars(come)) == (str(error), vars(error))


def test_every_class_of_the_tree_can_cross() -> None:
    """Whatever a class asks of its own `__init__`, it is not asked again."""
    for module in (errors, interlock):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, TracenodeError):
                error = kind.__new__(kind, "text")
                error.args = ("text",)
                come = error_from(error_as_bytes(error))
                assert (type(come), str(come)) == (kind, "text")


def test_a_fault_of_the_program_says_where_it_was() -> None:
    try:
        raise ZeroDivisionError("by nought")
    except ZeroDivisionError as fault:
        come = error_from(error_as_bytes(fault))
    assert isinstance(come, RuntimeError)
    assert "ZeroDivisionError" in str(come)
    assert "test_pieces.py" in str(come)
