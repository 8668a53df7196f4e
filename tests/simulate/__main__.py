"""`python -m tests.simulate --seeds N [--from N] [--jobs N] [--json]`, `--mutants`, `--kills N`: exit 1 where it fails.

The last line is one JSON object. With seeds: `{"seeds", "acked", "crashes", "lost", "divergent"}`; with mutants:
`{"total", "caught", "mutants": {name: whether it was caught}}`; with kills: `{"kills", "desk", "hub", "acked", "lost",
"damaged", "divergent"}`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context
from typing import Final

import msgspec

from tests.simulate import site
from tests.simulate.mutants import MUTANTS, Gone, caught
from tests.simulate.seeds import MUTANT_SEEDS
from tests.simulate.world import Outcome, Simulator

_TOGETHER: Final = 25
_TOLD: Final = 3


def play(seeds: Iterable[int], jobs: int = 1) -> Iterator[Outcome]:
    """The outcome of each seed, in `jobs` processes."""
    seeds = list(seeds)
    if jobs == 1:
        yield from _several(seeds)
        return
    shares = [seeds[start : start + _TOGETHER] for start in range(0, len(seeds), _TOGETHER)]
    with get_context("spawn").Pool(jobs) as pool:
        for outcomes in pool.imap_unordered(_share, shares):
            yield from outcomes


def _several(seeds: Iterable[int]) -> Iterator[Outcome]:
    with site.folder() as folder:
        simulator = Simulator(folder)
        for seed in seeds:
            yield simulator.run(seed)


def _share(seeds: list[int]) -> list[Outcome]:
    return list(_several(seeds))


def of_seeds(seeds: range, jobs: int, say: Callable[[str], None]) -> bool:
    """Play them and print the sum; whether all was well."""
    done, bad = 0, 0
    total = Outcome(0)
    for outcome in play(seeds, jobs):
        done += 1
        total.acked += outcome.acked
        total.crashes += outcome.crashes
        total.lost += outcome.lost
        total.divergent += outcome.divergent
        if not outcome.good:
            bad += 1
            say(f"seed {outcome.seed}: " + "; ".join(outcome.wrong[:_TOLD]))
        if done % 100 == 0:
            say(f"{done} of {len(seeds)} seeds, {bad} failed")
    figures = {"seeds": done, "acked": total.acked, "crashes": total.crashes, "lost": total.lost,
               "divergent": total.divergent, "failed": bad}  # fmt: skip
    print(json.dumps(figures))
    return not bad


def of_mutants(say: Callable[[str], None]) -> bool:
    """Play each mutant until it is seen, and the same seeds without one; whether all were seen, and nothing else."""
    found: dict[str, bool] = {}
    with site.folder() as folder:
        simulator = Simulator(folder)
        sane = [seed for seed in MUTANT_SEEDS if not simulator.run(seed).good]
        if sane:
            say(f"without any mutant these seeds fail: {sane}")
        for mutant in MUTANTS:
            try:
                seed = caught(mutant, simulator.run, MUTANT_SEEDS)
            except Gone as gone:
                say(f"{mutant.name}: {gone}")
                seed = None
            else:
                say(f"{mutant.name}: " + ("NOT caught" if seed is None else f"caught by seed {seed}"))
            found[mutant.name] = seed is not None
    print(json.dumps({"total": len(found), "caught": sum(found.values()), "mutants": found}))
    return all(found.values()) and not sane


def of_kills(count: int, seed: int, say: Callable[[str], None]) -> bool:
    """Kill real processes and print the toll; whether nothing was lost."""
    from tests.simulate import kills  # the seeds need no process

    toll = kills.play(count, seed, say)
    print(json.dumps({"kills": count, "seed": seed, **msgspec.structs.asdict(toll)}))
    return toll.good


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=330, metavar="N", help="how many seeds to play")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="the first of them")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="how many processes share the work")
    parser.add_argument("--mutants", action="store_true", help="see that faults put in on purpose are caught")
    parser.add_argument("--kills", type=int, metavar="N", help="kill -9 of a real desk and hub; --from is the seed")
    parser.add_argument("--json", action="store_true", help="nothing but the last line on standard output")
    chosen = parser.parse_args(argv)

    def say(text: str) -> None:
        print(text, file=sys.stderr if chosen.json else sys.stdout, flush=True)

    if chosen.kills:
        good = of_kills(chosen.kills, chosen.first, say)
    elif chosen.mutants:
        good = of_mutants(say)
    else:
        good = of_seeds(range(chosen.first, chosen.first + chosen.seeds), chosen.jobs, say)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
