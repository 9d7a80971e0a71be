"""Replaying a run from what was recorded of it: the same stages, and what came out differently."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from console.errors import BadInputError
from console.historian_access import historian_schema, open_historian
from console.replays.comparison import compared_forecasts, compared_windows
from console.replays.pacing import PacedOutlet, Pacing
from console.replays.reach import Reach
from console.replays.rebuilding import RebuildingOutlet
from console.replays.replay_folder import replay_folder
from console.replays.replay_opening import OpeningOutlet, fill_before, find_opening
from console.replays.replay_truth import replay_truth
from console.services.run_file import RunFile
from console.services.scenario import Scenario, read_scenario
from console.services.stages import STAGES_OF, area_settings, metering_settings, stage_named
from console.settings import nanoseconds
from records.log import LogReader, Partition
from records.time import DAY, HOUR, MINUTE, format_time
from records.topics import CATALOGUE, Partitioning, topic_name
from storage.checkpoint_record import Checkpoint
from storage.historian import Historian
from storage.recorded_products import model_versions
from stream.keeper import Outlet
from stream.lead_scores import LeadRow, LeadScores
from stream.outlet import LogOutlet
from stream.rebuilder import Rebuilder
from stream.replay_differences import ProductDifferences
from stream.replay_log import ReplayLog, last_tick_time
from stream.runner import RunnerOptions, run_stages
from stream.stage import Issued, Stage

__all__ = ["WARMED_TOLERANCE", "RecordedReplay", "replay_recorded"]

WARMED_TOLERANCE = 1e-6
"""Of forecasts where scans are not read from the beginning of the run: typical values and the
estimate's starting point are then not quite the same. From the beginning it is 0: with the
programs and on the kind of processor of the recording, a replay gives the same bits."""

_LEFT_OUT = ("alarms",)
"""A replay sends no alarms."""
_RAW = ("scada.frame.v1", "meter.read.v1", "weather.v1")
_ACTS = "operator.act.v1"
_CLOSING = 10 * MINUTE
"""How far beyond the end raw records are read, that all that was known by then comes out."""
_LEADS = (HOUR, DAY, 2 * DAY)


@dataclass(frozen=True, slots=True)
class RecordedReplay:
    """What a replay of a recorded run told.

    Parameters
    ----------
    products
        The differences by product.
    rows
        Scores of the replayed forecasts of the period.
    start, end
        The period compared, ns UTC.
    scans_from
        Event time from which scans were read, ns UTC: the beginning of the run, or later.
    records_in
        Raw records that went in.
    n_issues
        Forecast runs issued in the period.
    made_again, unanswered
        Batches of windows made again after late readings, and how many of them the run itself had
        not made by the end of its record.
    cold
        Raw partitions whose first records are gone, under their recorded names.
    versions_recorded, versions_replayed
        Versions of the models that forecast the period.
    folder
        Where the replay's log and historian are.
    """

    products: Sequence[ProductDifferences]
    rows: Sequence[LeadRow]
    start: int
    end: int
    scans_from: int
    records_in: int
    n_issues: int
    made_again: int
    unanswered: int
    cold: Sequence[Partition]
    versions_recorded: frozenset[str]
    versions_replayed: frozenset[str]
    folder: Path


def replay_recorded(
    run: RunFile,
    recorded: LogReader,
    *,
    namespace: str,
    start: int | None = None,
    end: int | None = None,
    warm_up: int | None = None,
    through: Reach = Reach.FORECASTS,
    speed: float | None = None,
    on_progress: Callable[[float], None] = lambda _: None,
) -> RecordedReplay:
    """Run a recorded run's stages again, and compare what came out.

    Parameters
    ----------
    run
        The recorded run.
    recorded
        Its raw records.
    namespace
        Of the replay.
    start, end
        The period to compare, ns UTC; all that was recorded by default.
    warm_up
        How long before the period scans begin to be read, ns: then windows and states known before
        it are those recorded. None reads from the beginning of the run.
    through
        How far the records go.
    speed
        Event time per wall time within the period; None for as fast as it goes.
    on_progress
        Called with the share done, 0 to 1.

    Raises
    ------
    BadInputError
        When namespace or period cannot be used, or nothing was recorded.
    """
    settings = run.settings
    if namespace == settings.namespace:
        raise BadInputError(
            f"--namespace {namespace}: the run itself was recorded under it; name another, so "
            "that nothing of the run is touched"
        )
    scenario = read_scenario(run)
    areas = len(scenario.register.areas)
    raw = _raw_partitions(settings.namespace, areas, scenario.plan.operator_acts)
    first, last = _period(run, recorded, raw, start, end)
    opening = find_opening(run, recorded, raw, first, warm_up)
    first = first if opening.known_by is None else opening.known_by
    if first >= last:
        raise BadInputError(
            f"this source has scans from {format_time(opening.scans_from)} on only; choose a "
            "later --to, or another --source"
        )
    scores = LeadScores(scenario.plan.hierarchy, scenario.plan.step, _LEADS)
    issues: list[int] = []

    def issued(outcome: Issued) -> None:
        if first <= outcome.run.issue_time <= last:
            scores.take(outcome.run.issue_time, outcome.issue.forecasts)
            issues.append(outcome.run.issue_time)

    with (
        replay_folder(run.directory / "replays" / namespace, namespace, areas) as folder,
        open_historian(run.settings) as received,
        Historian(folder.historian) as made,
    ):
        until = None if end is None else last + _CLOSING
        fill_before(opening, run, folder.writer, namespace)
        log = ReplayLog(
            recorded,
            settings.namespace,
            folder.reader,
            namespace,
            raw,
            begins=opening.begins,
            until=until,
        )
        rebuilding = RebuildingOutlet(
            LogOutlet(folder.writer, namespace, issued),
            Rebuilder(
                made,
                namespace,
                scenario.register,
                scenario.clock,
                area_settings(run),
                metering_settings(run),
                raw=(received, settings.namespace),
            ),
            received,
            namespace,
            folder.finish,
            opening.known_by,
        )
        outlet: Outlet = rebuilding
        if opening.known_by is not None:
            outlet = OpeningOutlet(outlet, opening.known_by)
        if speed is not None:
            outlet = PacedOutlet(outlet, Pacing(speed, first))

        begins = {place: recorded.begin_offset(place) for place in raw} | dict(opening.begins)
        n_records = sum(recorded.end_offset(place) - begins[place] for place in raw)

        def progress(_: int) -> None:
            folder.let_go(log.consumed)
            on_progress(min(1.0, log.records_in / n_records))

        # The services run with one BLAS thread: others add up in another order.
        with threadpool_limits(1, "blas"):
            run_stages(
                _stages(run, scenario, namespace, through),
                log,
                outlet,
                _NoCheckpoints(),
                options=_RUN if speed is None else _RUN_PACED,
                partitions=_inputs(namespace, areas),
                on_progress=progress,
                on_end=rebuilding.release,
            )
        folder.finish()
    with open_historian(run.settings) as was, Historian(folder.historian) as now:
        horizon = nanoseconds(settings.forecast.horizon)
        tolerance = 0.0 if opening.known_by is None else WARMED_TOLERANCE
        products = list(compared_windows(was, now, first, last))
        if through is Reach.FORECASTS:
            products.append(compared_forecasts(was, now, first, last, horizon, tolerance))
        then, now_used = (model_versions(h, first, last + 1) for h in (was, now))
        rows: Sequence[LeadRow] = []
        if issues:
            rows = scores.rows(*replay_truth(now, scenario.plan, first, last))
    return RecordedReplay(
        products=products,
        rows=rows,
        start=first,
        end=last,
        scans_from=opening.scans_from,
        records_in=log.records_in,
        n_issues=len(issues),
        made_again=rebuilding.n_made,
        unanswered=rebuilding.n_unanswered,
        cold=[place for place in raw if recorded.begin_offset(place) > 0],
        versions_recorded=then,
        versions_replayed=now_used,
        folder=folder.path,
    )


class _NoCheckpoints:
    """A replay that was stopped begins again."""

    def save(
        self, name: str, data: bytes, parts: Collection[str], new: Mapping[str, bytes]
    ) -> None:
        """Keep nothing."""

    def load_all(self, names: Iterable[str]) -> Mapping[str, Checkpoint]:
        """Return nothing."""
        return {}


_RUN = RunnerOptions(checkpoint_every=timedelta.max, until_end=True)
_RUN_PACED = RunnerOptions(checkpoint_every=timedelta.max, until_end=True, burst=1)
"""Each partition a record at a time, that none runs ahead of the others."""


def _raw_partitions(namespace: str, areas: int, acts: bool) -> list[Partition]:
    names = (*_RAW, _ACTS) if acts else _RAW
    return [
        place
        for topic, numbers in _inputs(namespace, areas).items()
        for place in (Partition(topic, number) for number in numbers)
        if topic in {topic_name(namespace, name) for name in names}
    ]


def _inputs(namespace: str, areas: int) -> Mapping[str, Sequence[int]]:
    """Partition numbers of every topic by its full name."""
    return {
        topic_name(namespace, name): range(areas if topic.partitioning is Partitioning.AREA else 1)
        for name, topic in CATALOGUE.items()
    }


def _stages(run: RunFile, scenario: Scenario, namespace: str, through: Reach) -> list[Stage[Any]]:
    """The stages of the run's services, with its settings, under another namespace."""
    # The past that models learn from stays where the run has it.
    schema = {"server_schema": historian_schema(run.settings)}
    kept = run.settings.historian.model_copy(update=schema)
    settings = run.settings.model_copy(update={"namespace": namespace, "historian": kept})
    renamed = run.model_copy(update={"settings": settings})
    roles = ["processor"] if through is Reach.WINDOWS else STAGES_OF
    names = [name for role in roles for name in STAGES_OF[role] if name not in _LEFT_OUT]
    return [stage_named(name, renamed, scenario) for name in names]


def _period(
    run: RunFile,
    recorded: LogReader,
    raw: Sequence[Partition],
    start: int | None,
    end: int | None,
) -> tuple[int, int]:
    """The period to compare, within what was recorded."""
    ticks = [last_tick_time(recorded, place) for place in raw]
    known = [tick for tick in ticks if tick is not None]
    if not known:
        raise BadInputError(
            f"no raw records of namespace {run.settings.namespace} are in this source; give the "
            "--directory of a run and the --source that has them"
        )
    reach = min(known) - nanoseconds(run.settings.scada.allowed_disorder)
    first = run.start if start is None else max(start, run.start)
    last = reach if end is None else min(end, reach)
    if first >= last:
        raise BadInputError(
            f"nothing to compare: the run is recorded from {format_time(run.start)} to "
            f"{format_time(reach)}; choose --from and --to within that, --from before --to"
        )
    return first, last
