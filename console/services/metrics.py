"""Prometheus figures of a service, on loopback; names and base units as docs/operations.md says."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, start_http_server

from console.settings import MetricsSettings

__all__ = ["DEADLINES_MISSED", "FORECAST_LAST_SUCCESS", "SERVICES", "serve_metrics"]

SERVICES = (
    "gateway",
    "processor",
    "forecaster",
    "recorder",
    "watcher",
    "area",
    "metering",
    "estimation",
    "forecast",
    "alarms",
    "rebuild",
    "rollup",
    "meter_estimates",
)
"""In the order of their ports, from the first one up; further workers come after them all."""

DEADLINES_MISSED = Counter(
    "gridcast_forecast_deadline_missed", "Forecasts published after their deadline, or never."
)
FORECAST_LAST_SUCCESS = Gauge(
    "gridcast_forecast_last_success_timestamp_seconds", "Wall time of the last publication."
)


def serve_metrics(settings: MetricsSettings, service: str, instance: int = 0) -> int | None:
    """Serve the figures of this process; return the port, None when switched off."""
    if not settings.enabled or service not in SERVICES:
        return None
    port = settings.first_port + SERVICES.index(service) + instance * len(SERVICES)
    start_http_server(port, addr="127.0.0.1")
    return port
