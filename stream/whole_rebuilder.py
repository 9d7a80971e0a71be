"""Makes half hours, hours and local days again: asks the historian for what that takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

import numpy as np
import numpy.typing as npt

from records.late import LateParts
from records.log import Outgoing
from records.topics import topic_name
from records.window import window_record
from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader
from stream.rebuild import RecordedWindows, revised
from stream.recorded_windows import recorded_windows
from stream.whole_rebuild import left_memory, rebuilt_whole
from stream.whole_windows import PART, WHOLE_NAMES, Span, WholeWindows, whole_name

__all__ = ["WholeRebuilder"]


class WholeRebuilder:
    """Answers requests for windows that left the memory of the rollup.

    Parameters
    ----------
    historian
        What was recorded; closing it stays with the caller.
    namespace
        Of the topics.
    wholes
        As of the rollup.
    """

    def __init__(self, historian: HistoryReader, namespace: str, wholes: WholeWindows) -> None:
        self._historian = historian
        self._wholes = wholes
        self._topics = {name: topic_name(namespace, name) for name in WHOLE_NAMES}

    def rebuild(self, late: LateParts) -> Iterator[Outgoing]:
        """Yield the next revision of what a request names, where its numbers changed."""
        asked = left_memory(late, self._wholes)
        for _, group in groupby(asked, key=self._wholes.until):
            yield from self._day(late, {span: asked[span] for span in group})

    def _day(
        self, late: LateParts, asked: Mapping[Span, npt.NDArray[np.object_]]
    ) -> Iterator[Outgoing]:
        """Make what left memory with one local day."""
        period = min(span[0] for span in asked), max(span[1] for span in asked)
        names = np.unique(np.concatenate(list(asked.values()))).tolist()
        parts = recorded_windows(
            self._historian,
            HistoryClass.LONG_WINDOWS,
            late.area,
            PART,
            period,
            names,
            past=late.parts_offset,
        )
        by_start = {start: part for (_, start), part in parts.items()}
        stands: dict[tuple[int, int], RecordedWindows] = {}
        for length in {span[1] - span[0] for span in asked}:
            stands |= recorded_windows(
                self._historian,
                HistoryClass.LONG_WINDOWS,
                late.area,
                length,
                period,
                names,
                before=late.input_offset,
            )
        for span, series in asked.items():
            batch = rebuilt_whole(span, series, by_start, late)
            before = stands.get((batch.length, batch.start), RecordedWindows.none())
            changed = revised(batch, before)
            if changed is not None:
                topic = self._topics[whole_name(batch.length)]
                yield window_record(topic, changed, None, known=late.known)
