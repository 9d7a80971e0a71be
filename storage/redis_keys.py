"""Keys of the Redis read model; the braces keep a namespace on one node of a cluster."""

from __future__ import annotations

__all__ = [
    "alarms_key",
    "current_key",
    "events_key",
    "health_key",
    "level_key",
    "run_key",
    "rupture_key",
    "state_key",
]


def current_key(namespace: str) -> str:
    """String: id of the current forecast run.

    >>> current_key("demo")
    'gc:{demo}:forecast:current'
    """
    return f"gc:{{{namespace}}}:forecast:current"


def run_key(namespace: str, run_id: str) -> str:
    """String: JSON with the run's issue time and its levels."""
    return f"gc:{{{namespace}}}:forecast:run:{run_id}"


def level_key(namespace: str, run_id: str, level: str) -> str:
    """Hash: one level of a run, a blob a series and ``_meta``.

    >>> level_key("demo", "20141110T000000Z-short", "region")
    'gc:{demo}:forecast:run:20141110T000000Z-short:region'
    """
    return f"{run_key(namespace, run_id)}:{level}"


def events_key(namespace: str) -> str:
    """Stream of events, and the channel on which they are hinted at."""
    return f"gc:{{{namespace}}}:events"


def state_key(namespace: str) -> str:
    """Hash: a summary of the latest state of each network, JSON."""
    return f"gc:{{{namespace}}}:state"


def alarms_key(namespace: str) -> str:
    """Hash: the last alarm of each quantity that ever had one, JSON."""
    return f"gc:{{{namespace}}}:alarms"


def health_key(namespace: str) -> str:
    """Hash: the last heartbeat of each service, JSON."""
    return f"gc:{{{namespace}}}:health"


def rupture_key(namespace: str) -> str:
    """Hash: the last rupture event of each series, JSON."""
    return f"gc:{{{namespace}}}:rupture"
