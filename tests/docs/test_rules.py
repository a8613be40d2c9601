"""Every rule that code cites by number stands on the page of the rules."""

from __future__ import annotations

import re
from functools import cache

from tests.docs.pages import page, section
from tests.support.project import ROOT, tracked_files

RULES = page("docs/semantics.md")
ROOMS = ("models", "drivers", "server", "tests", "benchmarks", "nodesets")
RULE = re.compile(r"SEMANTICS\s+((?:S\d+(?:,?\s+(?:to|and)\s+|,\s+|-)?)+)|\((S\d+(?:,\s+S\d+)*)\)")
STORE = re.compile(r"STORE(?:\.md)?,?\s+rules?\s+(\d+(?:\s+(?:to|and)\s+\d+)?)")
CHAPTER = re.compile(r'\((?:SEMANTICS|STORE), "?(\w[^")]*)"?\)')
MODEL = re.compile(r"\(MODEL (R\d+)\)")


@cache
def sources() -> tuple[str, ...]:
    return tuple(
        path.read_text(encoding="utf-8")
        for path in tracked_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ROOMS
    )


def cited(pattern: re.Pattern[str], number: str) -> set[str]:
    """Return the numbers that citations of a kind name; of a range its ends."""
    found = (match for text in sources() for match in pattern.finditer(text))
    return {one for match in found for one in re.findall(number, match.group())}


def test_the_rules_of_the_trace_are_all_there_in_order() -> None:
    assert re.findall(r"^## (S\d+) \w", RULES, re.MULTILINE) == [f"S{n}" for n in range(1, 23)]


def test_every_rule_of_the_trace_that_is_cited_is_on_the_page() -> None:
    numbers = cited(RULE, r"S\d+")
    assert len(numbers) >= 18
    assert not [number for number in numbers if f"\n## {number} " not in RULES]


def test_every_rule_of_the_store_that_is_cited_is_on_the_page() -> None:
    rules = section(RULES, "## Rules of the store")
    numbers = cited(STORE, r"\d+")
    assert {"1", "8"} <= numbers
    assert not [number for number in numbers if f"\n{number}. " not in rules]


def test_every_rule_of_the_model_that_is_cited_is_on_the_page() -> None:
    rules = section(RULES, "## Rules of the information model")
    numbers = cited(MODEL, r"R\d+")
    assert numbers
    assert not [number for number in numbers if f"- **{number}** " not in rules]


def test_what_is_cited_by_name_is_on_the_page() -> None:
    names = {name.lower() for text in sources() for name in CHAPTER.findall(text)}
    names = {name for name in names if not name.startswith("rule")}
    assert names >= {"words", "common ancestors of many units"}
    assert not [name for name in names if name not in RULES.lower()]
