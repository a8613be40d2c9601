"""Whether failing units have something in common by more than chance: exact counts, no floats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal
from fractions import Fraction
from math import comb
from typing import Final

__all__ = ["decimal", "false_discovery", "fisher"]

_FIGURES: Final = Context(prec=12)


def decimal(exact: Fraction) -> Decimal:
    """Return a fraction to 12 significant figures, half to even."""
    return _FIGURES.divide(Decimal(exact.numerator), Decimal(exact.denominator))


def fisher(
    pairs: Iterable[tuple[int, int]],
    failed: int,
    passed: int,
    check: Callable[[], None] = lambda: None,
) -> dict[tuple[int, int], Fraction]:
    """Return for each pair (failing, passing units that a cause touches) the probability that
    chance alone has it touch so many failing ones or more, among `failed` and `passed` units in
    all: Fisher's exact test, one-sided; the upper tail of the hypergeometric distribution.

        p(a, b) = sum over i >= a of C(a+b, i) C(N-a-b, failed-i) / C(N, failed)

    `check` is called now and then, and may raise.
    """
    lowest: dict[int, set[int]] = {}
    for a, b in pairs:
        lowest.setdefault(a + b, set()).add(a)
    found: dict[tuple[int, int], Fraction] = {}
    for touched, wanted in lowest.items():
        check()
        tails = _tails(touched, wanted, failed, passed)
        found.update(((a, touched - a), p) for a, p in tails.items())
    return found


def _tails(touched: int, wanted: set[int], failed: int, passed: int) -> dict[int, Fraction]:
    """One pass from the top of the distribution down to the lowest tail that is wanted."""
    total = failed + passed
    whole = comb(total, failed)
    i = min(touched, failed)
    rest = total - touched
    term = comb(touched, i) * comb(rest, failed - i)
    tail, tails, lowest = term, dict[int, Fraction](), min(wanted)
    while True:
        if i in wanted:
            tails[i] = Fraction(tail, whole)
        if i == lowest:
            return tails
        # C(t, i-1) C(r, f-i+1) from C(t, i) C(r, f-i); always whole.
        term = term * i * (rest - failed + i) // ((touched - i + 1) * (failed - i + 1))
        tail += term
        i -= 1


def false_discovery(tested: Mapping[Fraction, int]) -> dict[Fraction, Fraction]:
    """Return q for each p, of which there are so many: the lowest rate of false discoveries at
    which it would be one (Benjamini and Hochberg). Equal p have equal q.

        q(p) = min over p' >= p of p' m / #{p'' <= p'}, at most 1; m tests in all
    """
    rank = sum(tested.values())
    lowest, count, found = Fraction(1), rank, dict[Fraction, Fraction]()
    for p in sorted(tested, reverse=True):
        lowest = min(lowest, p * count / rank)
        found[p] = lowest
        rank -= tested[p]
    return found
