"""An estimate as tables: the state of every bus, the flows of every branch."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from network.arrays import Floats
from network.estimate import StateEstimate
from network.islands import islands
from network.model import Network
from network.standard_errors import StandardErrors

__all__ = ["flow_table", "state_table"]


def state_table(network: Network, estimate: StateEstimate, errors: StandardErrors) -> pa.Table:
    """Make the table of the buses, those fused into another included.

    Standard errors are null where the state was not observed.
    """
    names = list(dict.fromkeys([*network.buses.id.tolist(), *network.bus_alias]))
    row = network.bus_rows(names)
    return pa.table(
        {
            "bus_id": pa.array(names, pa.string()),
            "v_pu": _numbers(np.abs(estimate.v)[row]),
            "angle_deg": _numbers(np.angle(estimate.v, deg=True)[row]),
            "v_se_pu": _numbers(errors.v_pu[row]),
            "angle_se_deg": _numbers(errors.angle_deg[row]),
            "observed": pa.array(estimate.observed[row], pa.bool_()),
            "island": pa.array(islands(network)[row], pa.int64()),
        }
    )


def flow_table(network: Network, estimate: StateEstimate, errors: StandardErrors) -> pa.Table:
    """Make the table of the branches, those out of service included with flows of 0."""
    return pa.table(
        {
            "branch_id": pa.array(network.branches.id.tolist(), pa.string()),
            "p_from_mw": _numbers(estimate.s_from_mva.real),
            "q_from_mvar": _numbers(estimate.s_from_mva.imag),
            "p_to_mw": _numbers(estimate.s_to_mva.real),
            "q_to_mvar": _numbers(estimate.s_to_mva.imag),
            "p_from_mw_se": _numbers(errors.p_from_mw),
            "q_from_mvar_se": _numbers(errors.q_from_mvar),
            "p_to_mw_se": _numbers(errors.p_to_mw),
            "q_to_mvar_se": _numbers(errors.q_to_mvar),
        }
    )


def _numbers(column: Floats) -> pa.Array:
    """A column with null for NaN."""
    return pa.array(np.asarray(column, np.float64), pa.float64(), from_pandas=True)
