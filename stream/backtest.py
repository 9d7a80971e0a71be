"""A dataset and a protocol in, scores out: what would have been forecast, from what was known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from forecasting.aggregation import lead_bands
from forecasting.arrays import FloatArray, IntArray
from forecasting.boosting.expert import BoostedSeries
from forecasting.boosting.trees import BoostingMissingError, require_lightgbm
from forecasting.calendar import NS_PER_DAY
from forecasting.conformal import log_scales
from forecasting.lead_backtest import LAST_YEAR, FleetBacktest, WeatherIssues
from forecasting.naive import WEEK
from forecasting.rolling_origin import Origins
from forecasting.score_rows import cells_of, score_cells
from forecasting.vanilla import VanillaModel, fit_vanilla
from ingest.dataset import Dataset
from ingest.dataset.incumbent import IncumbentForecasts
from stream.backtest_fleet import fleet_of
from stream.backtest_incumbent import incumbent_forecasts
from stream.backtest_inputs import BacktestInputs, backtest_inputs, issued_paths
from stream.backtest_protocol import BOOSTED, MID_TERM, Product, Protocol, ProtocolError

__all__ = ["run_backtest"]

_DISTRIBUTION = {
    "gam": "gam",
    "gam_ar": "gam_ar",
    "aggregated": "gam_ar",
    "boosted": "gam_ar",
    "reconciled": "gam_ar",
}
_LEAST_TRAINING = 60


def _silent(_: str) -> None:
    """Tell nobody."""


def run_backtest(
    dataset: Dataset,
    protocol: Protocol,
    *,
    incumbent: IncumbentForecasts | None = None,
    on_progress: Callable[[str], None] = _silent,
) -> list[dict[str, Any]]:
    """Return the scores by series, lead, method, and hour or day type.

    Parameters
    ----------
    incumbent
        Forecasts in use today, scored beside ours.
    on_progress
        Told what is being done.

    Raises
    ------
    ProtocolError
        When the protocol does not fit the dataset.
    stream.backtest_inputs.LeakError
        When the dataset would let the future in.
    """
    spec = dataset.hierarchy
    missing = set(protocol.levels or ()) - set(spec.levels)
    if missing:
        raise ProtocolError(
            f"levels: no {sorted(missing)[0]!r}; the dataset has {', '.join(spec.levels)}"
        )
    n_steps = protocol.n_steps(spec.step_ns)
    if protocol.origin_step % spec.step_ns:
        raise ProtocolError("origin_step: must be a multiple of the dataset's step")
    inputs = backtest_inputs(dataset, protocol)
    if inputs.n_train * spec.step_ns < _LEAST_TRAINING * NS_PER_DAY:
        raise ProtocolError(f"train_start: at least {_LEAST_TRAINING} days must precede test_start")
    if BOOSTED in protocol.methods:
        _refuse_trees(protocol, inputs)
    run = _Run(dataset, protocol, inputs, n_steps, incumbent, on_progress)
    rows: list[dict[str, Any]] = []
    for lead in protocol.leads:
        on_progress(f"scoring {lead}")
        rows += run.scored(lead)
    return rows


def _refuse_trees(protocol: Protocol, inputs: BacktestInputs) -> None:
    """Refuse boosted trees where they would know too much, or cannot be had."""
    try:
        require_lightgbm()
    except BoostingMissingError as error:
        raise ProtocolError(f"methods: {error}") from None
    if protocol.as_issued:
        raise ProtocolError("methods: 'boosted' is for weather = 'actual'; leave it out")
    if inputs.known.delay_steps:
        raise ProtocolError(
            "methods: 'boosted' is for loads known when their interval is over; these come later, "
            "so leave it out"
        )


@dataclass(frozen=True)
class _Targets:
    """Forecasts of some targets, those of one origin after the other."""

    rows: IntArray
    forecasts: dict[str, FloatArray]
    fans: dict[str, Callable[[IntArray], FloatArray]]


class _Run:
    """One backtest; each part is computed when a lead first needs it."""

    def __init__(
        self,
        dataset: Dataset,
        protocol: Protocol,
        inputs: BacktestInputs,
        n_steps: int,
        incumbent: IncumbentForecasts | None,
        on_progress: Callable[[str], None],
    ) -> None:
        self.dataset, self.protocol, self.inputs = dataset, protocol, inputs
        self.incumbent, self.on_progress = incumbent, on_progress
        self.n_steps = n_steps
        self.probabilities = np.array(protocol.quantiles)
        levels = inputs.known.tree.levels
        chosen = protocol.levels or tuple(dict.fromkeys(levels))
        self.nodes = np.array([i for i, level in enumerate(levels) if level in chosen])
        self._at_gate: dict[Product, tuple[Origins, dict[str, FloatArray], FloatArray]] = {}

    @cached_property
    def fleet(self) -> FleetBacktest:
        longest = max(self._reach, self.inputs.calendar.n_instants)
        return fleet_of(self.inputs, self.protocol, longest)

    @property
    def _reach(self) -> int:
        """Steps of the longest horizon that is scored."""
        products = self.protocol.products
        named = [self._steps_of(products[lead]) for lead in self.protocol.leads if lead in products]
        return max(self.n_steps, *named, 1)

    @cached_property
    def trees(self) -> dict[int, BoostedSeries] | None:
        """Boosted trees of the series scored, where they are asked for."""
        if BOOSTED not in self.protocol.methods:
            return None
        out, fleet = {}, self.fleet
        fitted = [int(node) for node in self.nodes if fleet.usable[node]]
        for number, node in enumerate(fitted, start=1):
            name = self.inputs.known.tree.ids[node]
            self.on_progress(f"growing trees of {name} ({number} of {len(fitted)})")
            try:
                out[node] = fleet.grown(node, self.inputs.n_train, self._reach)
            except ValueError:  # too little is known of it: it has no such forecast
                continue
        return out

    @cached_property
    def rolling(self) -> tuple[Origins, dict[str, FloatArray], FloatArray]:
        known, step = self.inputs.known, self.inputs.known.step_ns
        rows = np.arange(
            self.inputs.n_train,
            len(known.times) - self.n_steps + 1,
            self.protocol.origin_step // step,
            dtype=np.int64,
        )
        return self._issued(Origins(rows, self.n_steps))

    def _steps_of(self, product: Product) -> int:
        """Steps from the gate of a product to the end of its day."""
        return product.hours * self.inputs.calendar.n_instants // 24

    def at_gate(self, product: Product) -> tuple[Origins, dict[str, FloatArray], FloatArray]:
        """Return what is issued for a product, day by day."""
        if product not in self._at_gate:
            self._at_gate[product] = self._issued(self._gate_origins(product))
        return self._at_gate[product]

    def _gate_origins(self, product: Product) -> Origins:
        known, calendar = self.inputs.known, self.inputs.calendar
        local = calendar.local(known.times)
        n_steps = self._steps_of(product)
        # The first step at or after the gate; a step that hides it begins before.
        first = -(-product.gate // known.step_ns) * known.step_ns
        rows = np.flatnonzero(local % NS_PER_DAY == first)
        rows = rows[(rows >= self.inputs.n_train) & (rows + n_steps <= len(known.times))]
        return Origins(rows, n_steps)

    def scored(self, lead: str) -> list[dict[str, Any]]:
        """Return the rows of one lead."""
        found = self._mid_term() if lead == MID_TERM else self._short_term(lead)
        known, tree = self.inputs.known, self.inputs.known.tree
        if not len(found.rows):
            raise ProtocolError(f"leads: the test window is too short for {lead!r}")
        cells = cells_of(self.inputs.calendar, known.times[found.rows])
        actual = known.final[found.rows]
        out = []
        for method in self.protocol.methods:
            if method not in found.forecasts:
                continue
            fan = found.fans.get(method)
            for start in range(0, len(self.nodes), 4):
                some = self.nodes[start : start + 4]
                scores = score_cells(
                    cells,
                    actual[:, some],
                    found.forecasts[method][:, some],
                    found.forecasts["seasonal_naive_7d"][:, some],
                    None if fan is None else fan(some),
                    self.probabilities,
                )
                for (hour, day_type), by_series in zip(cells.labels, scores, strict=True):
                    out += [
                        {
                            "series": tree.ids[node],
                            "level": tree.levels[node],
                            "lead": lead,
                            "hour": hour,
                            "day_type": day_type,
                            "method": method,
                            **score,
                        }
                        for node, score in zip(some, by_series, strict=True)
                        if score["n"]
                        or (hour is None and day_type is None and method != "incumbent")
                    ]
        return out

    def _mid_term(self) -> _Targets:
        known, n_train = self.inputs.known, self.inputs.n_train
        n_instants = self.inputs.calendar.n_instants
        rows = np.arange(n_train, len(known.times))
        issued = np.full(len(rows), int(known.times[-1]) + known.step_ns)
        fleet = self.fleet
        static = fleet.static()[rows]
        naive = known.windows(rows - WEEK * n_instants, issued)
        gam = np.where(np.isfinite(static), static, naive)
        forecasts = {
            "seasonal_naive_7d": naive,
            "same_weekday_last_year": known.windows(rows - LAST_YEAR * n_instants, issued),
            "hong_vanilla": self._vanilla[rows],
            "gam": gam,
            "reconciled": fleet.reconciled(gam),
        }
        instant = self.inputs.calendar.instant(known.times[rows])
        model = fleet.quantiles["gam"]
        offsets = model.shape[model.band[-1]][:, None] * (model.spread[-1] * model.factor[instant])

        def fan(method: str) -> Callable[[IntArray], FloatArray]:
            def of(nodes: IntArray) -> FloatArray:
                link = fleet.link.chosen(nodes)
                around = link.forward(forecasts[method][:, nodes])
                return link.inverse(around + offsets[:, :, nodes])

            return of

        return _Targets(rows, forecasts, {method: fan(method) for method in ("gam", "reconciled")})

    def _short_term(self, lead: str) -> _Targets:
        calendar, known = self.inputs.calendar, self.inputs.known
        span = self.protocol.span(lead, known.step_ns)
        product = self.protocol.products.get(lead)
        origins, issued, vanilla = self.rolling if product is None else self.at_gate(product)
        targets = origins.targets()
        if product is not None:
            day = calendar.day(known.times)
            picked = day[targets] == day[origins.rows][:, None] + product.days
        else:
            assert span is not None
            steps = np.arange(origins.n_steps)
            picked = np.broadcast_to((steps >= span[0]) & (steps < span[1]), targets.shape)
        forecasts = {name: values[picked] for name, values in issued.items()}
        if not self.protocol.as_issued:  # it is fitted for the actual temperature only
            forecasts["hong_vanilla"] = vanilla[picked]

        def fan(method: str) -> Callable[[IntArray], FloatArray]:
            return lambda nodes: self._fan(origins, issued, method, nodes)[:, picked]

        fans = {method: fan(method) for method in _DISTRIBUTION if method in issued}
        return _Targets(targets[picked], forecasts, fans)

    def _fan(
        self, origins: Origins, issued: dict[str, FloatArray], method: str, nodes: IntArray
    ) -> FloatArray:
        """Return quantiles of some nodes, (n_quantiles, n_origins, n_steps, n_nodes), MW.

        The spread learnt in training, widened or narrowed by what came of earlier issues; that of
        a reconciled forecast is the base forecast's, moved by what reconciliation moved it.
        """
        base = issued["gam_ar" if method == "reconciled" else method][..., nodes]
        moved = issued[method][..., nodes] - base
        fleet, known = self.fleet, self.inputs.known
        model, link = fleet.quantiles[_DISTRIBUTION[method]], fleet.link.chosen(nodes)
        targets = origins.targets()
        lead = np.minimum(np.arange(origins.n_steps), len(model.spread) - 1)
        instant = self.inputs.calendar.instant(known.times)[targets]
        scale = model.spread[lead][:, nodes] * model.factor[:, nodes][instant]
        shape = model.shape[model.band[lead]][:, :, nodes]
        around = link.forward(base)
        error = link.forward(known.final[:, nodes])[targets] - around
        outer = np.stack([shape[:, 0] * scale, shape[:, -1] * scale], axis=1)
        band = lead_bands(origins.n_steps, self.inputs.calendar.n_instants)
        promised = float(self.probabilities[-1] - self.probabilities[0])
        widths = log_scales(outer, error, origins.rows, band, promised, delay=known.delay_steps)
        scale = scale * np.exp(widths[:, band])
        return np.stack(
            [
                link.inverse(around + shape[:, q] * scale) + moved
                for q in range(len(self.probabilities))
            ]
        )

    def _issued(self, origins: Origins) -> tuple[Origins, dict[str, FloatArray], FloatArray]:
        weather = None
        if self.protocol.as_issued and len(origins.rows):
            known = self.inputs.known
            weather = WeatherIssues(
                issued_paths(
                    self.dataset.forecasts,
                    self.inputs.stations,
                    int(known.times[0]),
                    known.step_ns,
                    origins,
                )
            )
        issued = self.fleet.issued(origins, weather, self.trees)
        if self.incumbent is not None:
            issued["incumbent"] = incumbent_forecasts(self.incumbent, self.inputs.known, origins)
        return origins, issued, self._vanilla[origins.targets()]

    @cached_property
    def _vanilla(self) -> FloatArray:
        """Hong's regression, fitted once, with the actual temperature, (n_times, n_nodes)."""
        known, calendar, n_train = self.inputs.known, self.inputs.calendar, self.inputs.n_train
        day = calendar.day(known.times)
        weekday = ((day + 3) % 7).astype(np.float64)
        month = (day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12).astype(
            np.float64
        )
        past = known.as_of(int(known.times[n_train]))[:n_train]
        out = np.empty_like(known.final)
        for members, run in self.fleet.zones:
            if not np.isin(members, self.nodes).any():
                continue
            predictors = run.predictors
            model: VanillaModel = fit_vanilla(
                predictors.rows(slice(0, n_train)),
                weekday[:n_train],
                month[:n_train],
                past[:, members],
                calendar.n_instants,
            )
            out[:, members] = model.predict(predictors, weekday, month)
        return out
