"""Identities (SEMANTICS S1, S2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracenode.models.errors import InvalidIdentifier
from tracenode.models.identifiers import Identity, checked_text

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
    lambda t: t.isprintable() and t == t.strip() and set(t) != {"?"}
)


@given(part=TEXT, text=TEXT, generation=st.integers(0, 999))
def test_a_public_id_reads_back_as_itself(part: str, text: str, generation: int) -> None:
    try:
        identity = Identity.checked("sn", part, text, generation)
    except InvalidIdentifier:
        return
    assert Identity.parse(str(identity)) == identity


@given(a=TEXT, b=TEXT, c=TEXT, d=TEXT)
def test_two_identities_never_share_a_public_id(a: str, b: str, c: str, d: str) -> None:
    first, second = Identity("sn", a, b), Identity("sn", c, d)
    assert (str(first) == str(second)) == (first == second)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("NOREAD", "nothing"),
        ("noread", "nothing"),
        ("???", "nothing"),
        ("SN1\0\0", "NUL"),
        ("\x02SN1", "control"),
        (" SN1", "space"),
        ("x" * 65, "65 characters"),
    ],
)
def test_what_is_no_identity_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidIdentifier, match=reason):
        checked_text(text)


def test_the_generation_stands_behind_a_tilde() -> None:
    assert str(Identity("sn", "PUMP-A", "0001")) == "sn:PUMP-A:0001"
    assert str(Identity("sn", "PUMP-A", "0001", 2)) == "sn:PUMP-A:0001~2"
    assert str(Identity("sn", "A:B", "1~2")) == "sn:A%3AB:1%7E2"


def test_a_node_key_keeps_to_ascii() -> None:
    assert Identity("sn", "Ü", "a b").node_key == "sn:%C3%9C:a%20b"
