"""How long and how the laws are tried."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.laws.machine import Shop
from tests.store.test_interlock_laws import test_S18_the_route_rule_is_what_its_words_say as route

__all__ = ["long_run", "routes", "same_run", "short_run"]

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
_LAWS = settings(deadline=None, print_blob=True, suppress_health_check=_SLOW)


def short_run() -> None:
    """Try a few plants; what breaks a law is made as small as possible."""
    _run(settings(_LAWS, max_examples=8, stateful_step_count=25))


def long_run() -> None:
    """Try many plants, other ones each time; in CI always the same."""
    always = os.environ.get("CI") == "true"
    many = settings(_LAWS, max_examples=60, stateful_step_count=50)
    _run(settings(many, derandomize=True, database=None) if always else many)


def same_run() -> None:
    """Try the same plants each time, until the first that breaks a law."""
    same = settings(_LAWS, derandomize=True, database=None, phases=[Phase.generate])
    _run(settings(same, max_examples=40, stateful_step_count=50))


def _run(how: settings) -> None:
    run_state_machine_as_test(Shop, settings=how)


def routes() -> None:
    """The rule of routes against one that reads like its words."""
    for seed in range(12):
        route(seed)
