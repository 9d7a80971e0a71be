"""The forecast stage: windows, losses and weather in; coherent forecasts and ruptures out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from forecasting.rupture_state import STATUSES, Statuses
from records.deadletter import dead_letter_record
from records.envelope import event_type, watermark_of
from records.errors import Reason, RecordError
from records.finding import Finding, findings_record
from records.log import LogRecord, Partition
from records.meter_estimate import ESTIMATE_TYPE, decode_estimate
from records.operator_act import ACT_TYPE, ActKind, decode_act
from records.rupture import Evidence, RuptureEvent, RuptureKind, RuptureStatus, rupture_record
from records.snapshot import Tree
from records.state import STATE_TYPE, NetworkState, decode_state
from records.tick import TICK_TYPE, decode_tick
from records.time import DAY
from records.topics import topic_name
from records.weather import WEATHER_TYPE, WeatherRecord, decode_weather
from records.window import WINDOW_TYPE, WindowBatch, decode_window
from stream.forecast_plan import ForecastPlan, TrainingSet
from stream.forecast_run import to_run
from stream.forecaster import Advance, Forecaster
from stream.join import Cut, CutJoin, JoinState, Share
from stream.stage import Issued, Outcome, Scope
from stream.watermark import TimeBounds

__all__ = ["ForecastStage", "ForecastState"]


@dataclass(slots=True)
class ForecastState:
    """Where the join stands, and everything the forecaster knows."""

    join: JoinState
    forecaster: Forecaster
    trained_at: int


class ForecastStage:
    """Issues forecasts on a cadence of event time.

    Parameters
    ----------
    namespace
        Namespace of the topics.
    plan
        What to forecast.
    training
        The past before the first record; only used where no checkpoint is loaded.
    bounds
        Which times of ticks and of weather are believed.
    """

    name = "forecast"
    scope = Scope.ALL

    def __init__(
        self,
        namespace: str,
        plan: ForecastPlan,
        training: TrainingSet,
        bounds: TimeBounds | None = None,
    ) -> None:
        self._plan = plan
        self._bounds = bounds or TimeBounds()
        self._training = training
        self._join = CutJoin(plan.step)
        self._windows = topic_name(namespace, plan.source)
        self._raw = topic_name(namespace, plan.raw)
        self._weather = topic_name(namespace, "weather.v1")
        self._estimates = topic_name(namespace, "meter.estimate.v1")
        self._states = topic_name(namespace, "network.state.v1")
        self._acts = topic_name(namespace, "operator.act.v1")
        self._ruptures = topic_name(namespace, "monitor.rupture.v1")
        self._findings = topic_name(namespace, "finding.v1")
        self._dead = topic_name(namespace, "dead-letter.v1")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Topics read: weather where stations are used, states for losses, others if asked."""
        weather = (self._weather,) if self._plan.stations else ()
        states = (self._states,) if self._plan.losses or self._plan.balanced else ()
        estimates = (self._estimates,) if self._plan.estimates else ()
        acts = (self._acts,) if self._plan.operator_acts else ()
        return (self._windows, *weather, *states, *estimates, *acts)

    def initial(self, partitions: Sequence[Partition]) -> ForecastState:
        """Train on the past."""
        forecaster = Forecaster.trained(self._plan, self._training)
        return ForecastState(self._join.initial(partitions), forecaster, forecaster.end)

    def step(self, state: ForecastState, record: LogRecord) -> tuple[ForecastState, list[Outcome]]:
        """Take a record in; issue whenever it completes a cut."""
        try:
            share, watermark = self._share(record)
        except RecordError as error:
            return state, [dead_letter_record(self._dead, record, error, source=self.name)]
        partition = Partition(record.topic, record.partition)
        outcomes: list[Outcome] = []
        for cut in self._join.take(state.join, partition, share, watermark):
            outcomes += self._at(state, cut)
        return state, outcomes

    def _share(self, record: LogRecord) -> tuple[Share | None, int | None]:
        kind = event_type(record.headers)
        if kind == TICK_TYPE:
            time = decode_tick(record.value).time
            self._bounds.check(time, record.append_time)
            return None, time
        if kind == WEATHER_TYPE:
            weather = decode_weather(record)
            # One issued too early, by a wrong clock, would outrank all forecasts until then.
            known = weather.available_at if weather.issue_time is None else weather.issue_time
            self._bounds.check(known, record.append_time)
        elif kind == WINDOW_TYPE:
            decode_window(record.value)
        elif kind == STATE_TYPE:
            decode_state(record.value)
        elif kind == ESTIMATE_TYPE:
            decode_estimate(record.value)
        elif kind == ACT_TYPE:
            self._bounds.check(decode_act(record.value).time, record.append_time)
        else:
            raise RecordError(Reason.UNKNOWN_TYPE, f"{kind} has no place in {record.topic}")
        return Share(kind, record.value, record.offset), watermark_of(record.headers)

    def _at(self, state: ForecastState, cut: Cut) -> list[Outcome]:
        forecaster = state.forecaster
        late: list[Finding] = []
        for partition, shares in cut.shares.items():
            for share in shares:
                self._take(forecaster, partition, share, late)
        outcomes: list[Outcome] = self._releases(forecaster, cut)
        if late:
            outcomes.append(findings_record(self._findings, 0, late, self.name, cut.time))
        if cut.time < forecaster.end:
            return outcomes
        for advance in forecaster.advance(cut.time):
            outcomes += self._ruptures_of(advance)
        every = self._plan.refit_every
        if every is not None and cut.time - state.trained_at >= every:
            recovering = forecaster.train()
            state.trained_at = cut.time
            outcomes += self._published(
                self._changes(forecaster.statuses, recovering, cut.time), cut.time
            )
        if cut.time % self._plan.cadence == 0:
            issue = forecaster.issue()
            run = to_run(self._plan, issue, forecaster.lineage(), self._quality(forecaster))
            outcomes.append(Issued(run, issue))
        return outcomes

    def _take(
        self, forecaster: Forecaster, partition: Partition, share: Share, late: list[Finding]
    ) -> None:
        if share.kind == WINDOW_TYPE:
            batch = decode_window(share.value)
            forecaster.inputs.take(self._raw, batch.area, batch.input_offset)
            n_late = forecaster.history.take_batch(batch)
            if forecaster.sources is not None:
                n_late += forecaster.sources.metered.take_batch(batch)
            if n_late:
                late.append(self._too_late(forecaster, batch, n_late))
        elif share.kind == ESTIMATE_TYPE:
            estimate = decode_estimate(share.value)
            if self._plan.approved_only:
                estimate = estimate.if_approved()
            forecaster.history.take_estimate(estimate)
        elif share.kind == STATE_TYPE:
            self._take_state(forecaster, decode_state(share.value))
        elif share.kind != ACT_TYPE:
            forecaster.inputs.take(partition.topic, partition.number, share.offset)
            forecaster.weather.take(_weather(partition, share))

    def _take_state(self, forecaster: Forecaster, state: NetworkState) -> None:
        """Take losses in, and what the areas consume by their balance."""
        plan = self._plan
        # States may be made more often than is wanted here.
        if not state.valid or state.time % plan.fine_step:
            return
        start = state.time - plan.fine_step
        losses = {
            plan.losses[area]: value
            for area, value in state.losses_mw.items()
            if area in plan.losses
        }
        forecaster.history.take_means(start, plan.fine_step, losses)
        if forecaster.sources is not None:
            consumed = {
                plan.balanced[area]: region.consumption_mw
                for area, region in state.regions.items()
                if area in plan.balanced
            }
            forecaster.sources.metered.take_means(start, plan.fine_step, consumed)

    def _releases(self, forecaster: Forecaster, cut: Cut) -> list[Outcome]:
        """Let people take series out of quarantine."""
        acts = [
            decode_act(share.value)
            for shares in cut.shares.values()
            for share in shares
            if share.kind == ACT_TYPE
        ]
        named = [act.element for act in acts if act.act is ActKind.RELEASE]
        freed = [forecaster.release(name, cut.time) for name in dict.fromkeys(named)]
        places = np.concatenate([np.zeros(0, np.int64), *freed])
        return self._published(self._changes(forecaster.statuses, places, cut.time), cut.time)

    def _too_late(self, forecaster: Forecaster, batch: WindowBatch, n_late: int) -> Finding:
        days = forecaster.history.corrected_for / DAY
        return Finding(
            str(batch.series[0]),
            "too_late",
            batch.start,
            _known(float(batch.mean[0])),
            f"{n_late} values of windows older than the {days:.0f} days that can be corrected: "
            "what the models have learnt from stands as it is until they are trained anew from "
            "the historian",
        )

    def _quality(self, forecaster: Forecaster) -> dict[str, dict[str, float]]:
        steps = self._plan.quality_steps
        recent = forecaster.history.values[-steps:]
        missing = (~np.isfinite(recent)).mean(axis=0) if len(recent) else np.zeros(0)
        imputed = forecaster.history.imputed_share(steps)
        false = forecaster.statuses.quarantined[self._plan.hierarchy.leaves]
        imputed = np.where(false, 1.0, imputed)
        return {
            leaf: {"imputed_share": float(imputed[i]), "missing_share": float(missing[i])}
            for i, leaf in enumerate(self._plan.leaves)
        }

    def _ruptures_of(self, advance: Advance) -> list[Outcome]:
        found, step = advance.events, self._plan.step
        now = advance.start + step
        simplified = set(advance.changed[advance.statuses.simplified[advance.changed]].tolist())
        events, by_event = [], set()
        for i, (series, kind) in enumerate(zip(found.series.tolist(), found.kind, strict=True)):
            broke = kind == RuptureKind.LEVEL and series in simplified
            by_event |= {series} if broke else set()
            evidence = Evidence(
                float(found.statistic[i]),
                float(found.threshold[i]),
                _known(advance.before[i]),
                _known(advance.after[i]),
            )
            onset = advance.start - int(found.onset_steps[i]) * step
            status = RuptureStatus.SIMPLIFIED if broke else None
            name = self._plan.hierarchy.ids[series]
            events.append(RuptureEvent(name, onset, now, RuptureKind(kind), evidence, status))
        others = np.array([s for s in advance.changed.tolist() if s not in by_event], np.int64)
        told = self._published([*events, *self._changes(advance.statuses, others, now)], now)
        false = [
            Finding(
                self._plan.hierarchy.ids[series],
                "source_quarantined",
                int(advance.statuses.onset[series]),
                float(advance.statuses.statistic[series]),
                "readings that the balance of what is metered bears out; this share of its gap "
                "follows the source: the balance stands for it until a person releases it",
            )
            for series in advance.changed[advance.statuses.quarantined[advance.changed]].tolist()
        ]
        if false:
            told.append(findings_record(self._findings, 0, false, self.name, now))
        return told

    def _changes(
        self, statuses: Statuses, changed: npt.NDArray[np.int64], now: int
    ) -> list[RuptureEvent]:
        """Tell the new state of series; before and after are told with the rupture itself."""
        return [
            RuptureEvent(
                self._plan.hierarchy.ids[series],
                int(statuses.onset[series]),
                now,
                RuptureKind.CONTRADICTED if statuses.quarantined[series] else RuptureKind.LEVEL,
                Evidence(
                    float(statuses.statistic[series]), float(statuses.threshold[series]), None, None
                ),
                RuptureStatus(STATUSES[statuses.status[series]]),
            )
            for series in changed.tolist()
        ]

    def _published(self, events: list[RuptureEvent], now: int) -> list[Outcome]:
        return [rupture_record(self._ruptures, events, now)] if events else []

    def dump(self, state: ForecastState) -> Tree:
        """State as a tree."""
        return {
            "join": self._join.dump(state.join),
            "forecaster": state.forecaster.dump(),
            "trained_at": state.trained_at,
        }

    def load(self, tree: Tree) -> ForecastState:
        """State from its tree."""
        stored = cast("Mapping[str, Any]", tree)
        return ForecastState(
            self._join.load(stored["join"]),
            Forecaster.load(self._plan, stored["forecaster"]),
            stored["trained_at"],
        )


def _weather(partition: Partition, share: Share) -> WeatherRecord:
    return decode_weather(
        LogRecord(partition.topic, partition.number, share.offset, 0, share.value)
    )


def _known(level: float) -> float | None:
    return float(level) if np.isfinite(level) else None
