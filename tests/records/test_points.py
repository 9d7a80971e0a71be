from __future__ import annotations

import numpy as np
import pytest

from records.errors import RecordError
from records.points import ElementKind, Point, PointRegister, Quantity


def load(number: int, area: int = 0, valid_from: int = 0, valid_to: int = 100) -> Point:
    return Point(
        f"load:{number} p_mw",
        number,
        area,
        ElementKind.LOAD,
        str(number),
        Quantity.ACTIVE,
        1.0,
        valid_from=valid_from,
        valid_to=valid_to,
    )


def test_points_are_found_by_number_and_unknown_ones_are_told() -> None:
    table = PointRegister([load(9), load(3)]).at(0, 50)
    assert table.ids.tolist() == ["load:3 p_mw", "load:9 p_mw"]
    assert table.locate(np.array([9, 4, 3, 10], np.uint32)).tolist() == [1, -1, 0, -1]


def test_a_reading_is_read_through_the_entry_in_force_at_its_time() -> None:
    old, new = load(1, valid_to=10), load(1, valid_from=10)
    register = PointRegister([old, new, load(2)])
    assert register.at(0, 9).points == (old, load(2))
    assert register.at(0, 10).points == (new, load(2))
    assert register.at(0, 9).valid_to == 10


def test_an_area_or_time_without_points_is_refused() -> None:
    register = PointRegister([load(1)])
    with pytest.raises(RecordError):
        register.at(1, 0)
    with pytest.raises(RecordError):
        register.at(0, 100)


def test_a_number_used_twice_at_once_is_refused() -> None:
    with pytest.raises(ValueError, match="used twice"):
        PointRegister([load(1), load(1)])
