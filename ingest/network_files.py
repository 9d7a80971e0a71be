"""Where network cases are read from and written to: files, and pandapower's published cases."""

import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from network.errors import BadCase
from network.model import Network
from network.readers.gridcast_case import (
    TABLES,
    network_columns,
    network_from_columns,
    network_from_toml,
    network_toml,
)
from network.readers.matpower import network_from_mat, network_from_matpower_text
from network.readers.pandapower_case import (
    network_from_pandapower_json,
    published_pandapower_case,
)

__all__ = ["read_case", "write_case"]

_PANDAPOWER = "pandapower:"


def read_case(path: str | Path) -> Network:
    """Read a network case.

    Parameters
    ----------
    path : str or Path
        A MATPOWER ``.m`` or ``.mat`` file, the ``.json`` of a pandapower net, a gridcast
        ``.toml`` (with Parquet tables beside it or not) or its directory, or
        ``pandapower:NAME`` for a network that pandapower ships.

    Returns
    -------
    Network

    Raises
    ------
    BadCase
        The file is missing, of an unknown kind, or cannot be read; the message names it.
    """
    text = str(path)
    if text.startswith(_PANDAPOWER):
        return published_pandapower_case(text.removeprefix(_PANDAPOWER))
    file = Path(path)
    if file.is_dir():
        file = file / "network.toml"
    if not file.is_file():
        raise BadCase(f"{file}: no such file; give a .m, .mat, .json or .toml case")
    try:
        return _read(file)
    except BadCase as error:
        raise BadCase(f"{file}: {error}") from error
    except (UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise BadCase(f"{file}: not readable as a case: {error}") from error


def _read(file: Path) -> Network:
    match file.suffix.lower():
        case ".m":
            return network_from_matpower_text(file.read_text(encoding="utf-8"), file.stem)
        case ".mat":
            return network_from_mat(file.read_bytes(), file.stem)
        case ".json":
            return network_from_pandapower_json(file.read_text(encoding="utf-8"), file.stem)
        case ".toml":
            return _read_toml(file)
        case suffix:
            raise BadCase(f"no reader for {suffix or 'a file without suffix'}")


def _read_toml(file: Path) -> Network:
    text = file.read_text(encoding="utf-8")
    beside = {table: file.parent / f"{table}.parquet" for table in TABLES}
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadCase(f"not a TOML document: {error}") from error
    if "buses" in document or not beside["buses"].is_file():
        return network_from_toml(text)
    tables = {
        table: pq.read_table(part).to_pydict() for table, part in beside.items() if part.is_file()
    }
    return network_from_columns(document, tables)


def write_case(network: Network, path: str | Path) -> None:
    """Write a network in gridcast's own format.

    Parameters
    ----------
    network : Network
    path : str or Path
        A ``.toml`` file for one readable document; anything else is a directory that gets
        ``network.toml`` and a Parquet file for each table.
    """
    target = Path(path)
    if target.suffix == ".toml":
        target.write_text(network_toml(network), encoding="utf-8")
        return
    target.mkdir(parents=True, exist_ok=True)
    for table, columns in network_columns(network).items():
        pq.write_table(pa.table(columns), target / f"{table}.parquet")
    (target / "network.toml").write_text(network_toml(network, tables=False), encoding="utf-8")
