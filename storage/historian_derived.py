"""Derived records once more, as the historian kept them: for a replay that begins in the middle.

What was known of windows and states by a time comes back record by record, in the order of the
log within each partition, with the watermarks it carried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from records.log import Outgoing
from records.state import NetworkState, RegionBalance, Removal, state_record
from records.time import DAY, MINUTE
from records.window import WindowBatch, window_record
from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader

__all__ = ["state_records", "window_records"]

_NO_OFFSET = -1
_WINDOWS = """
    SELECT *, epoch_ns(valid_time) AS start, epoch_ns(available_at) AS known FROM {name}
    WHERE epoch_ns(available_at) >= $1 AND epoch_ns(available_at) < $2 AND "partition" >= 0
      AND length_ns = $3
    ORDER BY "partition", "offset", series
"""
_STATES = """
    SELECT *, epoch_ns(valid_time) AS time, epoch_ns(available_at) AS known,
      coalesce(epoch_ns(topology_since), 0) AS since, coalesce(switched, '{}') AS changes,
      coalesce(regions, '{}') AS balances
    FROM states
    WHERE epoch_ns(available_at) >= $1 AND epoch_ns(available_at) < $2
    ORDER BY "offset"
"""
_LATEST = 30 * DAY
"""Revisions of windows older than this are left out."""


def window_records(
    historian: HistoryReader,
    topic: str,
    start: int,
    end: int,
    *,
    kept_as: HistoryClass = HistoryClass.WINDOWS,
    length: int = 5 * MINUTE,
) -> Iterator[Outgoing]:
    """Yield the window batches that became known in ``[start, end)`` (ns UTC).

    They are whole but for the offset of the input that closed them: it has no meaning in a
    replay's own log.

    Parameters
    ----------
    topic
        Full name of the topic that they go to.
    kept_as, length
        Their class, and the length of the windows, ns.
    """
    query = _WINDOWS.format(name=kept_as.value)
    for since in range(start, end, DAY):
        until = min(since + DAY, end)
        rows = historian.sql_within(kept_as, since - _LATEST, until, query, [since, until, length])
        area, offset = (rows[name].to_numpy() for name in ("partition", "offset"))
        new = (np.diff(area, prepend=-1) != 0) | (np.diff(offset, prepend=-1) != 0)
        firsts = np.flatnonzero(new)
        for first, past in zip(firsts, np.append(firsts, len(rows))[1:], strict=True):
            yield _window(topic, rows.slice(first, past - first))


def state_records(historian: HistoryReader, topic: str, start: int, end: int) -> Iterator[Outgoing]:
    """Yield the network states that became known in ``[start, end)`` (ns UTC)."""
    for since in range(start, end, DAY):
        until = min(since + DAY, end)
        rows = historian.sql_within(
            HistoryClass.STATES, since - DAY, until, _STATES, [since, until]
        )
        for row in rows.to_pylist():
            yield state_record(topic, _state(row), row["known"])


def _window(topic: str, rows: pa.Table) -> Outgoing:
    area, start, length, known = (
        rows[name][0].as_py() for name in ("partition", "start", "length_ns", "known")
    )
    batch = WindowBatch(
        area=area,
        start=start,
        length=length,
        input_offset=_NO_OFFSET,
        series=np.array(rows["series"].to_pylist(), object),
        revision=rows["version"].to_numpy(),
        mean=_floats(rows["value"]),
        q95=_floats(rows["q95"]),
        minimum=_floats(rows["minimum"]),
        maximum=_floats(rows["maximum"]),
        energy_mwh=_floats(rows["energy_mwh"]),
        count=rows["count"].to_numpy(),
        imputed_share=_floats(rows["imputed_share"]),
        quality=rows["quality"].to_numpy().astype(np.uint16),
    )
    return window_record(topic, batch, known)


def _state(row: dict[str, Any]) -> NetworkState:
    return NetworkState(
        time=row["time"],
        network=row["series"],
        valid=row["valid"],
        reason=row["reason"],
        iterations=row["iterations"],
        j_per_dof=float("nan") if row["j_per_dof"] is None else row["j_per_dof"],
        v_pu=_bytes(row["v_pu"]),
        angle_deg=_bytes(row["angle_deg"]),
        p_from_mw=_bytes(row["p_from_mw"]),
        q_from_mvar=_bytes(row["q_from_mvar"]),
        p_to_mw=_bytes(row["p_to_mw"]),
        q_to_mvar=_bytes(row["q_to_mvar"]),
        losses_mw=msgspec.json.decode(row["losses_mw"], type=dict[str, float]),
        removed=msgspec.json.decode(row["removed"], type=list[Removal]),
        n_measured=row["n_measured"],
        n_pseudo=row["n_pseudo"],
        topology_since=row["since"],
        switched=msgspec.json.decode(row["changes"], type=dict[str, bool]),
        total_losses_mw=row["total_losses_mw"],
        regions=msgspec.json.decode(row["balances"], type=dict[str, RegionBalance]),
    )


def _bytes(values: list[float | None]) -> bytes:
    return np.array(values, np.float64).tobytes()


def _floats(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Values of a column; null becomes NaN."""
    return np.asarray(column.to_numpy(), np.float64)
