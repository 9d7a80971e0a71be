import numpy as np
import pytest

from forecasting.backends import mid_term_backend
from forecasting.gam_fitting import fit_gam
from forecasting.predictors import Predictors
from forecasting.specification import GamSpecification
from forecasting.terms import Factor, Linear, Smooth, Tensor

SPECIFICATION = GamSpecification(
    (
        Factor("day", 7),
        Smooth("season", 10, cyclic=True, bounds=(0.0, 1.0)),
        Smooth("x", 9),
        Tensor(("x", "season"), (5, 6), (False, True), (None, (0.0, 1.0))),
        Linear("trend"),
    )
)


@pytest.fixture(scope="module")
def predictors() -> Predictors:
    rng = np.random.default_rng(0)
    n = 2 * 400
    columns = {
        "day": np.floor(np.arange(n) / 2) % 7,
        "season": (np.arange(n) / n) % 1.0,
        "x": rng.normal(size=n),
        "trend": np.arange(n) / n,
    }
    return Predictors(np.arange(n) % 2, columns)


@pytest.fixture(scope="module")
def load(predictors: Predictors) -> np.ndarray:
    rng = np.random.default_rng(1)
    p = predictors
    shape = np.sin(p["x"]) + np.cos(2 * np.pi * p["season"]) * p["x"] + 0.5 * (p["day"] == 6)
    return np.exp(4 + 0.1 * shape[:, None] * [1, 2] + rng.normal(0, 0.05, (len(p), 2)))


def test_at_the_same_penalties_pygam_fits_the_same_values(predictors, load):
    smoothing = np.random.default_rng(2).uniform(0.1, 20, (2, 8))
    oracle = mid_term_backend("pygam")(SPECIFICATION, predictors, load, 2, smoothing=smoothing)
    ours = fit_gam(SPECIFICATION, predictors, load, 2, smoothing=smoothing)
    # Bring every series back to the pooled penalties: pyGAM has no scale of its own here.
    from forecasting.gram import RIDGE, rows_by_instant

    X = ours.model.design.matrix(predictors)
    Z = ours.model.link.forward(load)
    S = ours.model.design.penalty_matrix(smoothing)
    batched = np.empty_like(Z)
    for h, rows in enumerate(rows_by_instant(predictors.instant, 2)):
        G = X[rows].T @ X[rows]
        ridge = RIDGE * np.trace(G) / len(G) * np.eye(len(G))
        batched[rows] = X[rows] @ np.linalg.solve(G + ridge + S[h], X[rows].T @ Z[rows])
    in_log_units = ours.model.link.spread
    by_pygam = oracle.model.predict_standard(predictors)
    np.testing.assert_allclose(by_pygam * in_log_units, batched * in_log_units, atol=1e-5)
    at_one = np.isclose(ours.model.scale, 1.0)
    by_us = ours.model.predict_standard(predictors)
    np.testing.assert_allclose(
        (by_pygam * in_log_units)[:, at_one], (by_us * in_log_units)[:, at_one], atol=1e-5
    )


def test_both_backends_hold_out_alike(predictors, load):
    blocks = np.arange(len(predictors)) // 100
    holed = load.copy()
    holed[::9, 1] = np.nan
    oracle = mid_term_backend("pygam")(SPECIFICATION, predictors, holed, 2, blocks=blocks)
    ours = fit_gam(SPECIFICATION, predictors, holed, 2, blocks=blocks)
    assert ours.held_out is not None
    assert oracle.held_out is not None
    assert (np.isnan(ours.held_out) == np.isnan(oracle.held_out)).all()
    ratio = np.nanstd(oracle.held_out, axis=0) / np.nanstd(ours.held_out, axis=0)
    np.testing.assert_allclose(ratio, 1.0, atol=0.03)


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="choose batched or pygam"):
        mid_term_backend("prophet")


def test_a_level_never_seen_in_training_keeps_its_column(predictors, load):
    seen = np.flatnonzero(predictors["day"] != 6)
    rows = predictors.rows(seen)
    smoothing = np.full((2, 8), 5.0)
    oracle = mid_term_backend("pygam")(SPECIFICATION, rows, load[seen], 2, smoothing=smoothing)
    assert oracle.model.coefficients.shape[1] == oracle.model.design.n_columns
    np.testing.assert_allclose(oracle.model.coefficients[:, 7], 0.0, atol=1e-6)


def test_a_history_shorter_than_the_model_is_wide_is_refused(predictors, load):
    rows = predictors.rows(np.arange(60))
    with pytest.raises(ValueError, match="too few for pyGAM"):
        mid_term_backend("pygam")(SPECIFICATION, rows, load[:60], 2, smoothing=np.ones((2, 8)))
