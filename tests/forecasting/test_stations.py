import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.calendar import Calendar
from forecasting.cross_validation import month_blocks
from forecasting.specification import GamSpecification
from forecasting.stations import choose_station_weights, convex_weights
from forecasting.terms import Factor, Smooth

HOUR_NS = 3_600_000_000_000


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_no_other_convex_weights_do_better(seed: int):
    rng = np.random.default_rng(seed)
    E = rng.normal(size=(40, 4)) @ rng.normal(size=(4, 4))
    A = (E.T @ E)[None]
    w = convex_weights(A)[0]
    assert abs(w.sum() - 1) < 1e-9
    assert (w >= 0).all()
    others = rng.dirichlet(np.ones(4), 200)
    best = np.einsum("ni,ij,nj->n", others, A[0], others).min()
    assert w @ A[0] @ w <= best * (1 + 1e-6)


def test_a_series_listens_to_the_station_it_depends_on():
    rng = np.random.default_rng(0)
    n = 24 * 150
    start = np.datetime64("2023-01-01", "ns").astype(np.int64)
    calendar = Calendar("UTC", HOUR_NS)
    times = start + HOUR_NS * np.arange(n, dtype=np.int64)
    stations = (
        10
        + 5 * np.sin(np.arange(n)[:, None] / 24 * 2 * np.pi)
        + np.cumsum(rng.normal(0, 0.4, (n, 3)), axis=0)
    )
    noise = rng.normal(0, 0.01, (n, 2))
    load = np.exp(3 + 0.02 * stations[:, [0, 2]] + noise)
    weights = choose_station_weights(
        GamSpecification((Factor("day_class", 8), Smooth("temperature", 8))),
        calendar.predictors(times),
        stations,
        load,
        24,
        month_blocks(calendar.day(times)),
    )
    assert weights[0, 0] > 0.9
    assert weights[1, 2] > 0.9
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
