"""Peers that a test needs: present or not, and what follows."""

from __future__ import annotations

import os

import pytest

__all__ = ["require"]


def require(condition: bool, reason: str) -> None:
    """Skip the test with its reason where a peer is missing; in CI a missing peer is a failure."""
    if condition:
        return
    if os.environ.get("CI"):
        pytest.fail(f"required in CI: {reason}")
    pytest.skip(reason)
