"""Lists of outages that take several elements at once, TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ingest.dataset.errors import Problems
from network.arrays import Ints, Strings
from network.model import Network
from network.outages import Outage, OutageKind

__all__ = ["read_outage_list"]

_KEYS = ("id", "branches", "generators", "buses")
_EXAMPLE = 'write [[outage]], id = "double circuit 49-54", branches = ["75", "76"]'


def read_outage_list(path: Path, network: Network) -> tuple[Outage, ...]:
    """Read outages of several elements, each an ``[[outage]]`` of a TOML file.

    Parameters
    ----------
    path : Path
        Every entry has an ``id`` of its own and at least one of ``branches``, ``generators``
        and ``buses``, lists of ids of the case. A bus is lost with all that is at it.
    network : Network

    Returns
    -------
    tuple of Outage

    Raises
    ------
    ingest.dataset.errors.DatasetError
        Something in the file cannot be used; the message has every place and a remedy.
    """
    problems = Problems()
    entries = _entries(path, problems)
    problems.raise_if_any()
    reader = _Reader(path.name, network, problems)
    outages = [reader.outage(number, entry) for number, entry in enumerate(entries, start=1)]
    problems.raise_if_any()
    return tuple(outage for outage in outages if outage is not None)


def _entries(path: Path, problems: Problems) -> list[object]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.add(str(path), None, "there is no such file", "check the name")
        return []
    except OSError as error:
        problems.add(path.name, None, f"it cannot be opened: {error.strerror}", "make it readable")
        return []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.add(path.name, None, f"it is not TOML: {error}", "correct that place")
        return []
    for key in document:
        if key != "outage":
            problems.add(path.name, None, f"unknown key {key!r} at the top", _EXAMPLE)
    entries = document.get("outage", [])
    if not isinstance(entries, list) or not entries:
        problems.add(path.name, None, "there is no [[outage]]", _EXAMPLE)
        return []
    return entries


class _Reader:
    def __init__(self, file: str, network: Network, problems: Problems) -> None:
        self._file, self._network, self._problems = file, network, problems
        self._seen: dict[str, int] = {}

    def outage(self, number: int, entry: object) -> Outage | None:
        """Read one entry; None, and a problem noted, where it cannot be used."""
        if not isinstance(entry, Mapping):
            self._refuse(number, "it is not a table", _EXAMPLE)
            return None
        for key in entry:
            if key not in _KEYS:
                self._refuse(number, f"unknown key {key!r}", f"known are {', '.join(_KEYS)}")
        name = self._name(number, entry.get("id"))
        network = self._network
        branches = self._rows(number, entry, "branches", network.branches.id)
        units = self._rows(number, entry, "generators", network.generators.id)
        buses = self._buses(number, entry)
        if not branches and not units and not buses:
            self._refuse(number, "it loses nothing", "name branches, generators or buses")
        return None if name is None else Outage(name, OutageKind.LISTED, branches, units, buses)

    def _refuse(self, number: int, what: str, remedy: str) -> None:
        self._problems.add(self._file, None, f"[[outage]] {number}: {what}", remedy)

    def _name(self, number: int, name: object) -> str | None:
        if not isinstance(name, str) or not name.strip():
            self._refuse(number, f"id is {name!r}", "give it an id of its own, a text")
            return None
        if name.startswith(("branch:", "gen:")):
            remedy = "branch: and gen: name the outages of single elements; choose another id"
            self._refuse(number, f"id {name!r} could be one of the case", remedy)
            return None
        first = self._seen.setdefault(name, number)
        if first != number:
            self._refuse(number, f"id {name!r} is that of entry {first}", "give it another")
            return None
        return name

    def _names(self, number: int, entry: Mapping[str, object], key: str) -> list[str]:
        names = entry.get(key, [])
        if not isinstance(names, list) or not all(isinstance(name, str | int) for name in names):
            self._refuse(number, f"{key} is {names!r}", f'write a list of ids: {key} = ["7", "8"]')
            return []
        return [str(name) for name in names]

    def _rows(
        self, number: int, entry: Mapping[str, object], key: str, ids: Strings
    ) -> tuple[int, ...]:
        names = self._names(number, entry, key)
        row_of = {name: row for row, name in enumerate(ids.tolist())}
        found = np.array([row_of.get(name, -1) for name in names], dtype=np.int64)
        return self._known(number, key, names, found, ids)

    def _buses(self, number: int, entry: Mapping[str, object]) -> tuple[int, ...]:
        names = self._names(number, entry, "buses")
        rows = self._network.bus_rows(names)
        return self._known(number, "buses", names, rows, self._network.buses.id)

    def _known(
        self, number: int, key: str, names: list[str], rows: Ints, ids: Strings
    ) -> tuple[int, ...]:
        unknown = [name for name, row in zip(names, rows.tolist(), strict=True) if row < 0]
        if unknown:
            some = ", ".join(unknown[:5])
            like = ", ".join(ids[:3].tolist())
            remedy = f"use ids of the case, such as {like}"
            self._refuse(number, f"the case has no {key} {some}", remedy)
        return tuple(dict.fromkeys(row for row in rows.tolist() if row >= 0))
