"""What every benchmark says beside its figures, and how it writes them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["shared_data", "write_report"]

_ROOT = Path(__file__).resolve().parents[1]
_PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "faust-streaming", "kafka-python")


def shared_data() -> Path:
    """Return the folder of the public data sets: ``GRIDCAST_SHARED_DATA``, else beside us."""
    return Path(os.environ.get("GRIDCAST_SHARED_DATA", _ROOT.parent / "shared" / "data"))


def write_report(path: Path, figures: Mapping[str, Any]) -> None:
    """Write figures with machine, versions and commit by rename, and print them."""
    report = {"machine": _machine(), "versions": _versions(), "commit": _commit(), **figures}
    text = json.dumps(report, indent=2) + "\n"
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    print(text, end="")


def _machine() -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "load_average": round(os.getloadavg()[0], 2),
        "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", "all"),
    }


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def _commit() -> str:
    told = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    return told.stdout.strip()
