"""The file that the processes of a run share."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import BadInputError
from console.services.run_file import RunFile, read_run, write_run
from console.settings import load_settings


def test_a_run_is_read_back_with_the_addresses_of_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDIS_URL", "redis://:secret@here:1/0")
    run = RunFile(
        settings=load_settings(directory=tmp_path / "run"), start=5, days=2, seed=1, speed=None
    )
    path = write_run(run)
    assert "secret" not in path.read_text()
    monkeypatch.setenv("REDIS_URL", "redis://there:2/0")
    back = read_run(path)
    assert (back.start, back.days, back.speed, back.directory) == (5, 2, None, tmp_path / "run")
    assert back.settings.addresses.redis_url is not None
    assert "there" in back.settings.addresses.redis_url.get_secret_value()


def test_a_file_that_is_not_there_or_not_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no such file"):
        read_run(tmp_path / "run.json")
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(BadInputError, match="not the file of a run"):
        read_run(tmp_path / "run.json")
