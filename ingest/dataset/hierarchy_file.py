"""Reading ``hierarchy.toml``: every key and node checked, every problem told."""

from __future__ import annotations

import difflib
import math
import tomllib
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.dataset.errors import Problems
from ingest.dataset.hierarchy import HierarchySpec, NodeSpec
from records.time import DAY, MINUTE, format_duration, parse_duration

__all__ = ["HIERARCHY_FILE", "read_hierarchy"]

HIERARCHY_FILE = "hierarchy.toml"
_KEYS = ("version", "timezone", "step", "node", "country", "holidays")
_NODE_KEYS = ("id", "level", "parent", "stations")


def read_hierarchy(folder: Path, problems: Problems) -> HierarchySpec | None:
    """Read ``hierarchy.toml``; None when it cannot be understood at all."""
    path = folder / HIERARCHY_FILE
    if not path.is_file():
        problems.add(
            HIERARCHY_FILE,
            None,
            "the file is missing",
            f"write it in {folder}: timezone, step, nodes",
        )
        return None
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.add(HIERARCHY_FILE, None, f"it is not TOML: {error}", "correct that place")
        return None
    except OSError as error:
        what = f"it cannot be opened: {error.strerror}"
        problems.add(HIERARCHY_FILE, None, what, "make it readable")
        return None
    before = len(problems.listed)
    _refuse_unknown(raw, _KEYS, "the file", problems)
    timezone = _timezone(raw.get("timezone"), problems)
    step_ns = _step(raw.get("step"), problems)
    country, holidays_file = _text(raw, "country", problems), _text(raw, "holidays", problems)
    nodes = _nodes(raw.get("node"), problems)
    if len(problems.listed) > before:
        return None
    version = str(raw.get("version", "1"))
    return HierarchySpec(version, timezone, step_ns, nodes, country, holidays_file)


def _refuse_unknown(
    table: Mapping[str, Any], known: tuple[str, ...], where: str, problems: Problems
) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            problems.add(HIERARCHY_FILE, None, f"{where} has an unknown key {key!r}", hint)


def _timezone(value: object, problems: Problems) -> str:
    try:
        if isinstance(value, str) and value:
            return zoneinfo.ZoneInfo(value).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass
    seen = "there is no timezone" if value is None else f"timezone {value!r} is not known"
    problems.add(
        HIERARCHY_FILE,
        None,
        seen,
        'write an IANA name such as timezone = "Europe/Paris", or a fixed offset such as '
        '"Etc/GMT+5" for five hours behind UTC',
    )
    return "UTC"


def _step(value: object, problems: Problems) -> int:
    try:
        step = parse_duration(value) if isinstance(value, str) else 0
    except ValueError:
        step = 0
    if step >= MINUTE and DAY % step == 0:
        return step
    seen = "there is no step" if value is None else f"step {value!r} cannot be used"
    if step:
        seen = f"step {format_duration(step)} does not divide a day into whole minutes"
    problems.add(HIERARCHY_FILE, None, seen, 'write for example step = "PT30M" or "PT1H"')
    return DAY


def _text(raw: Mapping[str, Any], key: str, problems: Problems) -> str | None:
    value = raw.get(key)
    if value is None or (isinstance(value, str) and value):
        return value
    problems.add(HIERARCHY_FILE, None, f"{key} is {value!r}", f"write a text, or leave {key} out")
    return None


def _nodes(value: object, problems: Problems) -> tuple[NodeSpec, ...]:
    if not isinstance(value, list) or not value:
        problems.add(
            HIERARCHY_FILE,
            None,
            "there is no node",
            "write at least one [[node]] with id and level",
        )
        return ()
    nodes: list[NodeSpec] = []
    for number, entry in enumerate(value, start=1):
        node = _node(number, entry, problems)
        if node is not None:
            nodes.append(node)
    if len(nodes) == len(value):
        _check_tree(nodes, problems)
    return tuple(nodes)


def _node(number: int, entry: object, problems: Problems) -> NodeSpec | None:
    where = f"[[node]] number {number}"
    if not isinstance(entry, dict):
        problems.add(HIERARCHY_FILE, None, f"{where} is not a table", "write it as [[node]]")
        return None
    _refuse_unknown(entry, _NODE_KEYS, where, problems)
    texts: dict[str, str] = {}
    for key in ("id", "level"):
        text = entry.get(key)
        if isinstance(text, str) and text:
            texts[key] = text
        else:
            problems.add(
                HIERARCHY_FILE, None, f"{where}: {key} is {text!r}", f'write {key} = "..." as text'
            )
    parent = entry.get("parent")
    if parent is not None and not (isinstance(parent, str) and parent):
        problems.add(
            HIERARCHY_FILE,
            None,
            f"{where}: parent is {parent!r}",
            "write the id of another node, or leave parent out for the root",
        )
        return None
    stations = _stations(where, entry.get("stations", {}), problems)
    return NodeSpec(texts["id"], texts["level"], parent, stations) if len(texts) == 2 else None


def _stations(where: str, value: object, problems: Problems) -> dict[str, float]:
    if not isinstance(value, dict):
        problems.add(
            HIERARCHY_FILE,
            None,
            f"{where}: stations is {value!r}",
            "write stations = {id = weight}",
        )
        return {}
    for station, weight in value.items():
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or not math.isfinite(weight) or weight <= 0:
            problems.add(
                HIERARCHY_FILE,
                None,
                f"{where}: the weight of station {station!r} is {weight!r}",
                "write a positive finite number",
            )
            return {}
    return {station: float(weight) for station, weight in value.items()}


def _check_tree(nodes: list[NodeSpec], problems: Problems) -> None:
    parent_of: dict[str, str | None] = {}
    for node in nodes:
        if node.id in parent_of:
            problems.add(
                HIERARCHY_FILE,
                None,
                f"node {node.id!r} appears twice",
                "give every node its own id",
            )
        parent_of[node.id] = node.parent
    roots = [name for name, parent in parent_of.items() if parent is None]
    if len(roots) > 1:
        problems.add(
            HIERARCHY_FILE,
            None,
            f"{len(roots)} nodes have no parent ({', '.join(roots[:5])})",
            "leave parent out of one node only, the total",
        )
    for name, parent in parent_of.items():
        if parent is not None and parent not in parent_of:
            near = difflib.get_close_matches(parent, parent_of, 1)
            hint = f"did you mean {near[0]!r}?" if near else "add a [[node]] for it"
            problems.add(
                HIERARCHY_FILE, None, f"node {name!r} has an unknown parent {parent!r}", hint
            )
    cycle = _cycle(parent_of)
    if cycle:
        problems.add(
            HIERARCHY_FILE,
            None,
            f"nodes are their own ancestors: {' -> '.join(cycle)}",
            "let the parents lead to one root",
        )
    elif not roots:
        problems.add(
            HIERARCHY_FILE, None, "no node is the root", "leave parent out of one node, the total"
        )


def _cycle(parent_of: Mapping[str, str | None]) -> list[str]:
    """Return the ids along a cycle, its first repeated at the end; empty when there is none."""
    settled: set[str] = set()
    for start in parent_of:
        path: list[str] = []
        name: str | None = start
        while name is not None and name in parent_of and name not in settled:
            if name in path:
                return [*path[path.index(name) :], name]
            path.append(name)
            name = parent_of[name]
        settled.update(path)
    return []
