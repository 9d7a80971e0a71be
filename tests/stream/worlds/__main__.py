"""Run crash worlds, many or one: ``python -m tests.stream.worlds --help``."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from multiprocessing import get_context

from tests.stream.worlds.judged import SHARING, Judged, judged, quiet

_EVERY_S = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.stream.worlds",
        description="Run seeded worlds of crashes and compare each with its undisturbed twin.",
    )
    parser.add_argument("--worlds", type=int, default=10_000, help="how many (default 10000)")
    parser.add_argument("--first", type=int, default=0, help="first seed (default 0)")
    parser.add_argument("--processes", type=int, default=2, help="at a time (default 2)")
    parser.add_argument("--seed", type=int, help="run this world alone and tell all about it")
    options = parser.parse_args()
    if options.worlds < 1 or options.processes < 1 or options.first < 0:
        parser.error("--worlds and --processes must be at least 1, --first at least 0")
    quiet()
    if options.seed is not None:
        return _one(options.seed)
    return _many(range(options.first, options.first + options.worlds), options.processes)


def _one(seed: int) -> int:
    found = judged(seed)
    _say(f"world {seed} ({found.plan}): {found.crashes.total()} crashes {dict(found.crashes)}")
    for difference in found.differences:
        _say(f"  {difference}")
    _say(f"1 worlds, {found.crashes.total()} crashes, {len(found.differences)} mismatches")
    return 1 if found.differences else 0


def _many(seeds: range, processes: int) -> int:
    crashes: Counter[str] = Counter()
    done, mismatches, moves, torn, begun = 0, 0, 0, 0, time.monotonic()
    told = begun
    with get_context("spawn").Pool(processes, initializer=quiet) as pool:
        for found in pool.imap_unordered(judged, seeds, chunksize=2 * SHARING):
            done += 1
            crashes += found.crashes
            moves, torn = moves + found.moves, torn + found.torn
            if found.differences:
                mismatches += 1
                _tell(found)
            now = time.monotonic()
            if now - told >= _EVERY_S and done < len(seeds):
                told, left = now, (now - begun) / done * (len(seeds) - done)
                _say(
                    f"{done} of {len(seeds)} worlds, {crashes.total()} crashes, "
                    f"{mismatches} mismatches, about {left / 60:.0f} min left"
                )
    seconds = time.monotonic() - begun
    by_effect = ", ".join(f"{kind} {times}" for kind, times in crashes.most_common())
    _say(f"crashes before: {by_effect}")
    _say(f"{moves} moves of partitions, {torn} torn checkpoints; {seconds:.0f} s")
    _say(f"{done} worlds, {crashes.total()} crashes, {mismatches} mismatches")
    return 1 if mismatches else 0


def _tell(found: Judged) -> None:
    _say(f"world {found.seed} ({found.plan}): {'; '.join(found.differences)}")
    _say(f"  repeat it alone: .venv/bin/python -m tests.stream.worlds --seed {found.seed}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
