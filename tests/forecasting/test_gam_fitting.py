import numpy as np
import pytest

from forecasting.cross_validation import month_blocks
from forecasting.gam import GamModel
from forecasting.gam_fitting import fit_gam
from forecasting.gram import RIDGE, rows_by_instant
from forecasting.predictors import Predictors
from forecasting.specification import GamSpecification, default_specification
from forecasting.terms import Factor, Smooth, Tensor
from forecasting.weather import smooth

N_INSTANTS = 3


@pytest.fixture(scope="module")
def predictors() -> Predictors:
    rng = np.random.default_rng(5)
    n = 3 * 240
    return Predictors(
        np.arange(n) % N_INSTANTS,
        {"day": np.floor(np.arange(n) / 3) % 7, "x": rng.random(n), "y": rng.random(n)},
    )


@pytest.fixture(scope="module")
def load(predictors: Predictors) -> np.ndarray:
    rng = np.random.default_rng(6)
    shape = np.sin(6 * predictors["x"]) + 0.3 * (predictors["day"] > 4) + predictors["y"] ** 2
    gains = np.array([0.1, 0.2, 0.05, 0.15])
    return np.exp(3 + shape[:, None] * gains + rng.normal(0, 0.02, (len(predictors), 4)))


SPECIFICATION = GamSpecification((Factor("day", 7), Smooth("x", 8), Tensor(("x", "y"), (4, 4))))


def direct(model: GamModel, X: np.ndarray, z: np.ndarray, h: int, s: int) -> np.ndarray:
    """Return the textbook solution (X'X + ridge + u S)^-1 X'z of one instant and series."""
    G = X.T @ X
    ridge = RIDGE * np.trace(G) / len(G) * np.eye(len(G))
    S = model.design.penalty_matrix(model.smoothing[h]) * model.scale[s]
    return np.linalg.solve(G + ridge + S, X.T @ z)


def test_the_batched_fit_is_the_textbook_solution_of_every_series(predictors, load):
    model = fit_gam(SPECIFICATION, predictors, load, N_INSTANTS).model
    X, Z = model.design.matrix(predictors), model.link.forward(load)
    for h, rows in enumerate(rows_by_instant(predictors.instant, N_INSTANTS)):
        for s in range(4):
            expected = X[rows] @ direct(model, X[rows], Z[rows, s], h, s)
            fitted = X[rows] @ model.coefficients[h][:, s]
            np.testing.assert_allclose(fitted, expected, atol=1e-8)


def test_a_series_with_gaps_is_fitted_on_exactly_what_it_has(predictors, load):
    holed = load.copy()
    rng = np.random.default_rng(8)
    holed[rng.random(len(load)) < 0.1, 0] = np.nan
    holed[: len(load) // 2, 2] = np.nan
    model = fit_gam(SPECIFICATION, predictors, holed, N_INSTANTS).model
    X, Z = model.design.matrix(predictors), model.link.forward(holed)
    complete = X[rows_by_instant(predictors.instant, N_INSTANTS)[1]]
    ridge = RIDGE * np.trace(complete.T @ complete) / X.shape[1] * np.eye(X.shape[1])
    for s in (0, 2):
        rows = rows_by_instant(predictors.instant, N_INSTANTS)[1]
        known = rows[np.isfinite(Z[rows, s])]
        S = model.design.penalty_matrix(model.smoothing[1]) * model.scale[s]
        A = X[known].T @ X[known] + ridge + S
        expected = X[rows] @ np.linalg.solve(A, X[known].T @ Z[known, s])
        np.testing.assert_allclose(X[rows] @ model.coefficients[1][:, s], expected, atol=1e-5)


def test_held_out_residuals_are_those_of_refits_without_the_block(predictors, load):
    blocks = np.arange(len(predictors)) // 90
    fit = fit_gam(SPECIFICATION, predictors, load, N_INSTANTS, blocks=blocks)
    model, Z = fit.model, fit.model.link.forward(load)
    X = model.design.matrix(predictors)
    assert fit.held_out is not None
    rows = rows_by_instant(predictors.instant, N_INSTANTS)[2]
    inside, outside = rows[blocks[rows] == 3], rows[blocks[rows] != 3]
    G = X[rows].T @ X[rows]
    ridge = RIDGE * np.trace(G) / len(G) * np.eye(len(G))
    S = model.design.penalty_matrix(model.smoothing[2]) * model.scale[1]
    beta = np.linalg.solve(X[outside].T @ X[outside] + ridge + S, X[outside].T @ Z[outside, 1])
    np.testing.assert_allclose(fit.held_out[inside, 1], Z[inside, 1] - X[inside] @ beta, atol=1e-7)


def test_contributions_sum_to_the_forecast_on_the_link_scale(predictors, load):
    model = fit_gam(SPECIFICATION, predictors, load, N_INSTANTS).model
    parts = model.contributions(predictors)
    assert len(parts) == len(model.design.term_names)
    np.testing.assert_allclose(parts.sum(axis=0), np.log(model.predict(predictors)), atol=1e-10)


def test_the_fit_finds_the_signal_and_not_the_noise(predictors, load):
    model = fit_gam(SPECIFICATION, predictors, load, N_INSTANTS).model
    error = np.log(load) - np.log(model.predict(predictors))
    assert (error.std(axis=0) < 0.022).all()
    assert (error.std(axis=0) > 0.018).all()


def test_given_smoothing_makes_a_refit_repeat_itself(predictors, load):
    first = fit_gam(SPECIFICATION, predictors, load, N_INSTANTS).model
    again = fit_gam(SPECIFICATION, predictors, load, N_INSTANTS, smoothing=first.smoothing).model
    np.testing.assert_array_equal(first.coefficients, again.coefficients)


def test_a_series_with_hardly_any_reading_is_named_unfit(predictors, load):
    few = load.copy()
    few[20:, 3] = np.nan
    few[:, 2] = np.nan
    model = fit_gam(SPECIFICATION, predictors, few, N_INSTANTS).model
    assert [bool(reason) for reason in model.reasons] == [False, False, True, True]
    assert np.isfinite(model.coefficients).all()


def test_intervals_without_weather_are_left_out_of_the_fit(predictors, load):
    columns = {name: column.copy() for name, column in predictors.columns.items()}
    columns["x"][:30] = np.nan
    model = fit_gam(SPECIFICATION, Predictors(predictors.instant, columns), load, 3).model
    later = predictors.rows(np.arange(30, len(predictors)))
    rest = fit_gam(model.design.specification, later, load[30:], 3, link=model.link).model
    np.testing.assert_allclose(model.predict(later), rest.predict(later), rtol=1e-9)


def test_a_model_survives_being_stored(predictors, load):
    model = fit_gam(SPECIFICATION, predictors, load, N_INSTANTS).model
    again = GamModel.from_arrays(model.to_arrays())
    np.testing.assert_array_equal(model.predict(predictors), again.predict(predictors))
    assert again.design.specification == model.design.specification


def test_months_are_numbered_by_the_calendar():
    days = np.array(["2024-01-31", "2024-02-01", "2024-02-29"], dtype="datetime64[D]")
    assert np.diff(month_blocks(days.astype(np.int64))).tolist() == [1, 0]


def test_two_months_of_a_load_that_ignores_the_weather_do_not_invent_an_effect(calendar):
    rng = np.random.default_rng(2)
    n, n_train = 24 * 74, 24 * 60
    predictors = calendar.predictors(1_677_628_800_000_000_000 + calendar.step_ns * np.arange(n))
    season = -8 * np.cos(2 * np.pi * np.arange(n) / (24 * 365))
    temperature = 12 + season + 5 * np.sin(2 * np.pi * np.arange(n) / 24) + rng.normal(0, 0.5, n)
    columns, _ = smooth(temperature[:, None], 24)
    predictors = predictors.joined(columns.zone(0))
    clock = 1 + 0.2 * np.sin(2 * np.pi * (predictors.instant[:, None] - [7, 9]) / 24)
    load = [50.0, 80.0] * clock * np.exp(0.02 * rng.normal(size=(n, 2)))
    model = fit_gam(
        default_specification(60.0), predictors.rows(np.arange(n_train)), load[:n_train], 24
    ).model
    later = np.arange(n_train, n)
    error = np.abs(model.predict(predictors.rows(later)) / load[later] - 1)
    assert error.mean() < 0.018  # the noise alone gives 0.016
    assert error.max() < 0.1
