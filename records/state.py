"""Estimated network states as they travel."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from records.envelope import event_headers
from records.errors import Reason, RecordError
from records.log import Outgoing

__all__ = [
    "STATE_TYPE",
    "NetworkState",
    "RegionBalance",
    "Removal",
    "as_floats",
    "decode_state",
    "state_record",
]

STATE_TYPE = "gridcast.network.state.v1"


class Removal(msgspec.Struct, frozen=True):
    """A measurement the estimator rejected: point, normalised residual, value, replacement."""

    point: str
    residual: float
    value: float
    replacement: float


class RegionBalance(msgspec.Struct, frozen=True):
    """Active power of one region, MW.

    `consumption_mw`, losses included, is `production_mw` of metered generators less
    `net_export_mw` (negative: imports) plus `distributed_mw`, what generators that are not metered
    are estimated to give.
    """

    production_mw: float
    net_export_mw: float
    distributed_mw: float
    consumption_mw: float


class NetworkState(msgspec.Struct, frozen=True):
    """One consistent state of the network.

    Columns are little-endian float64 bytes in the order of the network's own tables: voltages
    per bus (pu, degrees), flows per branch (MW and MVAr into the branch at each end). NaN
    where nothing is known. `losses_mw` is per area; `valid` is False when no estimate could
    be made, with the reason. `topology_since` (ns UTC, 0 for the case itself) says since when the
    topology it rests on has been in force, and `switched` names what is not as in the case, such as
    ``"branch:7"``, and whether it is closed. `total_losses_mw` is None and a region is not in
    `regions`, by area, where something that it rests on is not known.
    """

    time: int
    network: str
    valid: bool
    reason: str
    iterations: int
    j_per_dof: float
    v_pu: bytes
    angle_deg: bytes
    p_from_mw: bytes
    q_from_mvar: bytes
    p_to_mw: bytes
    q_to_mvar: bytes
    losses_mw: dict[str, float]
    removed: list[Removal]
    n_measured: int
    n_pseudo: int
    topology_since: int = 0
    switched: dict[str, bool] = {}
    total_losses_mw: float | None = None
    regions: dict[str, RegionBalance] = {}


_DECODER = msgspec.msgpack.Decoder(NetworkState)


def state_record(topic: str, state: NetworkState, watermark: int) -> Outgoing:
    """Encode a state, keyed by its network."""
    headers = event_headers(
        STATE_TYPE,
        state.network,
        event_id=f"state-{state.time}",
        content_type="application/msgpack",
        watermark=watermark,
    )
    return Outgoing(topic, 0, msgspec.msgpack.encode(state), state.network.encode(), headers)


def decode_state(value: bytes) -> NetworkState:
    """Read a state back, or raise `RecordError`."""
    try:
        return _DECODER.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(Reason.UNDECODABLE, str(error)[:200]) from error


def as_floats(column: bytes) -> npt.NDArray[np.float64]:
    """Turn a column's bytes into a read-only array."""
    return np.frombuffer(column, "<f8")
