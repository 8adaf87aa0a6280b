"""Chaos tests: killed backups and restores. The full number: template/benchmarks/backup/kills.py."""

from itertools import islice

import pytest

from stack.chaos.kills import STORES, Experiment, plan
from stack.chaos.project import chaos_stack

pytestmark = [pytest.mark.stack, pytest.mark.slow]

SEED = 3
KILLS = 8


def test_killed_backups_and_restores_harm_nothing() -> None:
    """Whatever is killed, at any moment: live data is whole, no broken backup is listed, the next command cleans up."""
    with chaos_stack() as stack:
        experiment = Experiment(stack, stores=STORES[1:])
        outcomes = [experiment.run(kill) for kill in islice(plan(SEED, stores=STORES[1:]), KILLS)]
        experiment.finish()
    assert any(outcome.hit for outcome in outcomes)
