"""Which programs these are: the version, and the commit where it is known."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
from functools import cache
from pathlib import Path

__all__ = ["code_version"]

_ROOT = Path(__file__).parents[1]


@cache
def code_version() -> str:
    """Return the version, with the commit after a plus sign where there is one.

    A checkout with changes that are not committed says ``changed`` at the end. An installed
    package knows its commit where it came from a repository.
    """
    version = importlib.metadata.version("gridcast")
    commit = _of_checkout() or _of_installation()
    return f"{version}+{commit}" if commit else version


def _of_checkout() -> str:
    if not (_ROOT / ".git").exists():
        return ""  # installed somewhere, maybe inside a checkout of something else
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=.changed"],
            cwd=_ROOT, capture_output=True, text=True, check=False, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.strip()


def _of_installation() -> str:
    text = importlib.metadata.distribution("gridcast").read_text("direct_url.json")
    origin = json.loads(text) if text else {}
    return str(origin.get("vcs_info", {}).get("commit_id", ""))
