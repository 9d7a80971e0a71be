"""The network twin: everything its gateways send over a period, in order, by a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.batch import Batch, ticks
from ingest.twin.delivery import Queue, Sent
from ingest.twin.faults import FaultRates, draw_faults
from ingest.twin.frames import FrameNotes, Gateways
from ingest.twin.grid import NODE, Powers
from ingest.twin.history import History, history_of
from ingest.twin.measuring import Corruption, Measuring
from ingest.twin.metering import Metering
from ingest.twin.register import telemetry_of
from ingest.twin.shapes import LoadShapes
from ingest.twin.switching import Era, SwitchedGrid, joined_powers
from ingest.twin.truth import TimedTable, write_corruption, write_truth
from ingest.twin.victoria import FIRST_HOUR, LAST_HOUR
from ingest.twin.weather import (
    ISSUED_EVERY,
    STATION,
    forecast_records,
    observation_records,
)
from network.model import Network
from network.topology import BreakerEvent
from records.meter import MeterDocument, meter_record
from records.points import PointRegister
from records.time import DAY, HOUR, MINUTE, SECOND, format_time
from records.topics import topic_name
from records.weather import weather_record

__all__ = ["Twin", "TwinSettings"]

_SOURCE = "gateway"


@dataclass(frozen=True, slots=True)
class TwinSettings:
    """What the twin sends.

    Parameters
    ----------
    start, end
        Period, ns UTC, whole hours of 2014.
    namespace
        Namespace of the topics.
    scan_period
        Between two scans, ns; 2 to 60 s, a divisor of five minutes.
    tick_period
        Between two ticks of every raw partition, ns.
    closing
        How far the last ticks go beyond `end`, ns: as much as windows wait for latecomers.
    rates
        How often what goes wrong.
    seed
        Of everything that is drawn.
    operator_acts
        Tick the topic of what operators do, too, for someone reads it.
    switchings
        Branches that open and close; times are multiples of five minutes.
    breaker_status
        Telemeter whether branches are closed; where there are switchings it is done anyway.
    """

    start: int
    end: int
    namespace: str = "demo"
    scan_period: int = 30 * SECOND
    tick_period: int = 5 * MINUTE
    closing: int = 5 * MINUTE
    rates: FaultRates = field(default_factory=FaultRates)
    seed: int = 118
    operator_acts: bool = False
    switchings: tuple[BreakerEvent, ...] = ()
    breaker_status: bool = False

    def __post_init__(self) -> None:
        if not 2 * SECOND <= self.scan_period <= 60 * SECOND or NODE % self.scan_period:
            raise ValueError(
                f"scan_period is {self.scan_period / SECOND:g} s; use a divisor of 5 minutes "
                "between 2 and 60 s"
            )
        if self.start % HOUR or self.end % HOUR or self.start >= self.end:
            raise ValueError("start and end must be whole hours, start before end")
        if any(event.time % NODE for event in self.switchings):
            raise ValueError("a branch is switched at a multiple of five minutes")
        if self.tick_period % self.scan_period:
            raise ValueError("tick_period must be a multiple of scan_period")


class Twin:
    """A network driven by real load shapes.

    Attributes
    ----------
    network
        The network.
    register
        What its telemetry measures.
    area_names
        Names of the areas by area number.
    load_series
        Names of the loads' active powers, such as ``"load:12 p_mw"``.
    load_area
        Area of each load, shape (n_load,).
    """

    def __init__(self, network: Network, settings: TwinSettings) -> None:
        self.network = network
        self.settings = settings
        _check_year(settings.start, settings.end)
        shapes = LoadShapes.of(network, settings.seed)
        self._switched = SwitchedGrid(network, shapes, settings.switchings)
        self._grid = self._switched.case
        self._telemetry = telemetry_of(
            network,
            self._grid.bus_area,
            breaker_status=settings.breaker_status or bool(settings.switchings),
        )
        self.register: PointRegister = self._telemetry.register
        self.area_names = self._grid.area_names
        self.load_series = tuple(f"{name} p_mw" for name in network.loads.id.tolist())
        self.load_area: npt.NDArray[np.int64] = self._grid.load_area
        self._names = {
            name: topic_name(settings.namespace, name)
            for name in ("scada.frame.v1", "meter.read.v1", "weather.v1", "operator.act.v1")
        }

    @property
    def partitions(self) -> list[tuple[str, int]]:
        """Every raw partition: full topic name and number."""
        areas = range(len(self.area_names))
        by_area = [(self._names[n], a) for n in ("scada.frame.v1", "meter.read.v1") for a in areas]
        acts = ["operator.act.v1"] if self.settings.operator_acts else []
        return [*by_area, *((self._names[name], 0) for name in ("weather.v1", *acts))]

    def history(self, start: int, end: int) -> History:
        """Hourly history over ``[start, end)`` (ns UTC, whole hours of 2014).

        Raises
        ------
        ValueError
            When the period is not within the year of the load shapes.
        """
        _check_year(start, end)
        return history_of(self._grid, self.load_series, STATION, start, end, self.settings.seed)

    def batches(self, truth: Path | None = None) -> Iterator[Batch]:
        """Yield everything that is sent, one batch a scan, then the ticks that close it.

        Parameters
        ----------
        truth
            Folder for the truth, written day by day; None keeps none.
        """
        made, grid = self.settings, self._grid
        queue = Queue()
        measuring = Measuring(grid, self._telemetry, made.scan_period, made.seed)
        gateways = Gateways(
            self._telemetry, self._names["scada.frame.v1"], made.scan_period, made.seed
        )
        metering = Metering(self.load_series, self.load_area, made.seed)
        self._queue_weather(made.start, made.end, queue)
        for low in range(made.start - made.start % DAY, made.end, DAY):
            start, end = max(low, made.start), min(low + DAY, made.end)
            # Solved from midnight on, wherever the period starts: a power flow depends on where
            # it starts from by its tolerance, and the same time must give the same bytes.
            eras = self._switched.eras(low, start, end)
            means = joined_powers([era.grid.interval_means(era.states) for era in eras])
            for document in metering.documents(start, means.load.real):
                self._queue_document(document, queue)
            day = low // DAY
            faults = draw_faults(self._telemetry, made.rates, day, made.scan_period, made.seed)
            corruption, notes = Corruption(), FrameNotes()
            for era in eras:
                for node in era.states.times[:-1].tolist():
                    readings = measuring.block(era.states, node, faults, corruption, grid=era.grid)
                    for row, time in enumerate(readings.times.tolist()):
                        now = gateways.scan(readings, row, faults, notes, queue)
                        yield self._batch(time, now, queue)
            if truth is not None:
                name = format_time(low)[:10]
                write_truth(truth, "hourly", name, self._hourly(start, means))
                write_truth(truth, "flows", name, self._flows(eras, end == made.end))
                write_corruption(truth, name, corruption, notes)
        yield self._batch(made.end, [], queue)
        last = made.end + made.closing
        yield Batch(last, tuple(ticks(self.partitions, last, _SOURCE)), 0)

    def _batch(self, time: int, now: list[Sent], queue: Queue) -> Batch:
        """What is sent at `time`: the scan, what has come late, and ticks where they are due."""
        sent = now + queue.due(time)
        records = [entry.record for entry in sent]
        if time % self.settings.tick_period == 0:
            records += ticks(self.partitions, time, _SOURCE)
        return Batch(time, tuple(records), sum(entry.n_measurements for entry in sent))

    def _queue_weather(self, start: int, end: int, queue: Queue) -> None:
        """Queue observations, and forecasts from the newest of before the start on."""
        victoria, topic = self._grid.shapes.victoria, self._names["weather.v1"]
        observed = observation_records(victoria, start, end)
        forecast = forecast_records(victoria, start - ISSUED_EVERY, end, self.settings.seed)
        for weather in (*observed, *forecast):
            record = weather_record(topic, weather, _SOURCE)
            queue.put(weather.available_at, Sent(record, len(weather.value)))

    def _queue_document(self, document: MeterDocument, queue: Queue) -> None:
        record = meter_record(self._names["meter.read.v1"], document)
        count = sum(len(series.start) for series in document.series)
        queue.put(document.available_at, Sent(record, count))

    def _hourly(self, start: int, means: Powers) -> TimedTable:
        """Mean of loads and losses over each hour."""
        both = np.concatenate([means.load.real, self._grid.losses(means)], axis=1)
        per_hour = HOUR // NODE
        losses = (f"losses:{area}" for area in range(len(self.area_names)))
        hours = both.reshape(-1, per_hour, both.shape[1]).mean(axis=1)
        times = start + HOUR * np.arange(len(hours), dtype=np.int64)
        return TimedTable(times, (*self.load_series, *losses), hours)

    def _flows(self, eras: list[Era], is_last: bool) -> TimedTable:
        """Active power at the nodes; the last node of a day or an era is the next one's first."""
        times, powers = [], []
        for era in eras:
            v, load = era.states.v, era.states.load
            upto = len(v) if is_last and era is eras[-1] else len(v) - 1
            times.append(era.states.times[:upto])
            powers.append(era.grid.powers(v[:upto], load[:upto]))
        ends = ("from", "to")
        names = [f"branch:{row} {end} p_mw" for end in ends for row in range(self.network.n_branch)]
        flows = joined_powers(powers)
        values = np.concatenate([flows.s_from.real, flows.s_to.real], axis=1)
        return TimedTable(np.concatenate(times), tuple(names), values)


def _check_year(start: int, end: int) -> None:
    if not FIRST_HOUR <= start < end <= LAST_HOUR:
        raise ValueError(
            f"{format_time(start)} to {format_time(end)} is not within the year of the load "
            f"shapes, {format_time(FIRST_HOUR)} to {format_time(LAST_HOUR)}"
        )
