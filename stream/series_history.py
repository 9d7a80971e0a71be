"""The past of the series to forecast, gathered from windows and their revisions.

Windows shorter than the forecast step are kept for a while, so that a correction of any of
them changes the step's mean exactly as if it had come in time. The mean of a step whose windows
are not kept, for it is older or was given whole, changes only when all of them come again; one
that is a window itself can be corrected as long as it is known. An
estimate stands only where nothing was measured, and steps that are mostly replaced or estimated
teach no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from records.meter_estimate import MeterEstimate
from records.snapshot import Tree
from records.time import HOUR
from records.window import WindowBatch

__all__ = ["SeriesHistory"]

_LEAST_SHARE = 0.5
_MOST_REPLACED = 0.5


class SeriesHistory:
    """Step means of several series on one regular grid.

    Parameters
    ----------
    series
        Series ids, in the order of the columns.
    start
        Start of the first step, ns UTC.
    step, fine_step
        Length of a step and of the finest window that is taken in, ns.
    values
        Means already known, shape (n_steps, n_series), NaN = missing.
    fine_keep
        How many fine windows are kept for corrections.
    """

    def __init__(
        self,
        series: Sequence[str],
        start: int,
        step: int,
        values: npt.NDArray[np.float64],
        *,
        fine_step: int,
        fine_keep: int = 864,
    ) -> None:
        if step % fine_step:
            raise ValueError(f"a step of {step} ns is not a multiple of windows of {fine_step} ns")
        self.series = tuple(series)
        self.start = start
        self.step = step
        self._ratio = step // fine_step
        self._fine_step = fine_step
        self._place = {name: column for column, name in enumerate(self.series)}
        self._n_steps = self._n_given = len(values)
        self._values = values.astype(np.float64, copy=True)
        self._replaced: npt.NDArray[np.float64] = np.zeros(values.shape)
        keep = -(-fine_keep // self._ratio) * self._ratio
        self._corrected_for = (keep - self._ratio) * fine_step
        self._fine = np.full((keep, len(self.series)), np.nan)
        self._revision = np.zeros((keep, len(self.series)), np.int32)
        self._imputed = np.zeros((keep, len(self.series)))
        self._estimate = np.full((keep, len(self.series)), np.nan)
        self._fine_index = np.full(keep, -1, np.int64)
        self._corrected: dict[int, npt.NDArray[np.int32]] = {}
        """Revisions above 1 of windows that are steps and are kept no longer, by their step."""
        self._touched: set[int] = set()

    @property
    def corrected_for(self) -> int:
        """How long a window can surely be corrected, ns; later its step stands as it is.

        One that is a step itself can be for as long as its step is known.
        """
        return self.end - self.start if self._ratio == 1 else self._corrected_for

    @property
    def end(self) -> int:
        """End of the last step that has been opened, ns UTC."""
        return self.start + self._n_steps * self.step

    @property
    def given_until(self) -> int:
        """End of the steps whose means were given at the start, ns UTC."""
        return self.start + self._n_given * self.step

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """Step means, shape (n_steps, n_series); a view that must not be written."""
        return self._values[: self._n_steps]

    @property
    def measured(self) -> npt.NDArray[np.float64]:
        """Step means without those that mostly were not measured, shape (n_steps, n_series)."""
        replaced = self._replaced[: self._n_steps]
        return np.where(replaced > _MOST_REPLACED, np.nan, self.values)

    def extend_to(self, end: int) -> None:
        """Open steps up to `end` (ns UTC), missing until something comes."""
        wanted = (end - self.start) // self.step
        if wanted > len(self._values):
            more = np.full((max(wanted, 2 * len(self._values)), len(self.series)), np.nan)
            more[: self._n_steps] = self._values[: self._n_steps]
            replaced = np.zeros(more.shape)
            replaced[: self._n_steps] = self._replaced[: self._n_steps]
            self._values, self._replaced = more, replaced
        self._n_steps = max(self._n_steps, wanted)

    def corrected_since(self, since: int, until: int) -> bool:
        """Whether a step of ``[since, until)`` changed since this was last asked."""
        first, last = (since - self.start) // self.step, (until - self.start) // self.step
        changed = any(first <= step < last for step in self._touched)
        self._touched.clear()
        return changed

    def take_batch(self, batch: WindowBatch) -> int:
        """Take a window batch in; return how many values came too late to be placed."""
        columns = np.array([self._place.get(name, -1) for name in batch.series], np.int64)
        known = columns >= 0
        if not known.any():
            return 0
        return self.take(
            batch.start,
            batch.length,
            columns[known],
            batch.mean[known],
            batch.revision[known],
            batch.imputed_share[known],
        )

    def take_means(self, start: int, length: int, means: Mapping[str, float]) -> int:
        """Take means of some series by name, all at revision 1."""
        names = [name for name in means if name in self._place]
        columns = np.array([self._place[name] for name in names], np.int64)
        values = np.array([means[name] for name in names])
        ones = np.ones(len(names), np.int32)
        return self.take(start, length, columns, values, ones, np.zeros(len(names)))

    def take_estimate(self, estimate: MeterEstimate) -> int:
        """Let estimates stand where nothing was measured; return how many came too late."""
        column = self._place.get(estimate.series, -1)
        if column < 0:
            return 0
        late = 0
        ratio = estimate.period // self._fine_step
        for start, energy in zip(estimate.start, estimate.energy_mwh, strict=True):
            mean = np.nan if energy is None else energy * HOUR / estimate.period
            if estimate.period % self._fine_step or (start - self.start) % self._fine_step:
                late += 1
                continue
            first = (start - self.start) // self._fine_step
            for fine in range(first, first + ratio):
                late += self._estimate_fine(fine, column, mean)
        return late

    def take(
        self,
        start: int,
        length: int,
        columns: npt.NDArray[np.int64],
        mean: npt.NDArray[np.float64],
        revision: npt.NDArray[np.int32],
        imputed_share: npt.NDArray[np.float64],
    ) -> int:
        """Take the means of ``[start, start + length)`` in.

        A lower revision changes nothing, nor does one that was taken in before: told again after
        a restart of whoever tells, it is no correction.
        """
        if length % self._fine_step or (start - self.start) % self._fine_step:
            return len(columns)
        first = (start - self.start) // self._fine_step
        late = 0
        for fine in range(first, first + length // self._fine_step):
            late += self._take_fine(fine, columns, mean, revision, imputed_share)
        return late

    def imputed_share(self, n_steps: int) -> npt.NDArray[np.float64]:
        """Share of replaced values over the last steps, shape (n_series,)."""
        last = self._n_steps * self._ratio
        recent = (self._fine_index >= last - n_steps * self._ratio) & (self._fine_index < last)
        if not recent.any():
            return np.zeros(len(self.series))
        estimated = np.isnan(self._fine[recent]) & np.isfinite(self._estimate[recent])
        return np.asarray(np.where(estimated, 1.0, self._imputed[recent]).mean(axis=0))

    def _take_fine(
        self,
        fine: int,
        columns: npt.NDArray[np.int64],
        mean: npt.NDArray[np.float64],
        revision: npt.NDArray[np.int32],
        imputed_share: npt.NDArray[np.float64],
    ) -> int:
        slot = self._slot(fine)
        if slot is None:
            if self._ratio == 1 and fine >= 0:
                return self._take_old(fine, columns, mean, revision, imputed_share)
            return len(columns)
        newer = revision > self._revision[slot, columns]
        chosen = columns[newer]
        if not len(chosen):
            return 0
        given = self._given(fine // self._ratio, chosen)
        self._revision[slot, chosen] = revision[newer]
        self._fine[slot, chosen] = mean[newer]
        self._imputed[slot, chosen] = imputed_share[newer]
        return self._fold(fine // self._ratio, chosen, given)

    def _take_old(
        self,
        step_index: int,
        columns: npt.NDArray[np.int64],
        mean: npt.NDArray[np.float64],
        revision: npt.NDArray[np.int32],
        imputed_share: npt.NDArray[np.float64],
    ) -> int:
        """Correct a step whose window is kept no longer; a value taken back is not followed."""
        values = self._values[step_index, columns]
        known = self._corrected.get(step_index, np.zeros(len(self.series), np.int32))
        newer = revision > np.maximum(known[columns], np.isfinite(values))
        gone = newer & np.isnan(mean)
        changed = newer & ~gone
        if changed.any():
            self._corrected[step_index] = known = known.copy()
            known[columns[changed]] = revision[changed]
            self._touched.add(step_index)
            self._values[step_index, columns[changed]] = mean[changed]
            self._replaced[step_index, columns[changed]] = imputed_share[changed]
        return int(gone.sum())

    def _estimate_fine(self, fine: int, column: int, mean: float) -> int:
        slot = self._slot(fine)
        if slot is None:
            return 1
        columns = np.array([column])
        given = self._given(fine // self._ratio, columns)
        self._estimate[slot, column] = mean
        return self._fold(fine // self._ratio, columns, given)

    def _slot(self, fine: int) -> int | None:
        """Row of a fine window, emptied for it if need be; None where it is kept no longer."""
        if fine < 0:
            return None
        slot = fine % len(self._fine)
        if self._fine_index[slot] > fine:
            return None
        if self._fine_index[slot] < fine:
            if self._ratio == 1 and (self._revision[slot] > 1).any():
                self._corrected[int(self._fine_index[slot])] = self._revision[slot].copy()
            self._fine_index[slot] = fine
            self._fine[slot] = np.nan
            self._revision[slot] = 0
            self._imputed[slot] = 0.0
            self._estimate[slot] = np.nan
        return slot

    def _fold(
        self, step_index: int, columns: npt.NDArray[np.int64], given: npt.NDArray[np.bool_]
    ) -> int:
        """Set a step's mean from its fine windows, and return how many of those given stay."""
        means, count, replaced = self._folded(step_index, columns)
        stays = given & (count < self._ratio)
        changed = columns[~stays]
        if len(changed):
            self._touched.add(step_index)
            self.extend_to(self.start + (step_index + 1) * self.step)
            self._values[step_index, changed] = means[~stays]
            self._replaced[step_index, changed] = replaced[~stays]
        return int(stays.sum())

    def _given(self, step_index: int, columns: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether a step's mean was given whole, and does not come from its fine windows."""
        if step_index >= self._n_given:
            return np.zeros(len(columns), np.bool_)
        value = self._values[step_index, columns]
        return np.asarray(np.isfinite(value) & (value != self._folded(step_index, columns)[0]))

    def _folded(
        self, step_index: int, columns: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Mean of a step's fine windows, how many of them are known, and their replaced share."""
        first = step_index * self._ratio % len(self._fine)
        slots = slice(first, first + self._ratio)
        present = self._fine_index[slots] // self._ratio == step_index
        parts, share = self._fine[slots][:, columns], self._imputed[slots][:, columns]
        unmeasured = np.isnan(parts)
        if unmeasured.any():
            parts = np.where(unmeasured, self._estimate[slots][:, columns], parts)
            share = np.where(unmeasured, 1.0, share)
        parts = np.where(present[:, None], parts, np.nan)
        known = np.isfinite(parts)
        count = known.sum(axis=0)
        total = np.where(known, parts, 0.0).sum(axis=0)
        enough = count >= _LEAST_SHARE * self._ratio
        means = np.where(enough, total / np.maximum(count, 1), np.nan)
        return means, count, np.where(known, share, 0.0).sum(axis=0) / np.maximum(count, 1)

    def dump(self) -> Tree:
        """State as a tree."""
        return {
            "series": list(self.series),
            "start": self.start,
            "step": self.step,
            "fine_step": self._fine_step,
            "values": self.values,
            "fine": self._fine,
            "revision": self._revision,
            "imputed": self._imputed,
            "estimate": self._estimate,
            "replaced": self._replaced[: self._n_steps],
            "fine_index": self._fine_index,
            "given": self._n_given,
            "corrected": [[step, revision] for step, revision in self._corrected.items()],
            "touched": sorted(self._touched),
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> SeriesHistory:
        """State from its tree."""
        history = cls(
            tree["series"],
            tree["start"],
            tree["step"],
            tree["values"],
            fine_step=tree["fine_step"],
            fine_keep=len(tree["fine"]),
        )
        history._fine = tree["fine"]
        history._revision = tree["revision"]
        history._imputed = tree["imputed"]
        history._estimate = tree["estimate"]
        history._replaced = tree["replaced"].copy()
        history._fine_index = tree["fine_index"]
        history._n_given = tree["given"]
        history._corrected = dict(tree.get("corrected", ()))
        history._touched = set(tree["touched"])
        return history
