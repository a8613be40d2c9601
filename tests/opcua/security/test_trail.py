"""The audit trail on disk: every altered line is found, and floods take a bounded place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from tracenode.server.opcua.security.audit import AuditEntry, AuditKind, AuditTrail
from tracenode.server.opcua.security.trail import Trail, check, entries

SIZE = 1_000_000
REFUSED = 0x801F_0000


def filled(folder: Path, count: int = 30, size: int = SIZE) -> Trail:
    trail = Trail(folder, size)
    made = [{"k": "write", "w": f"entry {n} of the test", "u": "müller"} for n in range(count)]
    for start in range(0, count, 50):
        trail.append(made[start : start + 50])
    trail.close()
    return trail


def test_a_trail_that_nobody_touched_is_whole(tmp_path: Path) -> None:
    trail = filled(tmp_path)
    found = check(tmp_path)
    assert (found.fault, found.first, found.last) == ("", 1, 31)
    assert found.head == trail.head
    assert check(tmp_path, anchor=found.head).anchored


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.jsonl"))


def altered(data: list[str]) -> list[str]:
    return [*data[:5], data[5].replace("müller", "meier"), *data[6:]]


def removed(data: list[str]) -> list[str]:
    return [*data[:5], *data[6:]]


def swapped(data: list[str]) -> list[str]:
    return [*data[:5], data[6], data[5], *data[7:]]


def renumbered(data: list[str]) -> list[str]:
    kept = [json.loads(line) for line in removed(data)]
    return [json.dumps({**entry, "n": n}) + "\n" for n, entry in enumerate(kept, 1)]


def unreadable(data: list[str]) -> list[str]:
    return [*data[:5], "not json\n", *data[6:]]


@pytest.mark.parametrize("change", [altered, removed, swapped, renumbered, unreadable])
def test_a_changed_line_is_found(tmp_path: Path, change: Callable[[list[str]], list[str]]) -> None:
    filled(tmp_path)
    (path,) = tmp_path.glob("*.jsonl")
    path.write_text("".join(change(path.read_text("utf-8").splitlines(True))), "utf-8")
    found = check(tmp_path)
    assert found.fault
    assert found.last in {5, 4}


def test_a_trail_cut_off_at_its_end_is_found_by_its_anchor(tmp_path: Path) -> None:
    filled(tmp_path)
    head = check(tmp_path).head
    (path,) = tmp_path.glob("*.jsonl")
    path.write_text("".join(path.read_text("utf-8").splitlines(True)[:-3]), "utf-8")
    assert not check(tmp_path).fault
    assert head in check(tmp_path, anchor=head).fault


def test_the_trail_is_bounded_and_still_proves_what_is_kept(tmp_path: Path) -> None:
    filled(tmp_path, count=2_000, size=1)
    assert size_of(tmp_path) < 17 * 4_500
    found = check(tmp_path)
    assert not found.fault
    assert found.first > 1
    assert found.last > 2_000
    assert [entry["n"] for entry in entries(tmp_path, after=found.last - 3)] == [
        found.last - 2,
        found.last - 1,
        found.last,
    ]


def test_segments_that_somebody_took_away_are_missed(tmp_path: Path) -> None:
    filled(tmp_path, count=2_000, size=1)
    oldest, second, *_ = sorted(tmp_path.glob("*.jsonl"))
    oldest.unlink()
    second.unlink()
    assert "missing" in check(tmp_path).fault


def test_a_trail_goes_on_after_a_line_that_power_cut_off(tmp_path: Path) -> None:
    filled(tmp_path)
    (path,) = tmp_path.glob("*.jsonl")
    with path.open("ab") as file:
        file.write(b'{"n":32,"k":"wri')
    trail = Trail(tmp_path, SIZE)
    trail.append([{"k": "write", "w": "after"}])
    trail.close()
    found = check(tmp_path)
    assert (found.fault, found.last) == ("", 33)
    assert [entry["k"] for entry in entries(tmp_path, after=31)] == ["torn", "write"]


# ------------------------------------------------------------------ the door
async def test_a_flood_of_refusals_becomes_one_entry_with_a_count(tmp_path: Path) -> None:
    clock = Clock()
    audit = opened(tmp_path, clock)
    for number in range(10_000):
        audit.note(
            AuditKind.ActivateSession, "192.0.2.1", "wrong password",
            user=f"guess{number}", status=REFUSED,
        )  # fmt: skip
    clock.now += 61
    await audit.close()
    told = [(e.get("count", 1), e["s"]) for e in entries(tmp_path) if e["k"] != "rotated"]
    assert told == [(1, "192.0.2.1"), (9_999, "192.0.2.1")]
    assert not check(tmp_path).fault


async def test_refusals_from_everywhere_take_a_bounded_place(tmp_path: Path) -> None:
    """An hour of refusals, ten a second, each from an address of its own."""
    clock = Clock()
    audit = opened(tmp_path, clock)
    for number in range(36_000):
        clock.now += 0.1
        audit.note(AuditKind.Certificate, f"2001:db8::{number:x}", "untrusted", status=REFUSED)
        if number % 10 == 0:
            audit._summed(clock.now)
    await audit.close()
    counted = sum(e.get("count", 1) for e in entries(tmp_path) if e["k"] == "certificate")
    assert counted == 36_000
    assert size_of(tmp_path) < 100_000


async def test_what_people_do_is_told_one_by_one(tmp_path: Path) -> None:
    audit = opened(tmp_path, Clock())
    told: list[str] = []
    audit.tell = lambda note: told.append(note().words)
    for number in range(5):
        audit.note(AuditKind.Write, "192.0.2.1", f"value {number}", user="ann", target="ns=3;s=A")
    await eventually(lambda: len([e for e in entries(tmp_path) if e["k"] == "write"]) == 5)
    assert told == [f"value {number}" for number in range(5)]
    await audit.close()


async def test_the_queue_says_what_did_not_fit(tmp_path: Path) -> None:
    audit = AuditTrail(Clock())
    audit.open(tmp_path, SIZE)
    audit._people.most = audit._people.left = 1e9
    for number in range(5_000):
        audit.note(AuditKind.Write, "192.0.2.1", f"value {number}", user="ann")
    audit.start()
    await audit.close()
    last = list(entries(tmp_path))[-1]
    assert last["w"] == "3000 entries did not fit and are lost"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def opened(folder: Path, clock: Clock) -> AuditTrail:
    audit = AuditTrail(clock)
    audit.open(folder, SIZE)
    audit.start()
    return audit


async def test_bookings_are_referred_to(tmp_path: Path) -> None:
    audit = opened(tmp_path, Clock())
    for number in range(100):
        note = partial(AuditEntry, AuditKind.Call, "192.0.2.1", "StartItem", user="ann")
        audit.booked(note, ("ann", "StartItem"), 500 + number)
    await asyncio.sleep(0)
    await audit.close()
    (told,) = [e for e in entries(tmp_path) if e["k"] == "call"]
    assert (told["count"], told["v"]["first_sequence"], told["u"]) == (100, 500, "ann")


async def test_what_is_only_counted_makes_no_entry(tmp_path: Path) -> None:
    """Past the budget of people the trail has the number of what they did, and the last of it."""
    audit = opened(tmp_path, Clock())
    made: list[int] = []

    def write(number: int) -> AuditEntry:
        made.append(number)
        return AuditEntry(AuditKind.Write, "192.0.2.1", f"value {number}", user="ann")

    for number in range(1_500):
        audit.done(partial(write, number), ("ann",))
    await audit.close()
    told = [e for e in entries(tmp_path) if e["k"] == "write"]
    assert [e["w"] for e in told[:-1]] == [f"value {number}" for number in range(500)]
    assert (told[-1]["w"], told[-1]["count"]) == ("value 1499", 1_000)
    assert sorted(set(made)) == [*range(501), 1_499]


def test_two_processes_never_write_one_trail(tmp_path: Path) -> None:
    first = Trail(tmp_path, SIZE)
    with pytest.raises(OSError, match="another process writes"):
        Trail(tmp_path, SIZE)
    first.close()
    Trail(tmp_path, SIZE).close()
