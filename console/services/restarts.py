"""When a service that ended is started again, and what a person is told of it."""

from __future__ import annotations

from dataclasses import dataclass

from console.endings import BAD_INPUT

__all__ = ["Restarts", "how_it_ended"]

_STEADY_S = 600.0
"""A service that ran for so long has come to itself: what it did before no longer counts."""
_LONGEST_WAIT_S = 30.0


@dataclass(slots=True)
class _Story:
    started: float = 0.0
    in_a_row: int = 0
    in_all: int = 0
    code: int = 0
    ended: float = 0.0


class Restarts:
    """Keeps account of the services of a run; times are seconds of one clock.

    >>> restarts = Restarts()
    >>> def runs_for(seconds, now):
    ...     restarts.started("area", now)
    ...     return restarts.ended("area", 1, now + seconds, allowed=3)
    >>> [runs_for(1.0, now) for now in (0.0, 10.0, 20.0, 30.0)]
    [0.0, 1.0, 2.0, None]
    >>> runs_for(600.0, 40.0)
    0.0
    """

    def __init__(self) -> None:
        self._stories: dict[str, _Story] = {}

    def started(self, name: str, now: float) -> None:
        """Note that a service was started."""
        self._stories.setdefault(name, _Story()).started = now

    def ended(
        self, name: str, code: int, now: float, *, allowed: int, hindered: bool = False
    ) -> float | None:
        """Note that a service ended, and return after how many seconds it is started again.

        None says that it stays down: bad input stays bad, and what ended `allowed` times in a
        row would end again. The first time it is at once, then each pause is twice the last.
        Where it was `hindered`, by a broker that is away, nothing counts against it.
        """
        story = self._stories.setdefault(name, _Story())
        if now - story.started >= _STEADY_S:
            story.in_a_row = 0
        if not hindered:
            if code == BAD_INPUT or story.in_a_row >= allowed:
                return None
            story.in_a_row += 1
        story.in_all += 1
        story.code, story.ended = code, now
        if story.in_a_row <= 1:
            return 0.0
        return float(min(2 ** (story.in_a_row - 2), _LONGEST_WAIT_S))

    def in_a_row(self, name: str) -> int:
        """How often a service has ended without a long run in between."""
        return self._stories[name].in_a_row

    def troubled(self, now: float) -> bool:
        """Whether a service was started again lately."""
        return any(s.in_all and now - s.ended < _STEADY_S for s in self._stories.values())

    def summary(self, now: float) -> str:
        """What was started again, and how long ago, for a person; empty where nothing was."""
        return "; ".join(
            f"{name} was started again {story.in_all} time{'s' if story.in_all > 1 else ''}, last "
            f"{now - story.ended:.0f} s ago when it {how_it_ended(story.code)}"
            for name, story in sorted(self._stories.items())
            if story.in_all
        )


def how_it_ended(code: int) -> str:
    """A process's end in words.

    >>> how_it_ended(-9), how_it_ended(1)
    ('was killed by signal 9', 'ended with code 1')
    """
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
