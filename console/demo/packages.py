"""The packages that only the demo needs."""

from __future__ import annotations

import importlib.util

from console.errors import BadInputError

__all__ = ["check_demo_packages"]


def check_demo_packages() -> None:
    """Refuse to start without the published network and the load shapes.

    Raises
    ------
    BadInputError
        When a package is not installed; the message says how to install it.
    """
    missing = [n for n in ("pandapower", "simbench") if importlib.util.find_spec(n) is None]
    if missing:
        raise BadInputError(
            f"the twin's network and load shapes come from {' and '.join(missing)}, not installed; "
            "install gridcast with its extra: pip install 'gridcast[demo]'"
        )
