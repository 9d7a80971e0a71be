"""A user's own data: reading a dataset folder, and sending it as records."""

from ingest.dataset.errors import DatasetError, Problem
from ingest.dataset.folder import Dataset, read_dataset
from ingest.dataset.hierarchy import HierarchySpec, NodeSpec
from ingest.dataset.load import LoadGrid, LoadReadings
from ingest.dataset.sending import dataset_batches
from ingest.dataset.weather import WeatherForecasts, WeatherGrid, WeatherObservations

__all__ = [
    "Dataset",
    "DatasetError",
    "HierarchySpec",
    "LoadGrid",
    "LoadReadings",
    "NodeSpec",
    "Problem",
    "WeatherForecasts",
    "WeatherGrid",
    "WeatherObservations",
    "dataset_batches",
    "read_dataset",
]
