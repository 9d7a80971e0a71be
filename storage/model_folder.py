"""Trained models in a folder: arrays as npz, the rest as JSON, both under SHA-256, no pickle."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.arrays import Artefact

__all__ = ["ModelFolderError", "check_model_folder", "read_models", "write_models"]

FORMAT = "gridcast-models-1"
_ARRAYS, _FACTS, _SUMS = "models.npz", "models.json", "SHA256SUMS"
_MOST_FACTS = 256 * 2**20


class ModelFolderError(ValueError):
    """A folder that cannot be written or read as models; the message says what to do."""


def check_model_folder(folder: Path) -> None:
    """Refuse a folder that models must not replace, before they are trained.

    Raises
    ------
    ModelFolderError
        When something else than models is there, or the place cannot be written to.
    """
    if not folder.parent.is_dir():
        raise ModelFolderError(f"{folder}: there is no directory {folder.parent}; make it first")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ModelFolderError(f"{folder}: is a file; name a folder")
    if any(folder.iterdir()) and not (folder / _FACTS).is_file():
        raise ModelFolderError(f"{folder}: holds something else than models; name another folder")


def write_models(folder: Path, models: Artefact) -> str:
    """Write models and return the SHA-256 of their description, which names that of the arrays.

    The folder is there whole or not at all; models that were there are replaced.

    Raises
    ------
    ModelFolderError
        As `check_model_folder`.
    """
    check_model_folder(folder)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with (draft / _ARRAYS).open("wb") as file:
            np.savez(file, allow_pickle=False, **models.arrays)
        arrays = _digest(draft / _ARRAYS)
        tree = {"format": FORMAT, "sha256": {_ARRAYS: arrays}, **models.facts}
        text = json.dumps(tree, indent=1, allow_nan=False) + "\n"
        (draft / _FACTS).write_text(text, encoding="utf-8")
        facts = _digest(draft / _FACTS)
        (draft / _SUMS).write_text(f"{arrays}  {_ARRAYS}\n{facts}  {_FACTS}\n", encoding="ascii")
        draft.chmod(0o755)
        _replace(folder, draft)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return facts


def read_models(folder: Path) -> Artefact:
    """Read what `write_models` wrote.

    Raises
    ------
    ModelFolderError
        When it is not there, of another format, or not what was written.
    """
    for name in (_ARRAYS, _FACTS, _SUMS):
        if not (folder / name).is_file():
            raise ModelFolderError(
                f"{folder}: has no {name}; name a folder that `gridcast train` wrote"
            )
    sums = dict(_sums(folder))
    if (folder / _FACTS).stat().st_size > _MOST_FACTS:
        raise ModelFolderError(f"{folder / _FACTS}: is larger than models ever are")
    for name in (_FACTS, _ARRAYS):
        if sums.get(name) != _digest(folder / name):
            raise ModelFolderError(
                f"{folder / name}: is not what was written (SHA-256 differs); train again"
            )
    tree: dict[str, Any] = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
    found = tree.pop("format", None)
    if found != FORMAT:
        raise ModelFolderError(f"{folder}: format {found!r} is not {FORMAT!r}; train again")
    tree.pop("sha256", None)
    try:
        with np.load(folder / _ARRAYS, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ModelFolderError(f"{folder / _ARRAYS}: {error}; train again") from None
    return Artefact(arrays, tree)


def _replace(folder: Path, draft: Path) -> None:
    """Put the draft in the place of the folder."""
    if not folder.exists():
        draft.replace(folder)
        return
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.old."))
    folder.replace(aside)
    try:
        draft.replace(folder)
    except BaseException:
        aside.replace(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sums(folder: Path) -> list[tuple[str, str]]:
    lines = (folder / _SUMS).read_text(encoding="ascii", errors="replace").splitlines()
    parts = [line.split(maxsplit=1) for line in lines]
    return [(part[1], part[0]) for part in parts if len(part) == 2]
