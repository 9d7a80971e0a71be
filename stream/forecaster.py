"""The forecaster without its transport: what it knows, how it learns, how it issues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from forecasting.arrays import Artefact
from forecasting.backends import mid_term_backend, residual_backend
from forecasting.fleet import Fleet
from forecasting.issue import Issue, issue
from forecasting.level_fallback import LevelFallback, level_fallback
from forecasting.live import LiveState
from forecasting.naive import WEEK
from forecasting.reconciliation import Reconciler
from forecasting.rupture import (
    RuptureEvents,
    RuptureRules,
    RuptureState,
    levels_around_onset,
    observed,
)
from forecasting.rupture import step as watch
from forecasting.rupture_state import Statuses, learnt_again, observe, quarantined, released
from forecasting.training import History, train
from records.lineage import RunLineage, TrainingLineage
from records.snapshot import Tree
from records.time import DAY, format_duration, format_time
from stream.forecast_plan import ForecastPlan, TrainingSet
from stream.raw_ranges import RawRanges
from stream.series_history import SeriesHistory
from stream.source_watch import SourceWatch
from stream.weather_book import WeatherBook

__all__ = ["Advance", "Forecaster"]

FloatArray = npt.NDArray[np.float64]

_MOST_FILLED = 0.2
_DISTRUST = 1e3  # variance of a quarantined series, over its own: it does not move the others
_QUARANTINED = "quarantined: what the balance leaves it stands for its readings"


@dataclass(frozen=True, slots=True)
class Advance:
    """What one new step told.

    Parameters
    ----------
    start
        Of the step, ns UTC.
    events
        Ruptures and outliers found on it.
    before, after
        Level around each of them, MW, NaN = not known, shape (n_events,).
    statuses
        State of every series after it.
    changed
        Series whose state changed on it.
    """

    start: int
    events: RuptureEvents
    before: FloatArray
    after: FloatArray
    statuses: Statuses
    changed: npt.NDArray[np.int64]


class Forecaster:
    """Everything one product knows; owned and changed in place by its stage.

    `history` and `weather` take records in at any time, `inputs` notes which raw records they
    followed from; `advance` then carries the models forward to a time, and `issue` forecasts from
    there.
    """

    def __init__(self, plan: ForecastPlan, history: SeriesHistory, weather: WeatherBook) -> None:
        self.plan = plan
        self.history = history
        self.weather = weather
        self.inputs = RawRanges()
        self.sources: SourceWatch | None = None
        self._fleet: Fleet
        self._reconciler: Reconciler
        self._settled: LiveState
        self._live: LiveState
        self._training: TrainingLineage
        self._watch: RuptureState
        self.statuses = Statuses.normal(len(plan.hierarchy.ids), history.end)
        self._expected: FloatArray | None = None
        self._expected_start = 0

    @classmethod
    def trained(cls, plan: ForecastPlan, training: TrainingSet) -> Forecaster:
        """Start from a past, and train on it."""
        history = SeriesHistory(
            plan.leaves, training.start, plan.step, training.loads, fine_step=plan.fine_step
        )
        book = WeatherBook(plan.stations, training.start, plan.step, training.temperatures)
        forecaster = cls(plan, history, book)
        if plan.balances:
            forecaster.sources = SourceWatch.starting(plan, training)
        forecaster.train()
        return forecaster

    @property
    def end(self) -> int:
        """End of the last step taken in, ns UTC: the next issue time."""
        return self._live.end_ns

    @property
    def version(self) -> str:
        """Of the models: digest of what they learnt."""
        return self._training.version

    @property
    def fleet(self) -> Fleet:
        """The trained models."""
        return self._fleet

    def train(self) -> npt.NDArray[np.int64]:
        """Fit all models on everything known so far; return the series whose state changed.

        What precedes a rupture takes the level since, and counts no longer once enough is known
        since; sums are learnt from their parts at the level since.
        """
        end = self.history.end
        n_steps = len(self.history.values)
        stations = self._stations(self.history.start, end)
        past = History(
            series=self.plan.hierarchy.ids,
            times=self.history.start + self.plan.step * np.arange(n_steps, dtype=np.int64),
            load=self._relevant_past(),
            stations=stations,
            weights=self.plan.weights if stations is not None else None,
        )
        trained = train(
            self.plan.calendar,
            past,
            n_steps=self.plan.n_steps,
            mid_term=mid_term_backend(self.plan.mid_term),
            residual=residual_backend(self.plan.residual),
        )
        self._install(trained.fleet)
        self._settled = self._live = trained.state
        self._watch = RuptureState.starting(trained.fleet.ar.innovation_sd)
        self.statuses, recovering = learnt_again(self.statuses, end)
        self._training = self._lineage_of_training(end)
        return np.flatnonzero(recovering)

    def advance(self, now: int) -> list[Advance]:
        """Take in every step that ends by `now` (ns UTC), and whatever was corrected before."""
        self.history.extend_to(now)
        corrected = self.history.corrected_since(self._settled.end_ns, self._live.end_ns)
        if corrected:
            self._live = self._replayed(self._settled, self._live.end_ns)
        found = []
        while self._live.end_ns + self.plan.step <= now:
            found.append(self._take_step(self._live.end_ns))
        if self._live.end_ns - self._settled.end_ns >= 2 * self.plan.settle:
            self._settled = self._replayed(self._settled, self._live.end_ns - self.plan.settle)
            self._live = self._replayed(self._settled, self._live.end_ns)
        return found

    def issue(self) -> Issue:
        """Forecast from the end of what was taken in."""
        start = self._live.end_ns
        stations = self._stations(start, start + self.plan.n_steps * self.plan.step)
        fallback = self._fallback(self._live)
        result = issue(
            self._fleet, self._live, self._reconciler, self.plan.n_steps, stations, fallback
        )
        self._expected = result.forecasts["gam_ar"][self.plan.hierarchy.leaves]
        self._expected_start = start
        reason = tuple(
            _QUARANTINED if false else text
            for false, text in zip(self.statuses.quarantined.tolist(), result.reason, strict=True)
        )
        return replace(result, reason=reason)

    def lineage(self) -> RunLineage:
        """Where the numbers of an issue made now come from."""
        memory = max(self._fleet.ar.memory, WEEK * self.plan.calendar.n_instants)
        return RunLineage(
            code=self.plan.code,
            features=self._fleet.features,
            memory=format_duration(memory * self.plan.step),
            estimated=sorted(self.plan.losses.values()),
            training=self._training,
            inputs=self.inputs.told(),
        )

    def _lineage_of_training(self, end: int) -> TrainingLineage:
        since, given = self.history.start, min(self.history.given_until, end)
        return TrainingLineage(
            self._fleet.digest,
            format_time(since),
            format_time(end),
            format_time(given),
            self.plan.code,
            self.inputs.told(),
        )

    def _install(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._weigh()

    def _weigh(self) -> None:
        """Set up reconciliation; what is quarantined counts for little."""
        variance = self._fleet.error_variance
        distrust = np.where(self.statuses.quarantined, _DISTRUST, 1.0)
        fleet = replace(self._fleet, error_variance=variance * distrust)
        self._reconciler = fleet.reconciler(self.plan.hierarchy)

    def release(self, series: str, now: int) -> npt.NDArray[np.int64]:
        """Believe a series again; return its place, nothing where it was not quarantined."""
        freed = self.statuses.quarantined & (np.array(self.plan.hierarchy.ids) == series)
        if freed.any() and self.sources is not None:
            self.statuses = released(self.statuses, freed, now)
            self.sources.forget(freed[self.plan.hierarchy.leaves])
            self._weigh()
        return np.flatnonzero(freed)

    def _guard(self, sources: SourceWatch, start: int) -> npt.NDArray[np.int64]:
        """Let the balance judge a step that was taken in; return places that are quarantined."""
        tree, step = self.plan.hierarchy, self.plan.step
        readings = self.history.values[(start - self.history.start) // step]
        link, last = self._fleet.link, self._live.residuals[-1]
        expected = link.inverse(link.forward(self._live.loads[-1:]) - last)[0]
        distrusted = self.statuses.quarantined[tree.leaves]
        judged = sources.step(start, readings, expected[tree.leaves], distrusted)
        if not len(judged):
            return np.zeros(0, np.int64)
        places = tree.leaves[judged.leaf]
        since = (start // DAY - judged.days) * DAY
        least, now = sources.rules.explained, start + step
        after = quarantined(self.statuses, places, since, judged.explained, least, now)
        # What the sums seemed to do since then was the false source.
        above = np.isin(np.arange(len(tree)), tree.leaves, invert=True)
        above &= after.simplified & (after.onset >= since.min() - DAY)
        self.statuses = released(after, above, now)
        found = np.zeros(len(tree.leaves), np.bool_)
        found[judged.leaf] = True
        sources.forget(found)
        self._weigh()
        self._settled, self._live = self._cleaned(self._settled), self._cleaned(self._live)
        return np.concatenate([places, np.flatnonzero(above)])

    def _cleaned(self, state: LiveState) -> LiveState:
        """Return a state with what is believed now of the past that it keeps."""
        since = state.end_ns - self.plan.step * len(state.loads)
        first = (since - self.history.start) // self.plan.step
        rows = self.history.values[first : first + len(state.loads)]
        return state.corrected(self._fleet, self._all_nodes(self._credible(rows, since)))

    def _credible(self, leaves: FloatArray, start: int) -> FloatArray:
        if self.sources is None:
            return leaves
        places = self.plan.hierarchy.leaves
        distrusted, since = self.statuses.quarantined[places], self.statuses.onset[places]
        return self.sources.credible(leaves, start, distrusted, since)

    def _take_step(self, start: int) -> Advance:
        loads, stations = self._inputs(start, start + self.plan.step)
        before = self._live
        self._live = before.advanced(self._fleet, loads, stations)
        instant = self.plan.calendar.instant(np.array([start]))
        past, last = before.residuals, self._live.residuals[-1]
        fallback = self._fallback(before)
        if fallback is not None:
            past, last = fallback.residuals(before, self.plan.step), last - fallback.offset
        expected = self._fleet.ar.forecast(past, instant)[0]
        known = np.isfinite(loads[0])
        innovations = np.where(known, last - expected, np.nan)
        self._watch, events = watch(self._watch, innovations, loads[0])
        step, rules = self.plan.step, RuptureRules()
        seen = observed(self._watch, events, rules, start, step)
        self.statuses, changed = observe(self.statuses, seen, start + step)
        if self.sources is not None:
            changed[self._guard(self.sources, start)] = True
        around = levels_around_onset(events, self._live.loads, self.plan.calendar.n_instants)
        return Advance(start, events, *around, self.statuses, np.flatnonzero(changed))

    def _fallback(self, state: LiveState) -> LevelFallback | None:
        """Return what stands in for the models of the series that ruptured."""
        if not self.plan.switch_on_rupture:
            return None
        states = self.statuses
        tree = self.plan.hierarchy
        return level_fallback(self._fleet, state, tree, states.simplified, states.onset)

    def _relevant_past(self) -> FloatArray:
        """Step means of every node for a training, shape (n_steps, n_nodes)."""
        values = self._all_nodes(self._credible(self.history.measured, self.history.start))
        starts = self.history.start + self.plan.step * np.arange(len(values))
        # A false source teaches nothing, not even by what the balance leaves it.
        values[(starts[:, None] >= self.statuses.onset) & self.statuses.quarantined] = np.nan
        if not (self.plan.switch_on_rupture and self.statuses.simplified.any()):
            return values
        fallback = self._fallback(self._live)
        if fallback is not None:
            level = fallback.levelled(self._fleet, values, self.history.end)
            values = self._all_nodes(level[:, self.plan.hierarchy.leaves])
        _, enough = learnt_again(self.statuses, self.history.end)
        values[(starts[:, None] < self.statuses.onset) & enough] = np.nan
        return values

    def _replayed(self, state: LiveState, until: int) -> LiveState:
        """Advance a state with what is known now about the steps up to `until`."""
        if state.end_ns >= until:
            return state
        return state.advanced(self._fleet, *self._inputs(state.end_ns, until))

    def _inputs(self, since: int, until: int) -> tuple[FloatArray, FloatArray | None]:
        first = (since - self.history.start) // self.plan.step
        last = (until - self.history.start) // self.plan.step
        leaves = self._credible(self.history.values[first:last], since)
        return self._all_nodes(leaves, since), self._stations(since, until)

    def _stations(self, since: int, until: int) -> FloatArray | None:
        if not self.plan.stations:
            return None
        return self.weather.path(self.history.end, since, until)

    def _all_nodes(self, leaves: FloatArray, since: int | None = None) -> FloatArray:
        """Step means of every node, shape (n_steps, n_nodes).

        A sum with missing parts takes their forecast where that is a small share of it,
        and is missing otherwise.
        """
        tree = self.plan.hierarchy
        known = np.isfinite(leaves)
        filled = np.where(known, leaves, 0.0)
        guess = np.zeros_like(filled)
        if since is not None and self._expected is not None and not known.all():
            offset = (since - self._expected_start) // self.plan.step
            n_known = max(0, min(len(leaves), self._expected.shape[1] - offset))
            if offset >= 0 and n_known:
                told = self._expected[:, offset : offset + n_known].T
                guess[:n_known] = np.where(known[:n_known], 0.0, told)
        sums = tree.aggregate((filled + guess).T).T
        guessed = np.abs(tree.aggregate(np.abs(guess).T).T)
        blind = tree.aggregate((~known & (guess == 0.0)).astype(np.float64).T).T
        sums[(blind > 0) | (guessed > _MOST_FILLED * np.abs(sums))] = np.nan
        sums[:, tree.leaves] = leaves
        return sums

    def dump(self) -> Tree:
        """State as a tree."""
        return {
            "history": self.history.dump(),
            "weather": self.weather.dump(),
            "fleet": _tree(self._fleet.to_arrays()),
            "settled": _tree(self._settled.to_arrays()),
            "live": _tree(self._live.to_arrays()),
            "watch": _tree(self._watch.to_arrays()),
            "statuses": _tree(self.statuses.to_arrays()),
            "expected": self._expected,
            "expected_start": self._expected_start,
            "inputs": self.inputs.dump(),
            "sources": None if self.sources is None else self.sources.dump(),
            "training": msgspec.to_builtins(self._training),
        }

    @classmethod
    def load(cls, plan: ForecastPlan, tree: Mapping[str, Any]) -> Forecaster:
        """State from its tree."""
        history = SeriesHistory.load(tree["history"])
        forecaster = cls(plan, history, WeatherBook.load(tree["weather"]))
        forecaster.statuses = Statuses.from_arrays(_artefact(tree["statuses"]))
        forecaster._install(Fleet.from_arrays(_artefact(tree["fleet"])))
        if tree.get("sources") is not None:
            forecaster.sources = SourceWatch.load(tree["sources"])
        forecaster._settled = LiveState.from_arrays(_artefact(tree["settled"]))
        forecaster._live = LiveState.from_arrays(_artefact(tree["live"]))
        forecaster._watch = RuptureState.from_arrays(_artefact(tree["watch"]))
        forecaster._expected = tree["expected"]
        forecaster._expected_start = tree["expected_start"]
        forecaster.inputs = RawRanges.load(tree.get("inputs", ()))
        # Checkpoints from before lineages were kept: what led to the training is not known.
        until = forecaster._fleet.trained_until_ns
        training = tree.get("training") or msgspec.to_builtins(
            forecaster._lineage_of_training(until)
        )
        forecaster._training = msgspec.convert(training, TrainingLineage)
        return forecaster


def _tree(artefact: Artefact) -> Tree:
    return {"arrays": dict(artefact.arrays), "facts": dict(artefact.facts)}


def _artefact(tree: Mapping[str, Any]) -> Artefact:
    return Artefact(tree["arrays"], tree["facts"])
