"""A network whose flows can be worked out by hand, and what its telemetry reads.

Buses 1, 2 and 3 form a triangle of equal lines; 4 hangs on 3. Loads of 60, 60 and 30 MW at 2, 3
and 4 are fed from 1. So 1-2 carries (2 * 60 + 90) / 3 = 70 MW, 1-3 carries 80 and 3-2 carries
10; without 1-2 all 150 MW go over 1-3.
"""

from __future__ import annotations

import numpy as np

from ingest.twin.register import telemetry_of
from network.outage_factors import OutageFactors
from network.power_flow import PowerFlow
from network.readers.matpower import network_from_matpower_text

NETWORK = network_from_matpower_text("""
function mpc = four
mpc.baseMVA = 100;
mpc.bus = [
  1  3   0  0  0  0  1  1.0  0  110  1  1.1  0.9;
  2  1  60  0  0  0  1  1.0  0  110  1  1.1  0.9;
  3  1  60  0  0  0  1  1.0  0  110  1  1.1  0.9;
  4  1  30  0  0  0  1  1.0  0  110  1  1.1  0.9;
];
mpc.gen = [ 1  150  0  99  -99  1.0  100  1  200  0 ];
mpc.branch = [
  1  2  0  0.05  0  100  0  0  0  0  1;
  1  3  0  0.05  0  100  0  0  0  0  1;
  3  2  0  0.05  0  100  0  0  0  0  1;
  3  4  0  0.05  0  100  0  0  0  0  1;
];
""")
AREA_OF = np.array([0, 0, 1, 1])
REGISTER = telemetry_of(NETWORK, AREA_OF).register
V = PowerFlow(NETWORK).solve()
FLOWS = OutageFactors(NETWORK, V)


def truth() -> dict[str, float]:
    """Voltages and flows at the solved case, by point id."""
    values = {}
    for row in range(NETWORK.n_branch):
        for end, flow in (("from", FLOWS.s_from_mva[row]), ("to", FLOWS.s_to_mva[row])):
            values[f"branch:{row} {end} p_mw"] = float(flow.real)
            values[f"branch:{row} {end} q_mvar"] = float(flow.imag)
    for row, name in enumerate(NETWORK.buses.id.tolist()):
        values[f"bus:{name} v_kv"] = float(abs(V[row]) * 110)
    return values
