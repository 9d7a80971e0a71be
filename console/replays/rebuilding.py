"""Windows made again in a replay, as the run's rebuild service made them.

The replay makes each answer itself, out of the raw records that were there when it was asked for
and its own windows. When the run's service answered is a matter of the wall clock, and decides
which forecast took the window in: so an answer is held until what lay before it in the recorded
topic has come. What the run never answered comes at the end.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from records.envelope import watermark_of
from records.errors import RecordError
from records.late import LateParts, LateReadings, decode_request
from records.log import Outgoing
from records.topics import topic_name
from records.window import decode_window
from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader
from storage.recorded_products import made_again_after
from stream.keeper import Outlet
from stream.rebuilder import Rebuilder
from stream.stage import Outcome

__all__ = ["RebuildingOutlet"]

_Kind: TypeAlias = tuple[str, int]
"""What is asked for (windows, metered or rolled up), and the area: answered one by one."""

_NEVER = 2**62
_PACED = {
    "window.5min.v1": ("windows", HistoryClass.WINDOWS),
    "window.15min.v1": ("windows", HistoryClass.LONG_WINDOWS),
    "meter.interval.v1": ("metered", HistoryClass.METER_INTERVALS),
}
"""Topics whose order others go by: the progress of which kind tells where an answer belongs."""


@dataclass(frozen=True, slots=True)
class _Held:
    """An answer, or part of it, that comes once its kind is past a raw offset."""

    after: int
    outgoing: Outgoing


class RebuildingOutlet:
    """Answers requests for windows on their way through; satisfies `stream.keeper.Outlet`.

    Parameters
    ----------
    outlet
        Where all goes.
    rebuilder
        Makes windows out of what the run received and the replay made.
    recorded
        What the run recorded.
    namespace
        Of the replay.
    file
        Files what the replay has made so far in the historian that `rebuilder` reads.
    known_by
        Windows known by then, ns UTC, are taken as recorded, those made again among them.
    """

    def __init__(
        self,
        outlet: Outlet,
        rebuilder: Rebuilder,
        recorded: HistoryReader,
        namespace: str,
        file: Callable[[], None],
        known_by: int | None = None,
    ) -> None:
        self._outlet = outlet
        self._rebuilder = rebuilder
        self._recorded = recorded
        self._file = file
        self._known_by = -_NEVER if known_by is None else known_by
        self._late = topic_name(namespace, "window.late.v1")
        self._paced = {topic_name(namespace, name): kind for name, kind in _PACED.items()}
        self._asked: dict[_Kind, deque[LateReadings | LateParts]] = defaultdict(deque)
        self._held: dict[_Kind, deque[_Held]] = defaultdict(deque)
        self.n_made = 0
        """How many batches of windows were made again."""
        self.n_unanswered = 0
        """How many of them the run itself had not made when its record ended."""

    def deliver(self, outcomes: Sequence[Outcome]) -> None:
        """Hand outcomes over, in order, with what was made again in its place."""
        waiting = any(self._held.values())
        asks = any(isinstance(o, Outgoing) and o.topic == self._late for o in outcomes)
        if not waiting and not asks:
            self._outlet.deliver(outcomes)
            return
        for outcome in outcomes:
            if isinstance(outcome, Outgoing):
                self._make_way(outcome)
            self._outlet.deliver([outcome])
            if isinstance(outcome, Outgoing) and outcome.topic == self._late:
                self._ask(outcome)

    def flush(self) -> None:
        """Return once everything delivered is kept by others."""
        self._outlet.flush()

    def release(self) -> bool:
        """Hand over what is still held; return whether there was any."""
        kinds = [kind for kind, held in self._held.items() if held]
        for kind in kinds:
            self._release(kind, _NEVER + 1)
        self._outlet.flush()
        return bool(kinds)

    def _make_way(self, outgoing: Outgoing) -> None:
        """Hand over what lay before a window in its topic."""
        name, _ = self._paced.get(outgoing.topic, ("", None))
        kind = name, outgoing.partition
        if self._held.get(kind) and watermark_of(outgoing.headers) is not None:
            self._release(kind, decode_window(outgoing.value).input_offset)

    def _release(self, kind: _Kind, before: int) -> None:
        held = self._held[kind]
        while held and held[0].after < before:
            while held and held[0].after < before:
                self._outlet.deliver([held.popleft().outgoing])
            self._answer(kind)

    def _ask(self, outgoing: Outgoing) -> None:
        try:
            late = decode_request(outgoing.headers, outgoing.value, outgoing.partition)
        except RecordError:
            return
        if isinstance(late, LateParts):
            name = "rolled up"
        else:
            name = "metered" if late.metered else "windows"
        if name != "metered" and late.known <= self._known_by:
            return
        kind = name, outgoing.partition
        self._asked[kind].append(late)
        self._answer(kind)

    def _answer(self, kind: _Kind) -> None:
        """Answer what is asked, unless what was asked before is still held."""
        asked, held = self._asked[kind], self._held[kind]
        while asked and not held:
            late = asked.popleft()
            self._outlet.flush()
            self._file()
            made = self._rebuilder.rebuild(late)
            self.n_made += len(made)
            for outgoing in made:
                held.append(_Held(self._after(outgoing, late.known), outgoing))
            if held and kind[0] == "rolled up":
                self._outlet.deliver([each.outgoing for each in held])
                held.clear()

    def _after(self, outgoing: Outgoing, known: int) -> int:
        """Raw offset that the kind must be past for this to come."""
        _, kept_as = self._paced.get(outgoing.topic, ("", None))
        if kept_as is None:
            return -1
        found = made_again_after(self._recorded, kept_as, decode_window(outgoing.value), known)
        if found is None:
            self.n_unanswered += 1
            return _NEVER
        return found
