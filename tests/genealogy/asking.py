"""Short words for tests that ask a plant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.store.plant import Plant, instant
from tracenode.models.answers import (
    GenealogyAnswer,
    Ingredients,
    ItemDetail,
    ItemView,
    PathAnswer,
    PathBetween,
    RecallAnswer,
    RecallScope,
    WhereUsed,
)
from tracenode.server.genealogy import answer

__all__ = ["detail", "into", "made_of", "path", "recall", "short", "texts", "used_in"]


def short(public: str) -> str:
    """Return the number in a public id."""
    return public.rsplit(":", 1)[1]


def texts(asked: GenealogyAnswer) -> str:
    """Return the numbers of what was found, without the root, in alphabetical order."""
    return " ".join(sorted(short(node.item) for node in asked.nodes if node.depth))


def _time(minute: float | None) -> datetime | None:
    return None if minute is None else instant(minute)


def made_of(plant: Plant, item: str, at: float | None = None, **more: Any) -> GenealogyAnswer:
    return answer(plant.connection, Ingredients(item=item, as_of=_time(at), **more))


def used_in(plant: Plant, item: str, at: float | None = None, **more: Any) -> GenealogyAnswer:
    return answer(plant.connection, WhereUsed(item=item, as_of=_time(at), **more))


def path(plant: Plant, item: str, into: str, at: float | None = None, **more: Any) -> PathAnswer:
    return answer(plant.connection, PathBetween(item=item, into=into, as_of=_time(at), **more))


def into(asked: PathAnswer) -> str:
    return " ".join(map(short, asked.items))


def recall(plant: Plant, item: str, at: float | None = None, **more: Any) -> RecallAnswer:
    return answer(plant.connection, RecallScope(item=item, as_of=_time(at), **more))


def detail(plant: Plant, item: str, at: float | None = None, **more: Any) -> ItemView:
    return answer(plant.connection, ItemDetail(item=item, as_of=_time(at), **more)).view
