"""What failing units have in common that passing ones do not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import takewhile
from typing import Final, NamedTuple

from tracenode.models.analysis import Cause, CauseAnswer, CauseKind, CommonCause
from tracenode.models.errors import MalformedRequest
from tracenode.models.items import ItemKind
from tracenode.server.genealogy.analysis.controls import controls
from tracenode.server.genealogy.analysis.significance import decimal, false_discovery, fisher
from tracenode.server.genealogy.analysis.traits import Trait, traits_of
from tracenode.server.genealogy.items.crossed import crossed
from tracenode.server.genealogy.items.facts import facts_of
from tracenode.server.genealogy.moment import Moment, moment_of
from tracenode.server.store.reading.known import number_of
from tracenode.server.store.reading.snapshot import OutOfTime, Reading

__all__ = ["common_cause"]

COUNTING: Final = 0.8
"""Of the time of a question, before what was counted is tested."""
BATCH: Final = 200
"""Units whose traits are counted by one statement: it keeps a row for each unit and ingredient."""


@dataclass(slots=True)
class _Counts:
    """Of how many units, compared so far, each trait is."""

    failed: int = 0
    passed: int = 0
    failing: Counter[Trait] = field(default_factory=Counter)
    passing: Counter[Trait] = field(default_factory=Counter)

    def take(
        self,
        failed: Sequence[int],
        passed: Sequence[int],
        traits_of: Callable[[Sequence[int]], Counter[Trait]],
    ) -> None:
        """Count units, a batch at a time; a batch that is not finished does not count."""
        for batch in _batches(failed):
            self.failing.update(traits_of(batch))
            self.failed += len(batch)
        for batch in _batches(passed):
            self.passing.update(traits_of(batch))
            self.passed += len(batch)

    def items(self, *units: Iterable[int]) -> set[int]:
        """All ingredients, and the units given."""
        traits = self.failing.keys() | self.passing.keys()
        return {trait.value for trait in traits if isinstance(trait.value, int)}.union(*units)

    def pairs(self) -> dict[Trait, tuple[int, int]]:
        """Failing and passing units of every trait; with several units compared, those of one unit
        alone are nothing in common."""
        least = min(2, self.failed)
        return {
            trait: (self.failing[trait], self.passing[trait])
            for trait in self.failing.keys() | self.passing.keys()
            if self.failing[trait] + self.passing[trait] >= least
        }


def common_cause(reading: Reading, question: CommonCause) -> CauseAnswer:
    """Answer with what touched failing units, compared with passing ones.

    A candidate is what at least two of the units compared have in common, or one where only one
    failed; `traits` says what units have. All of them are tested: Fisher's exact test, one-sided,
    and the false-discovery rate over all. Those that touch every unit compared explain nothing and
    come last. A unit named twice counts once.

    `max_nodes` bounds the units compared, failing ones first. Past the deadline those are compared
    that had been looked at; where not even their probabilities could be worked out, no causes are
    given. The answer is truncated then.

    Raises:
        MalformedRequest: no failing unit, an item that is no unit, a unit in both lists, a limit
            below 0.
    """
    if not question.failed:
        raise MalformedRequest("failed", "at least one unit", "none")
    for name in ("limit", "max_controls"):
        if getattr(question, name) < 0:
            raise MalformedRequest(name, "at least 0", str(getattr(question, name)))
    moment = moment_of(reading, question)
    failed = _numbered(reading, "failed", question.failed, moment)
    passed = _numbered(reading, "passed", question.passed, moment)
    for number in failed.keys() & passed.keys():
        expected = "units that are not among the failed ones too"
        raise MalformedRequest("passed", expected, passed[number])
    counts, good, truncated = _Counts(), list(passed), False
    begun = time.monotonic()
    try:
        with reading.until(begun + question.deadline_s * COUNTING):
            bad = list(failed)
            good = good or controls(reading, bad, question.max_controls, moment)
            room = question.max_nodes
            truncated = len(bad) + len(good) > room
            traits = partial(traits_of, reading, moment=moment, max_depth=question.max_depth)
            counts.take(bad[:room], good[: max(room - len(bad), 0)], traits)
    except OutOfTime:
        truncated = True
    candidates = counts.pairs()
    tested: list[_Tested] = []
    try:
        with reading.until(begun + question.deadline_s):
            tested = _tested(reading, candidates, counts)
    except OutOfTime:
        truncated = True
    met = crossed(reading, counts.items(failed, good), moment)
    return CauseAnswer(
        failed=counts.failed,
        passed=counts.passed,
        tested=len(candidates),
        causes=_causes(reading, tested, counts, question.limit, moment),
        statement=moment.statement(
            truncated=truncated,
            pooled_edges=met.pooled_edges,
            placeholders=met.placeholders,
        ),
    )


def _numbered(reading: Reading, field: str, units: Iterable[str], moment: Moment) -> dict[int, str]:
    """The numbers of units, with how they are named, in the order given."""
    named: dict[int, str] = {}
    for unit in units:
        number = number_of(reading.connection, unit, moment.as_of, moment.known)
        named.setdefault(number, unit)
    for number, fact in facts_of(reading, named, moment).items():
        if fact.kind is not ItemKind.Unit:
            found = f"{named[number]}, a {fact.kind.name.lower()}"
            raise MalformedRequest(field, "a unit", found)
    return named


def _batches(units: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(units), BATCH):
        yield units[first : first + BATCH]


# ------------------------------------------------------------------ statistics
class _Tested(NamedTuple):
    """A candidate in the order of the answer: those of every unit compared last, then by p, failing
    units and kind."""

    everywhere: bool
    place: int
    missed: int
    kind: CauseKind
    trait: Trait
    passed: int
    p: Fraction
    q: Fraction

    @property
    def rank(self) -> tuple[int, ...]:
        return self[:4]


def _tested(
    reading: Reading, candidates: dict[Trait, tuple[int, int]], counts: _Counts
) -> list[_Tested]:
    """Test every candidate; in the order of the answer, but for their values."""
    how_often = Counter(candidates.values())
    p_of = fisher(how_often, counts.failed, counts.passed, reading.check)
    by_p: Counter[Fraction] = Counter()
    for pair, number in how_often.items():
        by_p[p_of[pair]] += number
    q_of = false_discovery(by_p)
    place = {p: index for index, p in enumerate(sorted(by_p))}
    whole = counts.failed + counts.passed
    tested = []
    for trait, (failed, passed) in candidates.items():
        everywhere = counts.passed > 0 and failed + passed == whole
        p = p_of[failed, passed]
        missed = counts.failed - failed
        tested.append(_Tested(everywhere, place[p], missed, trait.kind, trait, passed, p, q_of[p]))
    return sorted(tested, key=lambda found: found.rank)


def _causes(
    reading: Reading, tested: list[_Tested], counts: _Counts, limit: int, moment: Moment
) -> tuple[Cause, ...]:
    """The first candidates with their values, by which those of one rank are ordered."""
    if not limit:
        return ()
    shown = tested[:limit]
    if shown:
        shown += takewhile(lambda found: found.rank == shown[-1].rank, tested[limit:])
    items = {found.trait.value for found in shown if found.kind is CauseKind.Item}
    facts = facts_of(reading, (n for n in items if isinstance(n, int)), moment)

    def value(found: _Tested) -> str:
        named = found.trait.value
        return named if isinstance(named, str) else facts[named].public

    shown.sort(key=lambda found: (found.rank, value(found)))
    return tuple(_cause(found, value(found), counts) for found in shown[:limit])


def _cause(found: _Tested, value: str, counts: _Counts) -> Cause:
    failed = counts.failed - found.missed
    share = Fraction(failed, counts.failed)
    every = Fraction(failed + found.passed, counts.failed + counts.passed)
    return Cause(
        kind=found.kind,
        value=value,
        failed=failed,
        passed=found.passed,
        support=decimal(share),
        lift=decimal(share / every) if counts.passed else None,
        p=decimal(found.p),
        q=decimal(found.q),
    )
