"""The steps of a condition, against the rules of OPC 10000-9 whatever their order."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from asyncua.ua.status_codes import StatusCodes as S
from hypothesis import given
from hypothesis import strategies as st

from tracenode.server.opcua.alarms.state import KNOWN, AlarmState, StepRefused, parsed, written

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = ("raise", "worse", "clear", "acknowledge", "confirm", "comment", "enable", "disable")


def test_an_alarm_lives_as_the_specification_draws_it() -> None:
    """Annex B.1: the table of a condition that is acknowledged and confirmed."""
    at = BEGIN
    well = AlarmState(severity=700)
    raised = well.raised("lost", 700, at, "a1")
    acked = raised.acknowledged("a1", "anna", at, "a2")
    cleared = acked.cleared("back", at, "a3")
    done = cleared.was_confirmed("a3", "anna", at, "a4")
    told = [
        (s.active, s.acked, s.confirmed, s.retain) for s in (well, raised, acked, cleared, done)
    ]
    assert told == [
        (False, True, True, False),
        (True, False, True, True),
        (True, True, False, True),
        (False, True, False, True),
        (False, True, True, False),
    ]
    assert done.user == "anna" and done.event_id == "a4"


def test_who_saw_an_older_alarm_acknowledges_no_newer_one() -> None:
    first = AlarmState(severity=700).raised("lost", 700, BEGIN, "a1")
    again = first.cleared("back", BEGIN, "a2").raised("lost", 700, BEGIN, "a3")
    for seen in ("a1", "a2", "", "ff"):
        with pytest.raises(StepRefused) as refused:
            again.acknowledged(seen, "anna", BEGIN, "a4")
        assert refused.value.code == S.BadEventIdUnknown
    assert again.acknowledged("a3", "anna", BEGIN, "a4").acked


def test_what_was_seen_before_a_comment_can_still_be_acknowledged() -> None:
    state = AlarmState(severity=700).raised("lost", 700, BEGIN, "a1")
    commented = state.commented("a1", "ben", BEGIN, "a2").with_comment("on my way", "en", BEGIN)
    assert commented.acknowledged("a1", "anna", BEGIN, "a3").comment == "on my way"


def test_an_empty_comment_leaves_the_one_there_is_and_one_with_a_locale_takes_it_away() -> None:
    state = AlarmState(severity=1).with_comment("seen", "en", BEGIN)
    assert state.with_comment("", "", BEGIN) is state
    assert not state.with_comment("", "en", BEGIN).comment


@given(st.lists(st.sampled_from(STEPS), max_size=40))
def test_whatever_is_done_the_rules_hold(steps: list[str]) -> None:
    state = AlarmState(severity=700)
    for number, step in enumerate(steps):
        before, at, event = state, BEGIN + timedelta(seconds=number), f"{number:02x}"
        try:
            state = _taken(state, step, at, event)
        except StepRefused as refused:
            assert refused.code in _allowed(before, step)
            continue
        assert not _allowed(before, step) or step in ("raise", "worse", "clear")
        assert len(state.known) <= KNOWN
        assert state.retain == (
            state.enabled and (state.active or not state.acked or not state.confirmed)
        )
        assert state.confirmed or state.acked, "what is to be confirmed is acknowledged"
        if state is not before:
            assert state.event_id == event and state.time == at
        if state.active and not before.active:
            assert not state.acked and state.known == (event,)
        assert parsed(written(state)) == state


def _taken(state: AlarmState, step: str, at: datetime, event: str) -> AlarmState:
    seen = state.event_id
    match step:
        case "raise":
            return state.raised("lost", 700, at, event)
        case "worse":
            return state.raised("lost", 900, at, event)
        case "clear":
            return state.cleared("back", at, event)
        case "acknowledge":
            return state.acknowledged(seen, "anna", at, event)
        case "confirm":
            return state.was_confirmed(seen, "anna", at, event)
        case "comment":
            return state.commented(seen, "anna", at, event)
    return state.switched(step == "enable", at, event)


def _allowed(state: AlarmState, step: str) -> set[int]:
    """Return the refusals that a step must meet."""
    if step in ("enable", "disable"):
        if state.enabled == (step == "enable"):
            return {S.BadConditionAlreadyEnabled, S.BadConditionAlreadyDisabled}
        return set()
    if step in ("raise", "worse", "clear"):
        return set()
    if not state.enabled:
        return {S.BadConditionDisabled}
    if not state.known:
        return {S.BadEventIdUnknown}
    if step == "acknowledge" and state.acked:
        return {S.BadConditionBranchAlreadyAcked}
    if step == "confirm" and state.confirmed:
        return {S.BadConditionBranchAlreadyConfirmed}
    return set()


@pytest.mark.parametrize("text", ["", "{}", '{"severity": "much"}', "nonsense"])
def test_what_can_not_be_read_is_no_state(text: str) -> None:
    assert parsed(text) is None


def test_only_so_many_events_are_known() -> None:
    state = AlarmState(severity=1).raised("lost", 1, BEGIN, "00")
    for number in itertools.islice(itertools.count(1), 40):
        state = state.commented(state.event_id, "anna", BEGIN, f"{number:02x}")
    assert len(state.known) == KNOWN and state.event_id == "28"
