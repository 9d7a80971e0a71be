"""The network twin: a published network driven by real load shapes, seen through telemetry."""

from ingest.twin.faults import FaultRates
from ingest.twin.history import History
from ingest.twin.truth import TimedTable, read_truth
from ingest.twin.twin import Twin, TwinSettings

__all__ = ["FaultRates", "History", "TimedTable", "Twin", "TwinSettings", "read_truth"]
