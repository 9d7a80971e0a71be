"""Plots of a backtest's scores, by matplotlib (extra `report`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from console.studies.backtest_tables import Scores, best_of
from stream.backtest_protocol import Protocol

__all__ = ["draw_plots"]

_WIDE = (9.0, 4.0)
_MOST_LEVELS = 4
_NAIVE = "seasonal_naive_7d"


def draw_plots(folder: Path, scores: Scores, protocol: Protocol) -> dict[str, str]:
    """Draw what the scores allow as PNG files; return what each shows by its name."""
    out: dict[str, str] = {}
    best = best_of(scores.methods)
    _errors(folder / "errors.png", scores)
    out["errors"] = "MAPE by level, lead and method"
    if _hours(folder / "hours.png", scores, best):
        out["hours"] = "MAPE by local hour"
    if scores.top is not None:
        _bias(folder / "bias.png", scores, best)
        out["bias"] = "Share of forecasts above the actual by month and hour"
    told = [method for method in scores.methods if scores.has_quantiles(method)]
    if told:
        _reliability(folder / "reliability.png", scores, best_of(told), protocol.quantiles)
        out["reliability"] = "Share of actuals below each quantile"
    return out


def _figure(n: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_WIDE, layout="constrained")
    return figure, figure.subplots(1, n, squeeze=False)[0]


def _errors(path: Path, scores: Scores) -> None:
    levels = scores.levels[:_MOST_LEVELS]
    figure, axes = _figure(len(levels))
    width = 0.8 / len(scores.methods)
    for axis, level in zip(axes, levels, strict=True):
        for k, method in enumerate(scores.methods):
            mape = [scores.mean(level, lead, method, "mape") for lead in scores.leads]
            values = [np.nan if value is None else value for value in mape]
            axis.bar(np.arange(len(values)) + k * width, values, width, label=method)
        axis.set_xticks(np.arange(len(scores.leads)) + 0.4 - width / 2, scores.leads, rotation=60)
        naive = [scores.mean(level, lead, _NAIVE, "mape") or 0.0 for lead in scores.leads]
        if max(naive) > 0:
            axis.set_ylim(0.0, 1.3 * max(naive))  # a regression gone astray hides all the others
        axis.set_title(level)
    axes[0].set_ylabel("MAPE, %")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=110)


def _hours(path: Path, scores: Scores, best: str) -> bool:
    leads = scores.leads_of(best)
    if not leads:
        return False
    lead = "0-24h" if "0-24h" in leads else leads[0]
    levels = scores.levels[:_MOST_LEVELS]
    figure, axes = _figure(len(levels))
    for axis, level in zip(axes, levels, strict=True):
        for method in dict.fromkeys((_NAIVE, "gam", best)):
            found = [scores.at_hour(level, lead, method, hour, "mape") for hour in range(24)]
            axis.plot([np.nan if v is None else v for v in found], label=method)
        axis.set_title(f"{level}, {lead}")
        axis.set_xlabel("local hour")
        axis.set_ylim(bottom=0.0)
    axes[0].set_ylabel("MAPE, %")
    axes[0].legend()
    figure.savefig(path, dpi=110)
    return True


def _bias(path: Path, scores: Scores, best: str) -> None:
    scored = scores.leads_of(best)
    leads = [lead for lead in scored if lead in ("PT1H", "0-24h", "day_ahead")] or scored[:1]
    figure, axes = _figure(len(leads))
    image = None
    for axis, lead in zip(axes, leads, strict=True):
        row = scores.whole(scores.top, lead, best)
        by_month = row["over_share_by_month_hour"]
        share = np.array([[np.nan if v is None else v for v in hours] for hours in by_month])
        image = axis.imshow(share, vmin=0.0, vmax=100.0, cmap="RdBu_r", aspect="auto")
        axis.set_title(f"{scores.top}, {lead}")
        axis.set_xlabel("local hour")
        axis.set_yticks(range(12), [str(month) for month in range(1, 13)])
    axes[0].set_ylabel("month")
    figure.colorbar(image, ax=list(axes), label="forecast above the actual, %")
    figure.savefig(path, dpi=110)


def _reliability(path: Path, scores: Scores, method: str, quantiles: tuple[float, ...]) -> None:
    levels = scores.levels[:_MOST_LEVELS]
    figure, axes = _figure(len(levels))
    promised = 100.0 * np.array(quantiles)
    for axis, level in zip(axes, levels, strict=True):
        axis.plot([0, 100], [0, 100], color="grey", linewidth=0.8)
        for lead in scores.leads_of(method):
            below = scores.below(level, lead, method)
            if below is not None:
                axis.plot(promised, below, marker=".", label=lead)
        axis.set_title(f"{level}: {method}")
        axis.set_xlabel("quantile, %")
    axes[0].set_ylabel("actuals below, %")
    axes[0].legend()
    figure.savefig(path, dpi=110)
