"""Which local days should have been consolidated by now and were not."""

from __future__ import annotations

import numpy as np

from records.finding import Finding
from stream.local_clock import LocalClock
from stream.meter_versions import MeterVersions

__all__ = ["overdue"]

_PROVISIONAL = 0
_NAMED = 5


def overdue(
    versions: MeterVersions, clock: LocalClock, area: int, since: int, until: int
) -> list[Finding]:
    """Return a finding for each local day of an area that holds provisional readings.

    Parameters
    ----------
    versions
        What stands.
    clock
        Local clock of the meters.
    area
        Area number.
    since, until
        Days that were due for consolidation, ns UTC.
    """
    provisional: dict[int, set[int]] = {}
    for start, period in versions.periods():
        if not since <= start < until:
            continue
        kept = versions.standing(start, period)
        assert kept is not None
        waiting = (kept.revision > 0) & (kept.run == _PROVISIONAL) & np.isfinite(kept.net_mwh)
        if waiting.any():
            day = clock.day(start)[0]
            provisional.setdefault(day, set()).update(np.flatnonzero(waiting).tolist())
    findings = []
    for day in sorted(provisional):
        meters = sorted(versions.meters[place] for place in provisional[day])
        more = len(meters) - _NAMED
        named = ", ".join(meters[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        findings.append(
            Finding(
                f"area:{area}",
                "consolidation_overdue",
                day,
                float(len(meters)),
                f"consolidated readings of the whole day; provisional ones stand for {named}",
            )
        )
    return findings
