"""The network case of a command: read, and refused when it is not fit for use."""

from __future__ import annotations

import logging

from console.errors import BadInputError
from ingest.network_files import read_case
from network.errors import BadCase
from network.model import Network
from network.switching import switched
from network.validation import NetworkFinding, validate

__all__ = ["open_case"]

_SHOWN = 5


def open_case(path: str) -> Network:
    """Read a case and check it; its breakers stand as the case has them.

    Raises
    ------
    BadInputError
        The case cannot be read, or has a flaw that nothing can be computed with.
    """
    # pandapower reports the acceleration packages it does without.
    logging.getLogger("pandapower").setLevel(logging.ERROR)
    try:
        network = read_case(path)
    except BadCase as error:
        raise BadInputError(f"--network {error}") from None
    except OSError as error:
        raise BadInputError(f"--network {path}: {error.strerror}; make it readable") from None
    flaws = [finding for finding in validate(network) if finding.fatal]
    if flaws:
        raise BadInputError("\n".join(f"--network {path}: {_told(flaw)}" for flaw in flaws))
    return switched(network).network


def _told(flaw: NetworkFinding) -> str:
    some = " ".join(flaw.ids[:_SHOWN])
    more = f" and {len(flaw.ids) - _SHOWN} more" if len(flaw.ids) > _SHOWN else ""
    where = f"{flaw.component} {some}{more}" if flaw.ids else flaw.component
    return f"{where}: {flaw.message}; correct the case"
