"""A backtest's scores as a report: Markdown, with plots beside it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from console.errors import BadInputError
from console.studies.backtest_plots import draw_plots
from console.studies.backtest_tables import Scores, best_of, markdown_table
from records.time import format_time
from stream.backtest_protocol import Protocol

__all__ = ["check_report_target", "write_report"]

_PAGE = "report.md"
_TAILS = {
    "mae": "MAE",
    "rmse": "RMSE",
    "p95_error": "95 %",
    "peak_error": "largest",
    "bias": "bias",
    "over_share": "above, %",
}
_SPREAD = {
    "coverage80": "80 % holds",
    "coverage90": "90 % holds",
    "width80": "80 % width",
    "width90": "90 % width",
    "crps": "CRPS",
}


def check_report_target(folder: Path | None) -> None:
    """Refuse a folder that a report must not replace, before the work is done.

    Raises
    ------
    BadInputError
        When something else than a report is there, or plots cannot be drawn.
    """
    if folder is None:
        return
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise BadInputError(
            "--report: plots need matplotlib: install gridcast with the extra 'report'"
        ) from None
    if not folder.parent.is_dir():
        raise BadInputError(f"--report {folder}: there is no directory {folder.parent}")
    if folder.exists() and not folder.is_dir():
        raise BadInputError(f"--report {folder}: is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _PAGE).is_file():
        raise BadInputError(f"--report {folder}: holds something else; name another folder")


def write_report(
    folder: Path, name: str, protocol: Protocol, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write ``report.md`` and its plots; the folder is there whole or not at all.

    Parameters
    ----------
    name
        Of the dataset.
    rows
        As ``run_backtest`` gives them.
    """
    scores = Scores(rows)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        plots = draw_plots(draft, scores, protocol)
        (draft / _PAGE).write_text(_page(name, protocol, scores, plots), encoding="utf-8")
        draft.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        draft.replace(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _page(name: str, protocol: Protocol, scores: Scores, plots: Mapping[str, str]) -> str:
    weather = "as it came, not as it was forecast: real forecasts add about a point of MAPE."
    if protocol.as_issued:
        weather = "as it was forecast."
    best = best_of(scores.methods)
    parts = [
        f"# Backtest of {name}",
        f"Trained on {format_time(protocol.train_start)} to {format_time(protocol.test_start)}, "
        f"scored to {format_time(protocol.test_end)}; {len(scores.series)} series. The weather was "
        f"{weather}",
        "A lead `PTnH` is the interval that ends n hours after the issue. Figures are means over "
        "the series of a level.",
        "## Error by level and lead",
        "MAPE, percent:",
        _by_method(scores, "mape"),
        _image(plots, "errors"),
        "Skill, 1 - MAE / MAE of the seasonal naive:",
        _by_method(scores, "skill"),
        _image(plots, "hours"),
        f"## Tails of {best}",
        "Errors in MW: mean, root of the mean square, 95 % quantile and largest of their size; "
        "mean with its sign; percent of forecasts above the actual.",
        _of_method(scores, best, _TAILS),
    ]
    if scores.top is not None:
        parts += [
            f"## Bias of {scores.top} by hour and month",
            "A fair forecast lies above the actual half the time, at every hour of every month.",
            _bias(scores, best),
            _image(plots, "bias"),
        ]
    told = [method for method in scores.methods if scores.has_quantiles(method)]
    if told:
        parts += [
            f"## Quantiles of {best_of(told)}",
            "Percent of actuals inside, widths in MW, CRPS in percent of the mean load.",
            _of_method(scores, best_of(told), _SPREAD),
            _image(plots, "reliability"),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _by_method(scores: Scores, score: str) -> str:
    rows = [
        (level, lead, *(scores.mean(level, lead, method, score) for method in scores.methods))
        for level in scores.levels
        for lead in scores.leads
    ]
    return markdown_table(("level", "lead", *scores.methods), rows)


def _of_method(scores: Scores, method: str, columns: Mapping[str, str]) -> str:
    rows = [
        (level, lead, *(scores.mean(level, lead, method, score) for score in columns))
        for level in scores.levels
        for lead in scores.leads_of(method)
    ]
    return markdown_table(("level", "lead", *columns.values()), rows)


def _bias(scores: Scores, method: str) -> str:
    """Extremes of the share of over-forecasts over the months and hours, by lead."""
    rows = []
    for lead in scores.leads_of(method):
        row = scores.whole(scores.top, lead, method)
        shares = [v for hours in row["over_share_by_month_hour"] for v in hours if v is not None]
        within = 100.0 * sum(40.0 <= share <= 60.0 for share in shares) / max(len(shares), 1)
        rows.append((lead, row["bias"], min(shares), max(shares), within))
    head = ("lead", "bias, MW", "lowest share", "highest share", "cells within 40 to 60 %")
    return markdown_table(head, rows)


def _image(plots: Mapping[str, str], name: str) -> str:
    return f"![{plots[name]}]({name}.png)" if name in plots else ""
