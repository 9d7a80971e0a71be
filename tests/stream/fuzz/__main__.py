"""Fuzz the stages and the recorder: ``python -m tests.stream.fuzz --help``."""

from __future__ import annotations

import argparse
import sys
import time
from multiprocessing import get_context

from tests.stream.fuzz.ledger import Ledger, portion_of, quiet
from tests.stream.fuzz.targets import TARGETS

_PORTION = 250
_LONGEST_S = 2.0
_MOST_MIB = 1024.0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.stream.fuzz",
        description="Send mutated records and account for each: accepted + dead-lettered = sent.",
    )
    parser.add_argument("--mutants", type=int, default=100_000, help="how many (default 100000)")
    parser.add_argument("--processes", type=int, default=2, help="at a time (default 2)")
    parser.add_argument("--target", choices=sorted(TARGETS), help="this kind of record only")
    parser.add_argument("--seed", type=int, help="this mutant of the target only")
    options = parser.parse_args()
    if options.mutants < 1 or options.processes < 1:
        parser.error("--mutants and --processes must be at least 1")
    if options.seed is not None and options.target is None:
        parser.error("--seed is that of a mutant of one --target")
    names = [options.target] if options.target else list(TARGETS)
    if options.seed is not None:
        portions = [(options.target, range(options.seed, options.seed + 1))]
    else:
        each = -(-options.mutants // len(names))
        portions = [
            (name, range(first, min(first + _PORTION, each)))
            for name in names
            for first in range(0, each, _PORTION)
        ]
    return _run(portions, options.processes)


def _run(portions: list[tuple[str, range]], processes: int) -> int:
    ledgers: dict[str, Ledger] = {name: Ledger() for name, _ in portions}
    sent, total = 0, sum(len(seeds) for _, seeds in portions)
    begun = told = time.monotonic()
    memory = 0.0
    with get_context("spawn").Pool(processes, initializer=quiet) as pool:
        for name, ledger, peak in pool.imap_unordered(portion_of, portions):
            ledgers[name].add(ledger)
            sent, memory = sent + ledger.sent, max(memory, peak)
            for problem in ledger.problems:
                _say(f"not accounted for: {problem}")
            if time.monotonic() - told > 5:
                told = time.monotonic()
                _say(f"{sent} of {total} mutants")
    for name, ledger in ledgers.items():
        _say(
            f"{name}: {ledger.sent} sent, {ledger.accepted} accepted with {ledger.rows_taken} rows "
            f"({ledger.rows_refused} rows apart), {ledger.dead_lettered} dead-lettered, "
            f"slowest {ledger.slowest_s:.2f} s"
        )
    whole = Ledger()
    for ledger in ledgers.values():
        whole.add(ledger)
    within = whole.slowest_s <= _LONGEST_S and memory <= _MOST_MIB
    _say(
        f"slowest {whole.slowest_s:.2f} s (at most {_LONGEST_S:g}), most memory {memory:.0f} MiB "
        f"(at most {_MOST_MIB:g}), {time.monotonic() - begun:.0f} s"
    )
    _say(
        f"{whole.sent} mutants, {whole.accepted} accepted + {whole.dead_lettered} dead-lettered, "
        f"{len(whole.problems)} not accounted for"
    )
    return 0 if whole.balanced and within else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
