"""Demand of the five states of Australia's market as a gridcast dataset folder, 2012-2014.

    python benchmarks/datasets/aus_elec.py SRC DEST

SRC holds aus_elec_2012_2014.parquet (AEMO demand, BOM temperature, half-hourly, UTC interval
starts; by way of the R package tsibbledata). The market (NEM) is the sum of the states and
each state has the station of its capital city.

A hierarchy has one clock: Sydney's is that of three states and most of the demand (South
Australia is half an hour behind it, Queensland has no daylight saving). A day is a holiday
when it is one in states with more than half of the demand.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from dataset_folder import write_hierarchy, write_holidays, write_load, write_temperature

CLOCKS = {
    "NSW": "Australia/Sydney",
    "QLD": "Australia/Brisbane",
    "SA": "Australia/Adelaide",
    "TAS": "Australia/Hobart",
    "VIC": "Australia/Melbourne",
}


def common_holidays(source: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the days that are holidays for more than half of the demand, and where."""
    share = source[[f"demand_{state}" for state in CLOCKS]].mean()
    share = share / share.sum()
    where: dict[str, list[str]] = {}
    for state, clock in CLOCKS.items():
        local = source.index.tz_convert(clock)
        flagged = source[f"holiday_{state}"].groupby(local.strftime("%Y-%m-%d")).mean()
        for day in flagged.index[flagged > 0.5]:
            where.setdefault(day, []).append(state)
    return [
        (day, " ".join(states))
        for day, states in sorted(where.items())
        if sum(share[f"demand_{state}"] for state in states) > 0.5
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("dest", type=Path)
    args = parser.parse_args()
    args.dest.mkdir(parents=True, exist_ok=True)
    source = pd.read_parquet(args.source / "aus_elec_2012_2014.parquet")
    load = source[[f"demand_{state}" for state in CLOCKS]].set_axis(list(CLOCKS), axis=1)
    degc = source[[f"temp_c_{state}" for state in CLOCKS]].set_axis(list(CLOCKS), axis=1)
    write_load(args.dest, load, "MW")
    write_temperature(args.dest, degc)
    write_holidays(args.dest, common_holidays(source))
    write_hierarchy(
        args.dest,
        timezone="Australia/Sydney",
        step="PT30M",
        total="NEM",
        level="state",
        stations={state: {state: 1.0} for state in CLOCKS},
    )


if __name__ == "__main__":
    main()
