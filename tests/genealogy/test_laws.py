"""Laws over random plants: answers are what brute force finds, and an answer given live equals,
byte for byte, the same question asked later at its as_known_at (SEMANTICS S6, S7, S19)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.genealogy import oracle
from tests.genealogy.chance import Chance
from tests.store.oracle import contents, edges, holding, states
from tests.store.plant import instant
from tracenode.models.answers import (
    GenealogyAnswer,
    Ingredients,
    ItemDetail,
    ItemHistory,
    PathBetween,
    Question,
    RecallScope,
    WhereUsed,
    canonical,
)
from tracenode.models.errors import UnknownItem
from tracenode.models.genealogy import HitMark
from tracenode.models.items import ItemState
from tracenode.server.genealogy import answer
from tracenode.server.store.writing.journal import microseconds

laws = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
chances = st.integers(0, 2**32).map(Random)


class Brute:
    """What brute force finds, as known at a position: as of a minute, or of all that happened."""

    def __init__(self, chance: Chance, known: int, minute: float | None = None) -> None:
        self.as_of = None if minute is None else instant(minute)
        at = None if self.as_of is None else microseconds(self.as_of)
        self.edges = edges(chance.told, known)
        self._now = holding(self.edges, at)
        self._then = self.edges if at is None else self._now
        self._contents = contents(chance.told, known, at)

    def made_of(self, item: str, *, ever: bool = False) -> dict[str, int]:
        begins = self._contents.begins(item, up=True, ever=ever)
        found = oracle.reached(self.edges if ever else self._now, begins, up=True)
        return {**found, item: 0}

    def used_in(self, item: str) -> dict[str, int]:
        begins = self._contents.begins(item, up=False, ever=True)
        return oracle.reached(self._then, begins, up=False)

    def length(self, item: str, into: str) -> int | None:
        ends = self._contents.begins(item, up=False, ever=True)
        found = oracle.reached(self.edges, self._contents.begins(into, up=True, ever=True), up=True)
        return min((depth for end, depth in found.items() if end in ends), default=None)


def depths(asked: GenealogyAnswer) -> dict[str, int]:
    return {node.item: node.depth for node in asked.nodes}


def questions(chance: Chance) -> list[Question]:
    """One of each kind, with limits and times by chance."""
    random = chance.random
    item, into = random.choices(chance.items, k=2)
    minute = random.choice((None, None, random.uniform(0, 40)))
    common: dict[str, Any] = {
        "item": item,
        "as_of": None if minute is None else instant(minute),
        "max_nodes": random.choice((100_000, 100_000, random.randint(1, 6))),
        "max_depth": random.choice((None, None, random.randint(0, 3))),
    }
    return [
        Ingredients(**common),
        Ingredients(**common, ever=True),
        WhereUsed(**common),
        PathBetween(**common, into=into),
        RecallScope(**common),
        ItemHistory(**common),
        ItemDetail(**common),
    ]


@laws
@given(chances)
def test_an_answer_asked_live_is_the_same_bytes_later(random: Random) -> None:
    chance = Chance(random)
    connection = chance.plant.connection
    live: list[tuple[Question, int, bytes]] = []
    for _ in range(30):
        chance.step()
        for question in random.sample(questions(chance), 3):
            try:
                asked = canonical(answer(connection, question))
            except UnknownItem as error:
                asked = str(error).encode()
            live.append((question, chance.plant.seq, asked))
    for question, known, before in live:
        again = replace(question, as_known_at=known)
        try:
            after = canonical(answer(connection, again))
        except UnknownItem as error:
            after = str(error).encode()
        assert after == before, (question, known)


@laws
@given(chances)
def test_answers_are_what_brute_force_finds(random: Random) -> None:
    chance = Chance(random)
    connection = chance.plant.connection
    for _ in range(30):
        chance.step()
    for known in (None, random.randint(20, chance.plant.seq)):
        position = known or chance.plant.seq
        exist = states(chance.told, position).keys()
        for item in random.sample(sorted(exist), min(4, len(exist))):
            for minute in (None, random.uniform(0, 45)):
                brute = Brute(chance, position, minute)
                common: dict[str, Any] = {"as_of": brute.as_of, "as_known_at": known}
                made = answer(connection, Ingredients(item=item, **common))
                assert depths(made) == brute.made_of(item)
                used = answer(connection, WhereUsed(item=item, **common))
                assert depths(used) == brute.used_in(item)
            brute = Brute(chance, position)
            ever = answer(connection, Ingredients(item=item, ever=True, as_known_at=known))
            assert depths(ever) == brute.made_of(item, ever=True)
            for into in random.sample(sorted(exist), min(3, len(exist))):
                path = answer(connection, PathBetween(item=item, into=into, as_known_at=known))
                length = brute.length(item, into)
                assert len(path.items) == (0 if length is None else length + 1)
                assert oracle.steps(brute.edges, list(path.items))


@laws
@given(chances)
def test_ingredients_and_where_used_are_inverse(random: Random) -> None:
    chance = Chance(random)
    connection = chance.plant.connection
    for _ in range(25):
        chance.step()
    then = random.choice((None, instant(random.uniform(0, 40))))
    # A unit and a content stand for themselves; a question about a lot begins at its contents.
    held = contents(chance.told, chance.plant.seq, None).of.items()
    exist = {state for owner, content in held for state in content.states if state != owner}
    exist |= {i for i in states(chance.told, chance.plant.seq) if i.startswith("sn:")}
    into: set[tuple[str, str]] = set()
    out_of: set[tuple[str, str]] = set()
    for item in exist:
        made = answer(connection, Ingredients(item=item, as_of=then, ever=then is None))
        into.update((node.item, item) for node in made.nodes if node.item in exist)
        used = answer(connection, WhereUsed(item=item, as_of=then))
        out_of.update((item, node.item) for node in used.nodes if node.item in exist)
    assert into == out_of


@laws
@given(chances)
def test_recall_counts_the_same_in_memory_and_in_sql(random: Random) -> None:
    chance = Chance(random)
    connection = chance.plant.connection
    for _ in range(30):
        chance.step()
    known = random.choice((None, random.randint(20, chance.plant.seq)))
    position = known or chance.plant.seq
    state = states(chance.told, position)
    for item in random.sample(sorted(state), min(5, len(state))):
        then = random.choice((None, None, instant(random.uniform(0, 40))))
        question = RecallScope(item=item, as_of=then, as_known_at=known)
        whole = answer(connection, question)
        expected = edges(chance.told, position)
        if then is None:
            begins = contents(chance.told, position, None).begins(item, up=False, ever=True)
            reached = oracle.reached(expected, begins, up=False)
            affected = {hit.partition("~s")[0] for hit in reached} - {item}
            assert whole.affected == len(affected)
            holds = oracle.reached(holding(expected, None), begins, up=False).keys()
            gone = {hit.item for hit in whole.hits if hit.mark is HitMark.Removed}
            assert gone == {hit.item for hit in whole.hits} - holds
            told = expected | oracle.runs(expected)
            for hit in whole.hits:
                assert hit.state is ItemState(state.get(hit.item, 0))
                assert oracle.steps(told, list(hit.reason))
        assert Counter(hit.mark for hit in whole.hits) == dict(whole.by_mark)
        cut = answer(connection, replace(question, max_nodes=random.randint(1, 4)))
        if cut.statement.truncated:
            assert cut.hits == whole.hits[: len(cut.hits)]
        for name in ("affected", "end_items", "by_material", "by_mark"):
            assert getattr(cut, name) == getattr(whole, name), name
        assert cut.statement.pooled_edges == whole.statement.pooled_edges
        assert answer(connection, replace(question, limit=0)) == replace(
            whole, hits=(), shares_unknown=0
        )


@pytest.mark.parametrize("budget", [1, 2, 3, 5, 8])
def test_a_cut_answer_is_the_beginning_of_the_whole_one(budget: int) -> None:
    chance = Chance(Random(budget))
    for _ in range(60):
        chance.step()
    connection = chance.plant.connection
    for item in states(chance.told, chance.plant.seq):
        for question in (Ingredients(item=item, ever=True), WhereUsed(item=item)):
            whole = answer(connection, question)
            cut = answer(connection, replace(question, max_nodes=budget))
            assert cut.statement.truncated == (len(whole.nodes) > budget)
            assert [node.item for node in cut.nodes] == [n.item for n in whole.nodes[:budget]]
