"""What failing units have in common: counts, exact probabilities, the order of the answer."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from math import comb

import pytest

from tests.genealogy.asking import made_of
from tests.store.plant import Plant, instant
from tracenode.models.analysis import Cause, CauseAnswer, CauseKind, CommonCause
from tracenode.models.errors import MalformedRequest, UnknownItem
from tracenode.server.genealogy import answer
from tracenode.server.genealogy.analysis.significance import decimal, false_discovery, fisher


# ------------------------------------------------------------------ statistics
def counted(a: int, b: int, failed: int, passed: int) -> Fraction:
    """P by drawing every set of failing units there is."""
    draws = list(combinations(range(failed + passed), failed))
    hits = sum(sum(unit < a + b for unit in draw) >= a for draw in draws)
    return Fraction(hits, len(draws))


@pytest.mark.parametrize(("failed", "passed"), [(1, 5), (3, 4), (4, 4), (5, 2), (3, 0)])
def test_fisher_is_what_drawing_every_sample_gives(failed: int, passed: int) -> None:
    pairs = [(a, b) for a in range(failed + 1) for b in range(passed + 1)]
    expected = {(a, b): counted(a, b, failed, passed) for a, b in pairs}
    assert fisher(pairs, failed, passed) == expected


@pytest.mark.parametrize(
    ("pair", "failed", "passed", "known"),
    [
        # Fisher's tea tasting; R: fisher.test(TeaTasting, alternative = "greater") 0.2429
        ((3, 1), 4, 4, "0.2429"),
        # Twins' convictions; R: fisher.test(Convictions, alternative = "less") 0.0004652
        ((10, 2), 13, 17, "0.0004652"),
        # scipy: hypergeom.sf(7, 16, 10, 9) = (C(10,8) C(6,1) + C(10,9)) / C(16,9)
        ((8, 1), 10, 6, "0.0244755244755"),
    ],
)
def test_fisher_agrees_with_published_values(
    pair: tuple[int, int], failed: int, passed: int, known: str
) -> None:
    p = decimal(fisher([pair], failed, passed)[pair])
    assert round(p, -Decimal(known).as_tuple().exponent) == Decimal(known)  # type: ignore[operator]


def test_a_tail_of_large_numbers_is_exact() -> None:
    pairs = [(100, 0), (99, 1)]
    p = fisher(pairs, 100, 10_000)
    whole = comb(10_100, 100)
    assert p[100, 0] == Fraction(1, whole)
    assert p[99, 1] == Fraction(1 + 100 * 10_000, whole)


def test_rates_of_false_discovery_are_those_of_the_paper() -> None:
    """Benjamini and Hochberg (1995), table of 15 p-values: four are found at a rate of 0.05."""
    texts = (
        "0.0001 0.0004 0.0019 0.0095 0.0201 0.0278 0.0298 0.0344 0.0459 0.3240 0.4262 0.5719"
        " 0.6528 0.7590 1.0000"
    )
    ps = [Fraction(text) for text in texts.split()]
    found = [false_discovery(dict.fromkeys(ps, 1))[p] for p in ps]
    assert [q <= Fraction("0.05") for q in found] == [True] * 4 + [False] * 11
    # R: p.adjust(p, "BH")
    expected = ["0.0015", "0.003", "0.0095", "0.035625", "0.0603"]
    assert found[:5] == [Fraction(q) for q in expected]
    assert found[5] == found[6] == Fraction("0.0298") * 15 / 7
    assert found == sorted(found)


def test_equal_probabilities_have_equal_rates() -> None:
    half, tenth = Fraction(1, 2), Fraction(1, 10)
    assert false_discovery({tenth: 2, half: 3}) == {tenth: Fraction(1, 4), half: half}


# ------------------------------------------------------------------ a line
@pytest.fixture
def plant() -> Plant:
    """Pumps P0 to P9, one every ten minutes from 06:10 on: P2, P3 and P4 failed, they alone are of
    glue G1 on tool T1; P3 and P5 also of steel S2, the others of S1."""
    plant = Plant()
    plant.make("GLUE G1", "GLUE G2", "STEEL S1", "STEEL S2", "STEEL ORE")
    plant.ok("consume", item="G1", lot="ORE")
    for i in range(10):
        at, pump, bad = 20.0 + 10 * i, f"P{i}", 2 <= i <= 4
        where = {"item": pump, "station": "OP10"}
        plant.ok("register", at, item=pump, material="PUMP")
        tool = "T1" if bad else "T2"
        plant.ok("start", at + 1, **where, tool=tool, operator="ann" if i % 2 else "bob")
        plant.ok("consume", at + 2, **where, lot="G1" if bad else "G2")
        plant.ok("consume", at + 3, **where, lot="S2" if i in {3, 5} else "S1")
        plant.ok("complete", at + 4, **where, evaluation=2 if bad else 1)
    return plant


def ask(plant: Plant, failed: str, passed: str = "", **more: object) -> CauseAnswer:
    question = CommonCause(failed=tuple(failed.split()), passed=tuple(passed.split()), **more)  # type: ignore[arg-type]
    return answer(plant.connection, question)


def found(asked: CauseAnswer) -> dict[str, Cause]:
    return {cause.value: cause for cause in asked.causes}


BAD = "P2 P3 P4"
GOOD = "P0 P1 P5 P6 P7 P8 P9"


@pytest.mark.parametrize(
    ("failed", "passed", "field"), [("P2 S1", "P0", "failed"), ("P2", "P0 S1", "passed")]
)
def test_what_is_no_unit_is_not_compared(
    plant: Plant, failed: str, passed: str, field: str
) -> None:
    with pytest.raises(MalformedRequest, match=rf"{field}.*a unit.*S1, a lot"):
        ask(plant, failed, passed)


def test_causes_stand_by_how_little_chance_explains_them(plant: Plant) -> None:
    asked = ask(plant, BAD, GOOD)
    assert (asked.failed, asked.passed) == (3, 7)
    assert [cause.value for cause in asked.causes[:3]] == ["lot:GLUE:G1", "lot:STEEL:ORE", "T1"]
    glue = asked.causes[0]
    assert (glue.kind, glue.failed, glue.passed) == (CauseKind.Item, 3, 0)
    assert glue.support == 1
    assert glue.lift == Decimal("3.33333333333")
    assert glue.p == decimal(Fraction(1, 120))
    # Three of the candidates are as good: q = p m / 3.
    assert glue.q == decimal(Fraction(1, 120) * asked.tested / 3)
    steel = found(asked)["lot:STEEL:S2"]
    assert (steel.failed, steel.passed) == (1, 1)
    assert steel.support == Decimal("0.333333333333")
    assert found(asked)["bob"].failed == 2


def test_what_every_unit_has_comes_last(plant: Plant) -> None:
    asked = ask(plant, BAD, GOOD)
    last = asked.causes[-1]
    assert (last.kind, last.value) == (CauseKind.Station, "OP10")
    assert {last.p, last.q, last.lift} == {Decimal(1)}
    assert asked.tested == len(asked.causes)


def test_hours_are_those_in_which_operations_began(plant: Plant) -> None:
    hours = {
        cause.value: (cause.failed, cause.passed)
        for cause in ask(plant, BAD, GOOD).causes
        if cause.kind is CauseKind.Hour
    }
    assert hours == {"OP10 2026-01-05T06Z": (2, 2), "OP10 2026-01-05T07Z": (1, 5)}


def test_a_page_of_causes_is_the_beginning_of_all(plant: Plant) -> None:
    whole = ask(plant, BAD, GOOD).causes
    for limit in range(len(whole) + 1):
        asked = ask(plant, BAD, GOOD, limit=limit)
        assert asked.causes == whole[:limit]
        assert asked.tested == len(whole)


def test_levels_can_be_bounded(plant: Plant) -> None:
    near = found(ask(plant, BAD, GOOD, max_depth=1))
    assert "lot:GLUE:G1" in near
    assert "lot:STEEL:ORE" not in near


def test_good_units_are_taken_where_none_are_named(plant: Plant) -> None:
    plant.ok("start", 130, item="P8", station="OP10")
    plant.ok("complete", 131, item="P8", station="OP10", evaluation=2)
    asked = ask(plant, "P2 P9")
    assert (asked.failed, asked.passed) == (2, 3), "P5 to P7; P3, P4 and P8 are not good"
    nearest = ask(plant, "P2 P9", max_controls=1)
    assert found(nearest)["lot:STEEL:S1"].passed == 1, "P7 is nearest to P9; P5 is of S2"
    assert found(nearest)["ann"].passed == 1


def test_where_nothing_is_compared_nothing_can_be_said(plant: Plant) -> None:
    asked = ask(plant, "P2 P3", max_controls=0)
    assert asked.passed == 0
    assert {cause.lift for cause in asked.causes} == {None}
    assert (
        {cause.p for cause in asked.causes} == {cause.q for cause in asked.causes} == {Decimal(1)}
    )
    assert asked.causes[0].failed == 2


def test_one_failing_unit_is_told_by_what_it_alone_has(plant: Plant) -> None:
    plant.ok("register", item="M", material="MOTOR")
    plant.ok("assemble", parent="P2", part="M")
    assert found(ask(plant, "P2", GOOD))["sn:MOTOR:M"].p == Decimal("0.125")
    assert "sn:MOTOR:M" not in found(ask(plant, BAD, GOOD)), "nothing in common"


def test_a_moment_has_the_causes_of_then(plant: Plant) -> None:
    known = plant.seq
    used = plant.ok("consume", 200, item="P2", lot="S2", tool="T9")
    plant.ok("consume", 200, item="P3", lot="S2", tool="T9")
    assert found(ask(plant, BAD, GOOD))["T9"].failed == 2
    assert "T9" not in found(ask(plant, BAD, GOOD, as_of=instant(199)))
    assert "T9" not in found(ask(plant, BAD, GOOD, as_known_at=known))
    plant.ok("void", record=used.record, reason="no")
    assert "T9" not in found(ask(plant, BAD, GOOD)), "one unit alone has it now"


def test_a_correction_counts_as_what_it_says(plant: Plant) -> None:
    wrong = plant.ok("consume", 200, item="P2", lot="S2", tool="T8")
    plant.ok("consume", 200, item="P3", lot="S2", tool="T9")
    right = {"type": "consume", "item": "P2", "lot": "S2", "tool": "T9"}
    plant.ok("correct", record=wrong.record, replacement=right, reason="typo")
    assert found(ask(plant, BAD, GOOD))["T9"].failed == 2
    assert "T8" not in found(ask(plant, "P2", GOOD))
    assert "T9" not in found(ask(plant, BAD, GOOD, as_of=instant(199)))


def test_slots_whose_material_went_in_are_causes() -> None:
    plant = Plant()
    plant.master("station", "OP10", consumption="derive")
    plant.make("STEEL R1", "PUMP A", "PUMP B", "PUMP C")
    for minute, pump in enumerate("ABC"):
        if pump == "B":
            plant.ok("load", 50, station="OP10", slot="F1", lot="R1")
        plant.ok("start", 40 + 20 * minute, item=pump, station="OP10")
        plant.ok("complete", 45 + 20 * minute, item=pump, station="OP10", evaluation=1)
    causes = found(ask(plant, "B C", "A"))
    assert {n for n, c in causes.items() if c.kind is CauseKind.Slot} == {"OP10/F1"}
    assert (causes["OP10/F1"].failed, causes["lot:STEEL:R1"].failed) == (2, 2)


def test_limits_cut_the_units_compared(plant: Plant) -> None:
    cut = ask(plant, BAD, GOOD, max_nodes=5)
    assert cut.statement.truncated
    assert (cut.failed, cut.passed) == (3, 2)
    late = ask(plant, BAD, GOOD, deadline_s=0.0)
    assert late.statement.truncated
    assert (late.failed, late.causes) == (0, ())


def test_units_that_can_t_be_compared_are_refused(plant: Plant) -> None:
    with pytest.raises(UnknownItem, match="P99"):
        ask(plant, "P2 P99", GOOD)
    with pytest.raises(MalformedRequest, match="sn:PUMP:P2"):
        ask(plant, BAD, "P0 sn:PUMP:P2")
    with pytest.raises(MalformedRequest, match="at least one"):
        ask(plant, "", GOOD)
    assert ask(plant, "P2 sn:PUMP:P2", GOOD).failed == 1


def test_an_answer_says_what_it_crossed() -> None:
    plant = Plant()
    plant.make("PUMP A", "PUMP B", "STEEL S")
    outputs = [{"item": text, "material": "GLUE"} for text in ("G1", "G2")]
    plant.ok("transform", inputs=[{"item": "S"}], outputs=outputs)
    for pump in "AB":
        plant.ok("consume", item=pump, lot="G1")
    assert ask(plant, "A", "B").statement.pooled_edges == 1
    assert ask(plant, "A", "B").statement.placeholders == 0


def test_ingredients_are_those_that_each_unit_is_asked_for(plant: Plant) -> None:
    plant.make("MOTOR M1")
    plant.ok("assemble", parent="P2", part="M1")
    plant.ok("consume", item="M1", lot="S2")
    for unit in (*BAD.split(), *GOOD.split()):
        alone = {
            cause.value
            for cause in ask(plant, unit, max_controls=0).causes
            if cause.kind is CauseKind.Item
        }
        assert alone == {node.item for node in made_of(plant, unit).nodes[1:]}
