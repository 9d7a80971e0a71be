"""A study of outages as tables and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from network.model import Network
from network.outage_study import Outage, OutageStudy

__all__ = ["FLOW_SCHEMA", "flow_batches", "outage_json", "outage_name", "outage_table"]

FLOW_SCHEMA = pa.schema(
    [
        ("contingency_id", pa.string()),
        ("branch_id", pa.string()),
        ("p_from_mw", pa.float64()),
        ("method", pa.string()),
    ]
)


def outage_name(network: Network, outage: Outage) -> str:
    """Name an outage ``branch:ID`` or ``gen:ID``; pandapower's ``gen:3`` stays ``gen:3``."""
    if not outage.is_unit:
        return f"branch:{network.branches.id[outage.row]}"
    name = str(network.generators.id[outage.row])
    return name if name.startswith("gen:") else f"gen:{name}"


def outage_table(study: OutageStudy) -> pa.Table:
    """Make the ranked table: overloads by loading, then what has none, then splits."""
    network, over = study.network, study.overloads
    pairs = zip(over.is_unit.tolist(), over.lost.tolist(), strict=True)
    names = [outage_name(network, Outage(*pair)) for pair in pairs]
    splits = [islanding.contingency for islanding in study.islanding]
    n, m = len(over), len(splits)
    known = over.element >= 0
    limit = np.where(known, network.branches.rate_mva[over.element], np.nan)
    nothing = np.full(m, np.nan)

    def text(values: Sequence[str | None], rest: str | None) -> pa.Array:
        return pa.array([*values, *[rest] * m], pa.string())

    def numbers(values: npt.NDArray[np.float64]) -> pa.Array:
        return pa.array(np.concatenate([values, nothing]), pa.float64(), from_pandas=True)

    element = [network.branches.id[row] if row >= 0 else None for row in over.element.tolist()]
    return pa.table(
        {
            "contingency_id": pa.array([*names, *splits], pa.string()),
            "kind": text(np.where(over.is_unit, "gen", "branch").tolist(), "branch"),
            "result": text(np.where(over.solved, "ok", "not_converged").tolist(), "islands"),
            "element_id": text(element, None),
            "p_from_mw": numbers(over.p_from_mw),
            "loading_percent": numbers(over.loading_percent),
            "limit_mva": numbers(limit),
            "method": text(np.where(over.is_ac | ~known, "ac", "dc").tolist(), "dc"),
            "rank": pa.array(np.arange(1, n + m + 1), pa.int64()),
        }
    )


def flow_batches(study: OutageStudy) -> Iterator[pa.RecordBatch]:
    """Make the rows of every flow after every outage, some hundred outages at a time."""
    branches = pa.array(study.network.branches.id.tolist(), pa.string())
    n = len(branches)
    for outages, flows, is_ac in study.all_flows():
        which = pa.array(np.repeat(np.arange(len(outages), dtype=np.int32), n))
        branch = pa.array(np.tile(np.arange(n, dtype=np.int32), len(outages)))
        names = pa.array([outage_name(study.network, outage) for outage in outages], pa.string())
        methods = pa.array(np.where(is_ac, "ac", "dc").tolist(), pa.string())
        columns = [
            names.take(which),
            branches.take(branch),
            pa.array(flows.T.ravel()),
            methods.take(which),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=FLOW_SCHEMA)


def outage_json(
    study: OutageStudy, unobserved: tuple[str, ...], seconds: float
) -> dict[str, object]:
    """Make the summary."""
    return {
        "contingencies": study.n_outages,
        "overloads": int((study.overloads.element >= 0).sum()),
        "solved_in_ac": len(study.ac),
        "not_converged": [
            outage_name(study.network, outage)
            for outage, solution in study.ac.items()
            if solution is None
        ],
        "islanding": [
            {"id": islanding.contingency, "buses": list(islanding.buses)}
            for islanding in study.islanding
        ],
        "unrated": list(study.unrated),
        "findings": [
            {"component": component, "ids": list(ids), "message": message}
            for component, ids, message in _findings(study, unobserved)
            if ids
        ],
        "seconds": round(seconds, 6),
    }


def _findings(
    study: OutageStudy, unobserved: tuple[str, ...]
) -> tuple[tuple[str, tuple[str, ...], str], ...]:
    slack = "at the slack bus, which takes up what is missing: their outage is not studied"
    return (
        ("branch", study.unrated, "no rating in the case: their loading cannot be told"),
        ("branch", study.overloaded_before, "overloaded before any outage"),
        ("gen", study.at_slack, slack),
        ("bus", unobserved, "not determined by measurements: results near them may be wrong"),
    )
