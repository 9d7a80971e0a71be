import numpy as np
import pytest

from forecasting.predictors import Predictors
from forecasting.specification import GamSpecification, default_specification
from forecasting.terms import Factor, Linear, Smooth, Tensor


def table(**columns: np.ndarray) -> Predictors:
    n = len(next(iter(columns.values())))
    return Predictors(np.zeros(n, dtype=np.int64), columns)


def test_a_smooth_reads_its_range_from_training_data_and_leaves_room_beyond():
    term = Smooth("x", 6).resolved(table(x=np.array([2.0, 9.0, np.nan])))
    assert term.bounds == pytest.approx((2.0 - 0.42, 9.0 + 0.42))


def test_a_tensors_penalties_share_the_eigenbasis_their_spectra_claim():
    term = Tensor(("x", "y"), (4, 5))
    penalty = term.penalty()
    factors = np.array([0.3, 2.0, 5.0])
    mix = np.einsum("j,jkl->kl", factors, penalty.matrices)
    claimed = np.sort(factors @ penalty.spectra)
    np.testing.assert_allclose(np.linalg.eigvalsh(mix), claimed, atol=1e-10)


def test_only_the_level_of_a_smooth_is_free_of_every_penalty():
    for term, n in (
        (Smooth("x", 7), 7),
        (Smooth("x", 7, cyclic=True), 7),
        (Tensor(("x", "y"), (4, 5)), 20),
        (Tensor(("x", "y"), (4, 5), (False, True)), 20),
    ):
        total = term.penalty().matrices.sum(axis=0)
        np.testing.assert_allclose(total @ np.ones(n), 0.0, atol=1e-12)
        assert np.linalg.matrix_rank(total, tol=1e-9) == n - 1
        assert np.count_nonzero(term.penalty().spectra.sum(axis=0)) == n - 1


def test_a_factor_has_one_column_a_level():
    block = Factor("k", 3).block(table(k=np.array([2.0, 0.0])))
    assert block.tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


def test_an_unknown_column_is_named_in_the_error():
    with pytest.raises(KeyError, match="wind"):
        Linear("wind").block(table(x=np.zeros(2)))


def test_a_specification_survives_its_facts():
    specification = default_specification(800.0, vacations=True)
    assert GamSpecification.from_facts(specification.to_facts()) == specification


def test_a_short_history_leaves_the_annual_terms_out():
    short = {term.name for term in default_specification(100.0).terms}
    long = {term.name for term in default_specification(600.0).terms}
    assert {"s(time_of_year)", "years", "dst", "s(temperature_21d)"} <= long - short


def test_without_temperature_only_calendar_terms_remain():
    names = [t.name for t in default_specification(600.0, temperature=False).terms]
    assert not any("temperature" in name for name in names)
