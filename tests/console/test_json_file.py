"""JSON files: whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.errors import BadInputError
from console.json_file import check_json_target, write_json


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1.5})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1.5}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_number_that_is_not_finite_leaves_what_was_there(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", float("nan"))
    assert (tmp_path / "a.json").read_text() == "1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_target_is_refused_before_the_work_begins(tmp_path: Path) -> None:
    check_json_target(None)
    check_json_target(tmp_path / "a.json")
    with pytest.raises(BadInputError, match="there is no directory"):
        check_json_target(tmp_path / "absent" / "a.json")
    with pytest.raises(BadInputError, match="is a directory"):
        check_json_target(tmp_path)
