"""Do published forecasts add up? Read as any outside program would, knowing only the contract.

Nothing of the rest of the program is imported on purpose: only what docs/topics.md and the
Redis keys promise is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from redis import Redis

__all__ = [
    "Coherence",
    "PublishedLevel",
    "coherence_of_run",
    "from_redis",
    "from_topic_value",
    "worst",
]


@dataclass(frozen=True, slots=True)
class PublishedLevel:
    """One level of one run as an outsider sees it.

    Parameters
    ----------
    run_id, level, issue_time
        What it is (times as RFC 3339 text).
    parents
        Parent of each series, None for the root.
    means
        Mean forecast of each series, shape (n_steps,).
    start, step
        Start of the first interval, and the length of one (ISO 8601).
    valid_times
        Starts of the intervals where they differ in length (local days).
    """

    run_id: str
    level: str
    issue_time: str
    start: str
    step: str
    parents: Mapping[str, str | None]
    means: Mapping[str, npt.NDArray[np.float64]]
    valid_times: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Coherence:
    """The largest gap between a parent and the sum of its children.

    Parameters
    ----------
    relative
        ``|sum(children) - parent| / max(1 MW, sum |children|)``, at most 1e-6 when coherent;
        infinite when a number is missing or a parent was not published.
    parent
        Where it is.
    run_id
        In which run.
    sums
        How many sums were compared.
    """

    relative: float
    parent: str = ""
    run_id: str = ""
    sums: int = 0


def from_redis(client: Redis, namespace: str, run_id: str | None = None) -> list[PublishedLevel]:
    """Read all levels of a run, the current one by default; empty when there is none."""
    prefix = f"gc:{{{namespace}}}:forecast"
    if run_id is None:
        current: Any = client.get(f"{prefix}:current")
        if current is None:
            return []
        run_id = current.decode()
    keys = list(client.scan_iter(match=_escaped(f"{prefix}:run:{run_id}:") + "*", count=1000))
    found = []
    for key in sorted(keys):
        fields: Any = client.hgetall(key)
        meta = json.loads(fields.pop(b"_meta"))
        values = {name.decode(): blob for name, blob in fields.items()}
        found.append(_level(key.decode().rsplit(":", 1)[1], meta, values))
    return found


def from_topic_value(value: bytes) -> PublishedLevel:
    """Read one level from the value of a record of forecast.v1."""
    payload = msgspec.msgpack.decode(value)
    return _level(payload["level"], payload["meta"], payload["values"])


def _escaped(key: str) -> str:
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in key)


def _level(level: str, meta: Mapping[str, Any], values: Mapping[str, bytes]) -> PublishedLevel:
    shape = (1 + len(meta["quantiles"]), meta["n_steps"])
    means = {name: np.frombuffer(blob, "<f8").reshape(shape)[0] for name, blob in values.items()}
    parents = {name: entry["parent"] for name, entry in meta["series"].items()}
    return PublishedLevel(
        meta["run_id"],
        level,
        meta["issue_time"],
        meta["start"],
        meta["step"],
        parents,
        means,
        tuple(meta.get("valid_times") or ()),
    )


def coherence_of_run(levels: Iterable[PublishedLevel]) -> Coherence:
    """Compare every parent of a run with the sum of its children, step by step.

    A run may hold several axes of time, such as hours and local days: each is compared on its
    own.
    """
    axes: dict[tuple[object, ...], list[PublishedLevel]] = {}
    for level in levels:
        axes.setdefault((level.start, level.step, level.valid_times), []).append(level)
    return worst(_on_one_axis(members) for members in axes.values())


def _on_one_axis(levels: Sequence[PublishedLevel]) -> Coherence:
    means: dict[str, npt.NDArray[np.float64]] = {}
    children: dict[str, list[str]] = {}
    run_id = levels[0].run_id
    for level in levels:
        means.update(level.means)
        for name, parent in level.parents.items():
            if parent is not None:
                children.setdefault(parent, []).append(name)
    found = Coherence(0.0, run_id=run_id, sums=len(children))
    for parent, names in children.items():
        if parent not in means or not all(name in means for name in names):
            return Coherence(float("inf"), parent, run_id, len(children))
        parts = np.stack([means[name] for name in names])
        gap = np.abs(parts.sum(axis=0) - means[parent])
        relative = gap / np.maximum(1.0, np.abs(parts).sum(axis=0))
        largest = float(relative.max()) if np.isfinite(relative).all() else float("inf")
        if largest > found.relative:
            found = Coherence(largest, parent, run_id, len(children))
    return found


def worst(results: Iterable[Coherence]) -> Coherence:
    """Return the largest gap over runs, with the number of sums compared in all of them.

    No run at all is not coherent: the gap is infinite.
    """
    seen = list(results)
    if not seen:
        return Coherence(float("inf"), "no run was published")
    top = max(seen)
    return Coherence(top.relative, top.parent, top.run_id, sum(each.sums for each in seen))
