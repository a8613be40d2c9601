import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracenode.drivers.modbus.planner import Block, Span, distinct_lengths, halves, plan

SPANS = st.lists(
    st.builds(Span, st.integers(0, 600), st.sampled_from([1, 1, 2, 4, 8])), min_size=1, max_size=60
)
LIMITS = st.integers(8, 125)
GAPS = st.integers(0, 20)


def spans_of(blocks: tuple[Block, ...]) -> list[Span]:
    return [span for block in blocks for span in block.spans]


def inside(block: Block, span: Span) -> bool:
    return block.address <= span.address and span.end <= block.end


@given(SPANS, LIMITS, GAPS)
def test_every_span_is_in_exactly_one_block_and_never_split(
    spans: list[Span], limit: int, gap: int
) -> None:
    blocks = plan(spans, limit=limit, max_gap=gap)
    assert sorted(spans_of(blocks)) == sorted(set(spans))
    for block in blocks:
        assert 1 <= block.count <= limit
        assert all(inside(block, span) for span in block.spans)
        covered = {a for span in block.spans for a in range(span.address, span.end)}
        unused = [a not in covered for a in range(block.address, block.end)]
        run = longest = 0
        for free in unused:
            run = run + 1 if free else 0
            longest = max(longest, run)
        assert longest <= gap


@given(SPANS, LIMITS, GAPS)
def test_blocks_stay_inside_readable_ranges(spans: list[Span], limit: int, gap: int) -> None:
    readable = [(0, 99), (100, 299), (300, 700)]
    wanted = [s for s in spans if any(a <= s.address and s.end - 1 <= b for a, b in readable)]
    blocks = plan(wanted, limit=limit, max_gap=gap, readable=readable)
    grown = distinct_lengths(blocks, limit=limit, max_gap=gap, readable=readable)
    for block in (*blocks, *grown):
        assert any(a <= block.address and block.end - 1 <= b for a, b in readable)


@given(SPANS, LIMITS, GAPS)
def test_lengths_differ_unless_a_block_can_not_grow(
    spans: list[Span], limit: int, gap: int
) -> None:
    blocks = plan(spans, limit=limit, max_gap=gap)
    grown = distinct_lengths(blocks, limit=limit, max_gap=gap)
    assert spans_of(grown) == spans_of(blocks)
    lengths = {block.count for block in grown}
    for before, after in zip(blocks, grown, strict=True):
        assert before.address == after.address
        assert before.count <= after.count <= min(limit, before.count + gap)
        if sum(other.count == after.count for other in grown) > 1 and after == before:
            most = min(limit, before.count + gap)
            assert all(count in lengths for count in range(before.count, most + 1))


@given(SPANS, LIMITS, GAPS)
def test_halving_ends_and_loses_no_span(spans: list[Span], limit: int, gap: int) -> None:
    queue = list(plan(spans, limit=limit, max_gap=gap))
    expected = sorted(set(spans))
    done: list[Block] = []
    for _ in range(4 * len(expected) + 4):
        if not queue:
            break
        block = queue.pop()
        parts = halves(block)
        if parts == (block,):
            done.append(block)
        else:
            assert sum(part.count for part in parts) <= block.count
            queue += parts
    assert not queue
    assert sorted(span for block in done for span in block.spans) == expected


def test_refused_block_is_cut_at_its_widest_gap() -> None:
    [block] = plan([Span(0, 2), Span(4, 1), Span(10, 2)], limit=125, max_gap=16)
    assert [(part.address, part.count) for part in halves(block)] == [(0, 5), (10, 2)]


def test_refused_block_first_gives_up_what_nobody_asked_for() -> None:
    block = Block(0, 9, (Span(0, 4), Span(4, 2)))
    assert halves(block) == (Block(0, 6, (Span(0, 4), Span(4, 2))),)


def test_bits_are_distinct_by_bytes() -> None:
    blocks = plan([Span(0, 1), Span(500, 3)], limit=2000, max_gap=64)
    grown = distinct_lengths(blocks, limit=2000, max_gap=64, grain=8)
    assert len({(block.count + 7) // 8 for block in grown}) == 2


def test_span_that_can_not_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="at most 2"):
        plan([Span(0, 4)], limit=2, max_gap=0)
    with pytest.raises(ValueError, match="readable 0-9"):
        plan([Span(9, 2)], limit=125, max_gap=0, readable=[(0, 9)])
    with pytest.raises(ValueError, match="65535"):
        plan([Span(65535, 2)], limit=125, max_gap=0)
