"""Canonical JSON, which is what is hashed: sorted keys, no spaces, no needless escapes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring
from typing import Any, Final

__all__ = ["canonical_json", "with_fields"]


def _encoder() -> Callable[[Any], str]:
    try:
        # json.JSONEncoder makes one of these for each call, which costs as much as a small body.
        from _json import make_encoder
    except ImportError:  # an interpreter without the accelerator
        return json.JSONEncoder(
            sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        ).encode
    chunks = make_encoder(None, _no_json, encode_basestring, None, ":", ",", True, False, False)
    return lambda data: "".join(chunks(data, 0))


def _no_json(data: Any) -> Any:
    raise TypeError(f"expected JSON data, found {type(data).__name__}")


canonical_json: Final = _encoder()
"""Return data as canonical JSON; no NaN and no infinity."""


def with_fields(body: Mapping[str, Any], fields: str) -> str:
    """Return `canonical_json(body)` where `fields` is that of its `f` already."""
    # No text can hold this: a quotation mark inside one is escaped.
    without: str = canonical_json({**body, "f": None})
    return without.replace('"f":null', f'"f":{fields}', 1)
