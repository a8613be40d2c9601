"""Quantities are exact (SEMANTICS S9)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tracenode.models.errors import MalformedRequest, UnitMismatch
from tracenode.models.quantities import UNITS, Quantity

NUMBERS = st.decimals(
    min_value=Decimal("-1e9"), max_value=Decimal("1e9"), places=6, allow_nan=False
)


@given(value=NUMBERS, unit=st.sampled_from(sorted(UNITS)))
def test_a_quantity_survives_its_json_form(value: Decimal, unit: str) -> None:
    quantity = Quantity.of(value, unit)
    adapter = TypeAdapter(Quantity)
    assert adapter.validate_json(adapter.dump_json(quantity)) == quantity
    assert quantity.value == value


@given(value=NUMBERS)
def test_equal_amounts_are_equal_objects(value: Decimal) -> None:
    assert Quantity.of(value, "KGM") == Quantity.of(f"{value}000", "kg")


def test_a_double_counts_as_its_shortest_decimal() -> None:
    assert str(Quantity.of(0.1, "KGM")) == "0.1 KGM"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1e30", "0.0000000000001", "one"])
def test_what_can_not_be_held_exactly_is_refused(value: float | str) -> None:
    with pytest.raises(MalformedRequest):
        Quantity.of(value, "KGM")


def test_conversion_stays_inside_one_dimension() -> None:
    assert str(Quantity.of("1.25", "KGM").to("GRM")) == "1250 GRM"
    with pytest.raises(UnitMismatch, match="mass"):
        Quantity.of(1, "KGM").to("LTR")
    with pytest.raises(UnitMismatch, match="furlong"):
        Quantity.of(1, "furlong")


def test_an_inexact_conversion_is_refused() -> None:
    with pytest.raises(UnitMismatch):
        Quantity.of(1, "SEC").to("HUR")


def test_bad_json_says_what_is_wrong() -> None:
    with pytest.raises(ValidationError, match="UN/ECE"):
        TypeAdapter(Quantity).validate_json('"1 parsec"')


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"mantissa": 10, "scale": 1, "unit": "KGM"}, "1 KGM"),
        ({"mantissa": -1200, "scale": 3, "unit": "kg"}, "-1.2 KGM"),
        ({"mantissa": 0, "scale": 7, "unit": "KGM"}, "0 KGM"),
        ({"mantissa": 3, "scale": -2, "unit": "H87"}, "300 H87"),
    ],
)
def test_parts_become_the_one_form_of_equal_quantities(parts: dict[str, object], text: str) -> None:
    quantity = Quantity.model_validate(parts)
    assert str(quantity) == text
    assert quantity == Quantity.model_validate(text)


@pytest.mark.parametrize(
    "parts",
    [
        {"mantissa": 10**30, "scale": 0, "unit": "KGM"},
        {"mantissa": 1, "scale": 13, "unit": "KGM"},
        {"mantissa": 1, "scale": 0, "unit": "XYZ"},
    ],
)
def test_parts_that_no_quantity_has_are_refused(parts: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Quantity.model_validate(parts)


@pytest.mark.parametrize("text", ["1." + "0" * 30 + "1", "12345678901234567890123456789.5"])
def test_nothing_is_rounded(text: str) -> None:
    with pytest.raises(MalformedRequest):
        Quantity.of(text, "KGM")
