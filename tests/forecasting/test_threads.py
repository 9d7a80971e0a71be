import numpy as np
import pytest

from forecasting.threads import in_parts


@pytest.mark.parametrize("n", [0, 1, 7, 1000])
def test_every_place_is_worked_on_once(n: int) -> None:
    done = np.zeros(n)

    def work(part: slice) -> None:
        done[part] += 1

    in_parts(n, work, at_least=1)
    assert (done == 1).all()


def test_what_goes_wrong_in_a_part_is_raised() -> None:
    def work(part: slice) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_parts(1000, work, at_least=1)
