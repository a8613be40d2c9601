"""What becomes of the last readings when a link is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tracenode.drivers.supervisor import BackOff, LastReadings
from tracenode.models.readings import Point, PointType, Quality, Reading

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
POINTS = (Point("Speed", PointType.Double), Point("Count", PointType.UInt32))


def reading(point: str, value: float | None, quality: Quality = Quality.Good) -> Reading:
    return Reading("D1", point, value, quality, AT + timedelta(seconds=1))


@pytest.fixture
def last() -> LastReadings:
    return LastReadings("D1", POINTS, AT, stale_after=10)


def test_points_wait_for_their_first_value(last: LastReadings) -> None:
    assert [(r.point, r.value, r.quality) for r in last.initial()] == [
        ("Speed", None, Quality.WaitingForInitialData),
        ("Count", None, Quality.WaitingForInitialData),
    ]


def test_a_lost_value_is_usable_for_a_while_and_keeps_its_time(last: LastReadings) -> None:
    last.note([reading("Speed", 1.5)])
    lost = {r.point: r for r in last.lost(now=100.0)}
    assert lost["Speed"] == reading("Speed", 1.5, Quality.LastUsableValue)
    assert (lost["Count"].value, lost["Count"].quality) == (None, Quality.NoCommunication)
    assert last.expired(now=109.9) == []
    assert last.next_expiry(now=109.0) == pytest.approx(1.0)
    assert last.expired(now=110.0) == [reading("Speed", 1.5, Quality.NoCommunication)]
    assert last.expired(now=120.0) == []
    assert last.next_expiry(now=120.0) is None


def test_a_loss_is_told_once(last: LastReadings) -> None:
    last.note([reading("Speed", 1.5)])
    assert len(last.lost(now=1.0)) == 2
    assert last.lost(now=2.0) == []


def test_a_value_that_came_since_the_loss_stays(last: LastReadings) -> None:
    last.note([reading("Speed", 1.5), reading("Count", 7)])
    last.lost(now=1.0)
    last.note([reading("Speed", 1.6)])
    assert [r.point for r in last.expired(now=11.0)] == ["Count"]


def test_a_flapping_link_keeps_no_value_usable_for_ever(last: LastReadings) -> None:
    last.note([reading("Speed", 1.5), reading("Count", 7)])
    last.lost(now=0.0)
    last.note([reading("Speed", 1.6)])
    last.lost(now=8.0)
    assert [r.point for r in last.expired(now=10.0)] == ["Count"]
    assert [r.point for r in last.expired(now=18.0)] == ["Speed"]


def test_a_loss_that_the_driver_told_itself_ages_too(last: LastReadings) -> None:
    last.note([reading("Speed", 1.5, Quality.LastUsableValue)])
    last.lost(now=0.0)
    assert [r.point for r in last.expired(now=10.0)] == ["Speed"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Quality.OutOfRange, Quality.LastUsableValue),
        (Quality.DeviceFailure, Quality.NoCommunication),
        (Quality.DataEncodingInvalid, Quality.NoCommunication),
        (Quality.ConfigurationError, Quality.ConfigurationError),
        (Quality.OutOfService, Quality.OutOfService),
    ],
)
def test_other_states_fall_as_the_table_says(
    last: LastReadings, before: Quality, after: Quality
) -> None:
    last.note([reading("Speed", 1.5, before), reading("Count", 7)])
    fell = {r.point: r.quality for r in last.lost(now=0.0)}
    assert fell.get("Speed", before) is after


def test_delays_double_to_the_longest_and_begin_again_after_a_reset() -> None:
    back_off = BackOff(rand=lambda: 0.0)
    assert [back_off.delay() for _ in range(7)] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    back_off.reset()
    assert back_off.delay() == 0.25


def test_the_jitter_never_waits_longer() -> None:
    assert BackOff(rand=lambda: 1.0).delay() == pytest.approx(0.25 * 0.75)


@pytest.mark.parametrize(
    ("code", "usable"),
    [
        (0x0096_0000, True),  # GoodLocalOverride
        (0x0000_0480, True),  # Good, with the overflow bits of a queue
        (0x4092_0000, True),  # UncertainSensorNotAccurate
        (0x808C_0000, False),  # BadSensorFailure
    ],
)
def test_a_status_of_the_source_is_kept_and_its_value_lost_by_its_severity(
    last: LastReadings, code: int, usable: bool
) -> None:
    quality = Quality(code)
    assert (int(quality), quality.good, quality.usable) == (code, False, usable)
    last.note([reading("Speed", 1.5, quality)])
    lost = {r.point: r.quality for r in last.lost(now=1.0)}
    assert lost["Speed"] == (Quality.LastUsableValue if usable else Quality.NoCommunication)


@pytest.mark.parametrize("code", [-1, 1 << 32])
def test_what_is_no_status_code_is_no_quality(code: int) -> None:
    with pytest.raises(ValueError, match="is not a valid Quality"):
        Quality(code)
