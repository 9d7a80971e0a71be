"""A study of outages as tables and JSON."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from network.outage_confirmation import Confirmation
from network.outage_study import FlowsAfter, OutageStudy

__all__ = [
    "FLOW_SCHEMA",
    "excursion_table",
    "flow_batch",
    "outage_json",
    "outage_table",
]

FLOW_SCHEMA = pa.schema(
    [
        ("contingency_id", pa.string()),
        ("branch_id", pa.string()),
        ("p_from_mw", pa.float64()),
        ("method", pa.string()),
    ]
)


def outage_table(study: OutageStudy) -> pa.Table:
    """Make the ranked table: overloads by loading, then what has none, then splits."""
    network, over, splits = study.network, study.overloads, study.islanding
    n, m = len(over), len(splits)
    known = over.element >= 0
    limit = np.where(known, network.branches.rate_mva[over.element], np.nan)
    nothing = np.full(m, np.nan)

    def text(values: pa.Array, rest: Sequence[str | None]) -> pa.Array:
        return pa.concat_arrays([values, pa.array(rest, pa.string())])

    def numbers(values: npt.NDArray[np.float64]) -> pa.Array:
        return pa.array(np.concatenate([values, nothing]), pa.float64(), from_pandas=True)

    def either(flags: npt.NDArray[np.bool_], yes: str, no: str) -> pa.Array:
        return pa.array([no, yes], pa.string()).take(pa.array(flags.astype(np.int8)))

    elements = pa.array(network.branches.id.tolist(), pa.string())
    element = elements.take(pa.array(over.element, mask=~known))
    return pa.table(
        {
            "contingency_id": text(_names(study, over.outage), [s.contingency for s in splits]),
            "kind": text(_kinds(study, over.outage), [str(s.kind) for s in splits]),
            "result": text(either(over.solved, "ok", "not_converged"), ["islands"] * m),
            "element_id": text(element, [None] * m),
            "p_from_mw": numbers(over.p_from_mw),
            "loading_percent": numbers(over.loading_percent),
            "limit_mva": numbers(limit),
            "method": text(either(over.is_ac | ~known, "ac", "dc"), ["dc"] * m),
            "rank": pa.array(np.arange(1, n + m + 1), pa.int64()),
            "current_a": numbers(over.current_a),
            "limit_a": numbers(over.limit_a),
        }
    )


def excursion_table(study: OutageStudy) -> pa.Table:
    """Make the ranked table of voltages outside the band."""
    out = study.excursions
    buses = pa.array(study.network.buses.id.tolist(), pa.string())
    return pa.table(
        {
            "contingency_id": _names(study, out.outage),
            "kind": _kinds(study, out.outage),
            "bus_id": buses.take(pa.array(out.bus)),
            "v_pu": pa.array(out.v_pu),
            "v_before_pu": pa.array(out.v_before_pu),
            "limit_pu": pa.array(out.limit_pu),
            "method": pa.array(["ac"] * len(out), pa.string()),
            "rank": pa.array(np.arange(1, len(out) + 1), pa.int64()),
        }
    )


def flow_batch(branch_ids: pa.Array, flows: FlowsAfter) -> pa.RecordBatch:
    """Make the rows of every flow after some outages."""
    n, k = flows.p_from_mw.shape
    which = pa.array(np.repeat(np.arange(k, dtype=np.int32), n))
    branch = pa.array(np.tile(np.arange(n, dtype=np.int32), k))
    names = pa.array([outage.name for outage in flows.outages], pa.string())
    method = pa.array(["ac" if flows.is_ac else "dc"], pa.string())
    columns = [
        names.take(which),
        branch_ids.take(branch),
        pa.array(flows.p_from_mw.T.ravel()),
        method.take(pa.array(np.zeros(n * k, dtype=np.int32))),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=FLOW_SCHEMA)


def outage_json(
    study: OutageStudy,
    unobserved: tuple[str, ...],
    confirmed: Confirmation | None,
    seconds: float,
) -> dict[str, object]:
    """Make the summary."""
    failed = np.flatnonzero(study.not_converged).tolist()
    return {
        "contingencies": study.n_outages,
        "overloads": int((study.overloads.element >= 0).sum()),
        "voltages": len(study.excursions),
        "solved_in_ac": int(study.in_ac.sum()),
        "not_converged": [study.outages[place].name for place in failed],
        "confirmed": None if confirmed is None else _confirmed(confirmed),
        "islanding": [
            {"id": islanding.contingency, "buses": list(islanding.buses)}
            for islanding in study.islanding
        ],
        "unrated": list(study.unrated),
        "findings": [
            {"component": component, "ids": list(ids), "message": message}
            for component, ids, message in _findings(study, unobserved, confirmed)
            if ids
        ],
        "seconds": round(seconds, 6),
    }


def _names(study: OutageStudy, outage: npt.NDArray[np.int64]) -> pa.Array:
    names = pa.array([each.name for each in study.outages], pa.string())
    return names.take(pa.array(outage))


def _kinds(study: OutageStudy, outage: npt.NDArray[np.int64]) -> pa.Array:
    kinds = pa.array([str(each.kind) for each in study.outages], pa.string())
    return kinds.take(pa.array(outage))


def _confirmed(confirmed: Confirmation) -> dict[str, object]:
    return {
        "by": confirmed.program,
        "outages": list(confirmed.outages),
        "loading_percent": round(confirmed.loading_percent, 6),
        "voltage_pu": round(confirmed.voltage_pu, 9),
        "disagree": list(confirmed.disagree),
    }


def _findings(
    study: OutageStudy, unobserved: tuple[str, ...], confirmed: Confirmation | None
) -> tuple[tuple[str, tuple[str, ...], str], ...]:
    slack = "at the slack bus, which takes up what is missing: not studied"
    disagree = () if confirmed is None else confirmed.disagree
    return (
        ("branch", study.unrated, "no rating in the case: their loading cannot be told"),
        ("branch", study.overloaded_before, "overloaded before any outage"),
        ("bus", study.excursions_before, "outside the band of voltages before any outage"),
        ("outage", study.at_slack, slack),
        ("outage", disagree, "lightsim2grid finds other limits exceeded: look at those first"),
        ("bus", unobserved, "not determined by measurements: results near them may be wrong"),
    )
