"""Whether forecasts come in time, judged by someone other than the forecaster.

A forecast with issue time T is due once the raw inputs have passed T in event time. From that
moment wall time counts: too long is first a warning, then an alarm. The wall clock is an input
like any other, so the same observations give the same events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from records.deadline import DeadlineEvent, Severity

__all__ = ["DeadlinePolicy", "DeadlineState", "clock", "input_reached", "published"]

_MOST_DUE = 1_000  # a jump of the clock by years must not fill the memory


@dataclass(frozen=True, slots=True)
class DeadlinePolicy:
    """What punctual means for one product; all times in ns.

    Parameters
    ----------
    product
        Name of the product watched.
    cadence
        Event time between two issues; issue times are its multiples.
    warning, alarm
        Wall time after the inputs passed an issue time; ``warning < alarm``.
    silence
        Wall time without any input after which the alarm is raised too.
    clear_after
        Punctual forecasts in a row that clear a warning or an alarm.
    """

    product: str
    cadence: int
    warning: int
    alarm: int
    silence: int
    clear_after: int = 2


@dataclass(frozen=True, slots=True)
class DeadlineState:
    """What the watcher knows.

    Parameters
    ----------
    reached
        Event time each input has reached.
    due
        Issue times not yet published, with the wall time at which each became due.
    last_input
        Wall time of the last input.
    last_issue
        The latest issue time published; None before the first.
    severity
        What was raised and not yet cleared.
    punctual
        Forecasts in time since something was raised.
    missed
        How many deadlines were missed so far.
    """

    reached: Mapping[str, int] = field(default_factory=dict)
    due: Mapping[int, int] = field(default_factory=dict)
    last_input: int | None = None
    last_issue: int | None = None
    severity: Severity | None = None
    punctual: int = 0
    missed: int = 0


def input_reached(
    policy: DeadlinePolicy, state: DeadlineState, name: str, event_time: int, append_time: int
) -> DeadlineState:
    """Note that the input `name` reached `event_time`, by a record appended at `append_time`.

    Issue times that any input passes for the first time become due then: an input that lags
    behind the others makes the forecast late, and that is worth an alarm. Issue times before
    the first one seen are not waited for.

    >>> policy = DeadlinePolicy("short", cadence=100, warning=10, alarm=20, silence=1000)
    >>> state = input_reached(policy, DeadlineState(), "scada/0", 199, append_time=5)
    >>> input_reached(policy, state, "scada/0", 200, append_time=7).due
    {200: 7}
    """
    before = max(state.reached.values(), default=event_time)
    reached = {**state.reached, name: max(event_time, state.reached.get(name, event_time))}
    due = state.due
    if reached[name] > before:
        first = before - before % policy.cadence + policy.cadence
        passed = range(first, reached[name] + 1, policy.cadence)[-_MOST_DUE:]
        fresh = {t: append_time for t in passed if t > (state.last_issue or t - 1)}
        due = {**due, **fresh}
    last_input = append_time if state.last_input is None else max(append_time, state.last_input)
    return replace(state, reached=reached, due=due, last_input=last_input)


def published(
    policy: DeadlinePolicy, state: DeadlineState, issue_time: int, append_time: int
) -> tuple[DeadlineState, list[DeadlineEvent]]:
    """Note that the forecast of `issue_time` was published at `append_time`.

    Earlier issue times still due count as missed: nobody waits for them any more. The same
    forecast again changes nothing.
    """
    if state.last_issue is not None and issue_time <= state.last_issue:
        return state, []
    skipped = [t for t in state.due if t < issue_time]
    due_from = state.due.get(issue_time, append_time)
    late = append_time - due_from
    punctual = 0 if skipped or late > policy.warning else state.punctual + 1
    state = replace(
        state,
        due={t: at for t, at in state.due.items() if t > issue_time},
        last_issue=issue_time,
        punctual=punctual,
        missed=state.missed + len(skipped) + (late > policy.alarm),
    )
    overdue = any(append_time - at > policy.warning for at in state.due.values())
    if state.severity is None or punctual < policy.clear_after or overdue:
        return state, []
    reason = f"{punctual} forecast(s) in a row in time"
    event = DeadlineEvent(
        policy.product, Severity.CLEARANCE, issue_time, due_from, append_time, reason
    )
    return replace(state, severity=None), [event]


def clock(
    policy: DeadlinePolicy, state: DeadlineState, now: int
) -> tuple[DeadlineState, list[DeadlineEvent]]:
    """Let wall time reach `now`, and raise what is due."""
    if state.due:
        issue_time = min(state.due)
        due_from = state.due[issue_time]
        late = now - due_from
        if late > policy.alarm:
            severity, reason = Severity.ALARM, f"not published {late / 1e9:.0f} s after its inputs"
        elif late > policy.warning:
            severity, reason = Severity.WARNING, f"still missing after {late / 1e9:.0f} s"
        else:
            return state, []
        reason += _laggards(state, issue_time)
        return _raised(policy, state, severity, issue_time, due_from, now, reason)
    if state.last_input is not None and now - state.last_input > policy.silence:
        reason = f"no input for {(now - state.last_input) / 1e9:.0f} s"
        return _raised(policy, state, Severity.ALARM, None, state.last_input, now, reason)
    return state, []


def _laggards(state: DeadlineState, issue_time: int) -> str:
    behind = sorted(name for name, time in state.reached.items() if time < issue_time)
    return f"; input behind: {', '.join(behind)}" if behind else ""


def _raised(
    policy: DeadlinePolicy,
    state: DeadlineState,
    severity: Severity,
    issue_time: int | None,
    due_from: int,
    now: int,
    reason: str,
) -> tuple[DeadlineState, list[DeadlineEvent]]:
    """Raise once, and never fall back from alarm to warning."""
    if state.severity in (Severity.ALARM, severity):
        return state, []
    event = DeadlineEvent(policy.product, severity, issue_time, due_from, now, reason)
    return replace(state, severity=severity, punctual=0), [event]
