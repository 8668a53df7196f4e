"""The simulation sees faults put into the product on purpose; one that cannot be put in any more is told by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulate import site
from tests.simulate.mutants import MUTANTS, Edit, Gone, Mutant, caught, mutated
from tests.simulate.seeds import MUTANT_SEEDS, SHOWN
from tests.simulate.world import Simulator
from workstation.domain.hlc import HandClock, Hlc


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with site.folder() as folder:
        yield Simulator(folder)


def test_without_a_fault_the_same_seeds_are_green(simulator: Simulator) -> None:
    assert not [out for out in map(simulator.run, MUTANT_SEEDS) if not out.good]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_fault_is_seen(simulator: Simulator, mutant: Mutant) -> None:
    assert caught(mutant, simulator.run, [SHOWN[mutant.name]]) is not None


@pytest.mark.parametrize(
    ("where", "old", "words"),
    [
        ("workstation.domain.hlc:Hlc.merged", "x", "not there any more"),
        ("workstation.domain.gone:act", "x", "not there any more"),
        ("workstation.domain.hlc:Hlc.merge", "what nobody wrote", "stands there 0 times"),
    ],
)
def test_a_fault_that_cannot_be_put_in_is_told(where: str, old: str, words: str) -> None:
    with pytest.raises(Gone, match=words), mutated(Mutant("gone", (Edit(where, old, ""),))):
        pass


def test_a_fault_is_taken_out_again() -> None:
    clock = HandClock()
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "hlc_merged_without_limit")
    far = (clock.now_ms() + 3_600_000) << 16
    with mutated(mutant):
        pulled = Hlc(clock)
        pulled.merge(far)
        assert pulled.last == far
    kept = Hlc(clock)
    kept.merge(far)
    assert kept.last < far
