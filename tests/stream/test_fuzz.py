"""Mutated records: nothing raises, and each is taken in or dead-lettered.

A sample of `make fuzz`.
"""

import pytest

from tests.stream.fuzz.ledger import fuzzed
from tests.stream.fuzz.targets import TARGETS

MUTANTS = 300


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_mutant_is_accounted_for(name: str) -> None:
    ledger = fuzzed(name, range(MUTANTS))
    assert ledger.problems == []
    assert ledger.accepted + ledger.dead_lettered == ledger.sent == MUTANTS
    assert ledger.accepted > 20
    assert ledger.dead_lettered > 60
