"""The few commands that gridcast gives Redis, in memory: its two scripts have twins in Python.

`tests/storage/test_redis_twin.py` holds that the twin and a real server end up with the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from storage import redis_forecasts, redis_state

__all__ = ["RedisTwin"]

Value = Any


class RedisTwin:
    """One node, in memory; a pipeline is executed at once or not at all.

    Parameters
    ----------
    before_write
        Called before each pipeline is executed.
    keeps_younger
        False breaks the rule of both scripts: what is older is taken too, and counted in
        `went_back`.
    """

    def __init__(
        self, before_write: Callable[[], None] = lambda: None, *, keeps_younger: bool = True
    ) -> None:
        self._before_write = before_write
        self.keeps_younger = keeps_younger
        self.went_back = 0
        self.strings: dict[str, bytes] = {}
        self.hashes: dict[str, dict[bytes, bytes]] = {}
        self.streams: dict[str, list[tuple[bytes, ...]]] = {}

    def pipeline(self, *, transaction: bool) -> _Pipeline:
        assert transaction, "nothing is written outside a transaction"
        return _Pipeline(self, self._before_write)

    def hgetall(self, key: str) -> dict[bytes, bytes]:
        return dict(self.hashes.get(key, {}))

    def get(self, key: str) -> bytes | None:
        return self.strings.get(key)

    def contents(self, *, without: str = ":health") -> dict[str, Any]:
        """Return everything that is kept, but what the wall clock wrote."""
        everything: dict[str, Any] = {**self.strings, **self.hashes, **self.streams}
        return {key: value for key, value in everything.items() if not key.endswith(without)}


class _Pipeline:
    def __init__(self, twin: RedisTwin, before_write: Callable[[], None]) -> None:
        self._twin, self._before_write = twin, before_write
        self._calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def __enter__(self) -> _Pipeline:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._calls.clear()

    def delete(self, key: str) -> None:
        self._calls.append((lambda: self._twin.hashes.pop(key, None), ()))

    def hset(self, key: str, *, mapping: Mapping[Any, Any]) -> None:
        fields = {_bytes(name): _bytes(value) for name, value in mapping.items()}
        self._calls.append((lambda: self._twin.hashes.setdefault(key, {}).update(fields), ()))

    def pexpire(self, key: str, milliseconds: int) -> None:
        """Time does not pass here."""

    def eval(self, script: str, n_keys: int, *given: Any) -> None:
        keys, arguments = given[:n_keys], [_bytes(value) for value in given[n_keys:]]
        self._calls.append((_SCRIPTS[script], (self._twin, keys, arguments)))

    def execute(self) -> list[Any]:
        self._before_write()
        calls, self._calls = self._calls, []
        return [call(*arguments) for call, arguments in calls]


def _keep_younger(twin: RedisTwin, keys: tuple[str, ...], arguments: list[bytes]) -> int:
    field, time, text, time_field = arguments
    old = twin.hashes.get(keys[0], {}).get(field)
    if old is not None:
        there = old.partition(b'"' + time_field + b'":')[2]
        digits = there[: len(there) - len(there.lstrip(b"0123456789"))]
        if digits and (len(digits), digits) > (len(time), time):
            if twin.keeps_younger:
                return 0
            twin.went_back += 1
    twin.hashes.setdefault(keys[0], {})[field] = text
    return 1


def _publish(twin: RedisTwin, keys: tuple[str, ...], arguments: list[bytes]) -> bytes:
    summary, _, run_id, issue_time, kind, _ = arguments
    run, pointer, events = keys
    fresh = run not in twin.strings
    twin.strings[run] = summary
    current = twin.strings.get(pointer)
    older = current is not None and run_id < current
    if current is None or run_id > current or (older and not twin.keeps_younger):
        twin.went_back += older
        current = twin.strings[pointer] = run_id
    if fresh:
        twin.streams.setdefault(events, []).append((kind, run_id, issue_time))
    return current


_SCRIPTS: dict[str, Callable[..., Any]] = {
    redis_state._KEEP_YOUNGER: _keep_younger,
    redis_forecasts._PUBLISH: _publish,
}


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
