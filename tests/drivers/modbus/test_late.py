from tracenode.drivers.modbus.addresses import Space
from tracenode.drivers.modbus.late import LATE_ANSWER, LateAnswers
from tracenode.drivers.modbus.telegrams import Request, read_request, write_registers_request

ANSWER = bytes((3, 8, *range(8)))
REFUSAL = bytes((0x83, 2))


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def read(address: int, count: int = 4, unit: int = 3) -> Request:
    return read_request(unit, Space.Holding, address, count)


def owing(*requests: Request) -> tuple[LateAnswers, Time]:
    clock = Time()
    late = LateAnswers(clock)
    for request in requests:
        late.give_up(request, clock.now, quiet=0.5)
    return late, clock


def test_line_is_quiet_for_a_time_after_a_request_was_given_up() -> None:
    late, clock = owing(read(0))
    assert late.quiet == 0.5
    clock.now += 0.6
    assert late.quiet == 0


def test_read_that_looks_like_one_still_owed_is_preceded_by_a_shorter_one() -> None:
    late, _ = owing(read(0))
    assert late.ambiguous(read(100))
    probe = late.probe(read(100))
    assert probe is not None
    assert probe == read(100, 3)
    assert late.suspect(probe, bytes((3, 6, *range(6)))) is None
    late.settle(3)
    assert not late.ambiguous(read(100))
    assert late.suspect(read(100), ANSWER) is None


def test_probe_avoids_every_length_still_owed() -> None:
    late, _ = owing(read(0, 4), read(0, 3), read(0, 2))
    assert late.probe(read(100)) == read(100, 1)


def test_where_no_shorter_read_helps_another_space_is_asked() -> None:
    late, clock = owing(read(0, 1))
    seen = set()
    while probe := late.probe(read(100, 1)):
        assert probe.function not in seen
        assert probe.function != 3
        seen.add(probe.function)
        late.give_up(probe, clock.now, quiet=0.5)
    assert seen == {1, 2, 4}
    clock.now += LATE_ANSWER
    assert not late.ambiguous(read(100, 1))


def test_write_that_looks_like_one_still_owed_is_preceded_by_a_read() -> None:
    late, _ = owing(write_registers_request(3, 9, [1]))
    assert late.ambiguous(write_registers_request(3, 9, [2]))
    probe = late.probe(write_registers_request(3, 9, [2]))
    assert probe is not None
    assert probe.function in (1, 2, 3, 4)


def test_other_length_or_unit_needs_no_probe() -> None:
    late, _ = owing(read(0))
    assert not late.ambiguous(read(100, 5))
    assert not late.ambiguous(read(0, unit=4))


def test_exception_may_belong_to_the_request_still_owed() -> None:
    late, _ = owing(read(0))
    assert late.suspect(read(100, 5), REFUSAL) == read(0)
    assert late.suspect(read(0), REFUSAL) is None, "it was the same question"
    assert late.suspect(read_request(3, Space.Input, 0, 5), bytes((0x84, 2))) is None


def test_nothing_is_owed_after_the_late_answer_came_or_its_time_is_over() -> None:
    late, clock = owing(read(0))
    late.arrived(3, ANSWER)
    late.hush()
    assert late.quiet == 0
    assert not late.ambiguous(read(100))
    late, clock = owing(read(0))
    clock.now += LATE_ANSWER + 1
    assert not late.ambiguous(read(100))


def test_late_answer_settles_what_was_asked_before_it_and_nothing_after() -> None:
    late, _ = owing(read(0, 6), read(0, 6, unit=4), read(0, 4), read(0, 5))
    late.arrived(3, ANSWER)
    assert not late.ambiguous(read(9, 6))
    assert not late.ambiguous(read(9, 4))
    assert late.ambiguous(read(9, 5))
    assert late.ambiguous(read(9, 6, unit=4))


def test_late_exception_settles_the_oldest_it_may_belong_to() -> None:
    late, _ = owing(read(0, 4), read(0, 5))
    late.arrived(3, REFUSAL)
    assert not late.ambiguous(read(9, 4))
    assert late.ambiguous(read(9, 5))
