"""Which request this is, and by what it is known again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracenode.drivers.mailbox.bypass import MAX_PENDING, BypassLog
from tracenode.drivers.mailbox.sequence import CycleRequests, Sequence, Step, following
from tracenode.models.errors import MalformedRequest

LAST = Sequence(2, 7, 100)


def test_first_contact_begins() -> None:
    assert following(None, 7, 40) == Step(Sequence(0, 7, 40))


def test_next_and_same_go_on() -> None:
    assert following(LAST, 7, 101) == Step(Sequence(2, 7, 101), 0, 101)
    assert following(LAST, 7, 100).sequence == LAST
    assert following(LAST, 7, 100).missing == 0


def test_jump_counts_what_is_missing() -> None:
    assert following(LAST, 7, 105) == Step(Sequence(2, 7, 105), 4, 101)


def test_wrap_goes_on_in_a_new_round() -> None:
    assert following(Sequence(0, 7, 65535), 7, 1) == Step(Sequence(1, 7, 1), 0, 1)
    assert following(Sequence(0, 7, 65530), 7, 3) == Step(Sequence(1, 7, 3), 7, 65531)


def test_new_boot_starts_afresh_whatever_its_number() -> None:
    for number in (1, 99, 100, 101, 65535):
        assert following(LAST, 8, number) == Step(Sequence(3, 8, number))


def test_backwards_is_refused_under_the_same_boot_id() -> None:
    with pytest.raises(MalformedRequest, match="expected 101, found 99: backwards under boot id 7"):
        following(LAST, 7, 99)


def test_backwards_without_boot_id_is_a_restart() -> None:
    assert following(Sequence(4, 0, 100), 0, 1) == Step(Sequence(5, 0, 1))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 65535)), max_size=30))
def test_no_request_id_comes_twice_but_for_a_repeat(seen: list[tuple[int, int]]) -> None:
    last: Sequence | None = None
    ids: set[str] = set()
    for boot, number in seen:
        try:
            step = following(last, boot, number).sequence
        except MalformedRequest:
            continue
        assert Sequence.read(step.request_id) == step
        assert step == last or step.request_id not in ids
        ids.add(step.request_id)
        last = step


def test_what_is_no_request_id_is_none() -> None:
    assert [Sequence.read(text) for text in ("", "1.2", "1.2.3.4", "gap.1.2.3")] == [None] * 4


# ---------------------------------------------------------------- natural keys
def test_repeat_of_a_cycle_has_the_keys_of_the_cycle() -> None:
    payloads = [b"check-in", b"seal", b"seal", b"complete"]

    def keys(boot: int, round_: int) -> list[str]:
        asked = CycleRequests()
        return [
            asked.key(Sequence(round_, boot, number), 5, payload)
            for number, payload in enumerate(payloads, 1)
        ]

    assert keys(7, 0) == keys(8, 1)
    assert len(set(keys(7, 0))) == 4


def test_same_request_seen_again_keeps_its_key() -> None:
    asked = CycleRequests()
    first = asked.key(Sequence(0, 7, 1), 5, b"seal")
    second = asked.key(Sequence(0, 7, 2), 5, b"seal")
    assert asked.key(Sequence(0, 7, 1), 5, b"seal") == first != second


def test_without_cycle_counter_there_is_no_natural_key() -> None:
    assert CycleRequests().key(Sequence(0, 7, 1), 0, b"seal") == ""


# ---------------------------------------------------------------- bypass
T0 = datetime(2026, 1, 1, tzinfo=UTC)


def test_bypass_changes_are_numbered_and_resumed() -> None:
    log = BypassLog()
    log.resume("")
    log.notice(False, T0)
    assert log.next is None
    log.notice(True, T0)
    log.notice(True, T0 + timedelta(seconds=1))
    assert log.next is not None
    assert (log.next.request_id, log.next.at) == ("1.on", T0)
    log.resume("1.on")  # committed, and the server died before it heard of it
    assert log.next is None
    log.notice(False, T0)
    assert log.next is not None
    assert log.next.request_id == "2.off"
    log.done()
    assert log.next is None


def test_bypass_that_can_not_be_recorded_loses_no_time_without_trace() -> None:
    log = BypassLog()
    for second in range(3 * MAX_PENDING):
        log.notice(second % 2 == 0, T0 + timedelta(seconds=second))
    changes = []
    while change := log.next:
        changes.append(change)
        log.done()
    assert len(changes) <= MAX_PENDING + 1
    assert [c.on for c in changes] == [i % 2 == 0 for i in range(len(changes))]
    assert changes[0].at == T0
    assert changes[-1].at == T0 + timedelta(seconds=3 * MAX_PENDING - 1)
