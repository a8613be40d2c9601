"""The rule of routes against one that reads like its words, on random routes and runs: late ones,
corrected ones and ones that are broken off among them (SEMANTICS S15, S18)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

import pytest

from tests.store.plant import Plant
from tracenode.models.evaluation import Evaluation
from tracenode.models.status import TraceStatus as S

OK: Final = Evaluation.OK
RUNS: Final = 45


@dataclass(frozen=True)
class Step:
    once: bool
    optional: bool
    max_runs: int | None


@dataclass
class Run:
    """An operation on a step that ended with a verdict; `slot` is its place in event time."""

    slot: int
    step: int
    verdict: Evaluation
    record: str = ""


def standing(runs: list[Run], step: int) -> Evaluation | None:
    """The verdict of the last run of a step, unless an earlier step was run after it."""
    own = [run for run in runs if run.step == step]
    if not own:
        return None
    last = max(own, key=lambda run: run.slot)
    if any(run.step < step and run.slot > last.slot for run in runs):
        return None
    return last.verdict


def lacking(steps: list[Step], runs: list[Run], before: int) -> int | None:
    for number in range(before):
        verdict = standing(runs, number)
        left_out = verdict is None and steps[number].optional
        if verdict is not OK and not left_out:
            return number
    return None


def answer(steps: list[Step], runs: list[Run], step: int) -> S:
    """What a check-in for a step is answered after these runs."""
    missing = lacking(steps, runs, step)
    if missing is not None:
        never = standing(runs, missing) is None
        return S.PreviousStepMissing if never else S.PreviousStepFailed
    if steps[step].once and standing(runs, step) is OK:
        return S.AlreadyProcessed
    limit = steps[step].max_runs
    if limit is not None and len([run for run in runs if run.step == step]) >= limit:
        return S.ReworkLimitReached
    return S.Ok


def next_step(steps: list[Step], runs: list[Run]) -> str:
    step = lacking(steps, runs, len(steps))
    return "" if step is None or answer(steps, runs, step) is not S.Ok else f"s{step}"


@pytest.mark.parametrize("seed", range(12))
def test_S18_the_route_rule_is_what_its_words_say(seed: int) -> None:
    chance = random.Random(seed)
    steps = [
        Step(
            once=chance.random() < 0.2,
            optional=chance.random() < 0.25,
            max_runs=chance.choice((None, None, None, 2, 3)),
        )
        for _ in range(chance.randint(1, 5))
    ]
    plant = Plant()
    plant.master(
        "route",
        "PUMP",
        steps=[
            {"step": f"s{number}", "station": f"OP{number}", "once": step.once,
             "optional": step.optional, "max_runs": step.max_runs}
            for number, step in enumerate(steps)
        ],
    )  # fmt: skip
    plant.make("PUMP P1")
    runs: list[Run] = []
    slots = list(range(RUNS))
    for number in range(0, RUNS, 9):  # what came late, in stretches
        slots[number : number + 9] = chance.sample(slots[number : number + 9], 9)
    told = set()
    for slot in slots:
        step, minute = chance.randrange(len(steps)), 100.0 + slot
        at = {"item": "P1", "station": f"OP{step}"}
        begun = plant.book("start", minute, **at)
        expected = answer(steps, [run for run in runs if run.slot < slot], step)
        assert begun.status is expected, f"run {slot} of s{step}: {begun.text}"
        told.add(expected)
        if begun.status.refused:
            continue
        if chance.random() < 0.15:
            plant.ok("abort", minute + 0.5, **at)
            continue
        run = Run(slot, step, OK if chance.random() < 0.75 else Evaluation.NotOK)
        runs.append(run)
        ended = plant.ok("complete", minute + 0.5, evaluation=run.verdict, **at)
        run.record = ended.record
        assert ended.next_step == next_step(steps, runs)
        if chance.random() < 0.2:
            changed = chance.choice(runs)
            changed.verdict = chance.choice((OK, Evaluation.NotOK, Evaluation.NotDecidable))
            fields = {"type": "complete", "item": "P1", "station": f"OP{changed.step}"}
            corrected = plant.ok(
                "correct",
                record=changed.record,
                reason="misread",
                replacement={**fields, "evaluation": changed.verdict},
            )
            changed.record = corrected.record
            assert corrected.next_step == next_step(steps, runs)
    assert S.Ok in told
    assert plant.replayed() == plant.dump()
