import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.aggregation import AggregationState, aggregate, lead_bands


def experts_and_truth(n_origins: int = 300, n_steps: int = 6):
    """Expert 0 is good, 1 is biased, 2 is noise."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(n_origins, n_steps, 1))
    errors = np.stack(
        [
            rng.normal(0, 0.1, truth.shape),
            0.5 + rng.normal(0, 0.1, truth.shape),
            rng.normal(0, 1.0, truth.shape),
        ],
        axis=2,
    )
    return truth[:, :, None, :] + errors, truth


def test_the_mixture_ends_close_to_the_best_expert():
    experts, truth = experts_and_truth()
    out = aggregate(experts, truth, np.arange(300) * 6, lead_bands(6, 24))
    late = slice(150, None)
    best = np.abs(experts[late, :, 0] - truth[late]).mean()
    assert np.abs(out[late] - truth[late]).mean() < 1.15 * best


def test_two_experts_with_opposite_errors_are_mixed_not_chosen():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(400, 2, 1))
    off = rng.normal(0, 1, truth.shape)
    experts = np.stack([truth + off, truth - off], axis=2)
    out = aggregate(experts, truth, np.arange(400) * 2, np.zeros(2, dtype=np.int64))
    assert np.abs(out[200:] - truth[200:]).mean() < 0.4 * np.abs(off[200:]).mean()


def test_nothing_is_learnt_before_its_outcome_is_known():
    experts, truth = experts_and_truth(10, 6)
    origins, band = np.arange(10) * 2, lead_bands(6, 24)
    out = aggregate(experts, truth, origins, band)
    changed = truth.copy()
    changed[3:] += 100.0  # outcomes of origin 6 onwards: rows 6 and later
    again = aggregate(experts, changed, origins, band)
    np.testing.assert_array_equal(out[:4], again[:4])
    # Origin 4 starts at row 8: the first band (two steps) of origin 3 is over by then.
    assert not np.array_equal(out[4, :2], again[4, :2])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_the_mixture_lies_among_the_experts_that_speak(seed: int):
    rng = np.random.default_rng(seed)
    state = AggregationState(rng.normal(size=(2, 3, 4)), rng.random((2, 3, 4)) + 0.1)
    experts = rng.normal(size=(6, 3, 4))
    experts[rng.random(experts.shape) < 0.3] = np.nan
    out = state.mixture(experts, np.repeat([0, 1], 3))
    some = np.isfinite(experts).any(axis=1)
    assert (np.isfinite(out) == some).all()
    low = np.min(np.where(np.isfinite(experts), experts, np.inf), axis=1)
    high = np.max(np.where(np.isfinite(experts), experts, -np.inf), axis=1)
    assert (out[some] >= low[some] - 1e-12).all()
    assert (out[some] <= high[some] + 1e-12).all()


def test_weights_sum_to_one_and_start_alike():
    state = AggregationState.starting(2, 4, 3)
    np.testing.assert_allclose(state.weights(), 0.25)


def test_a_state_survives_being_stored():
    experts, truth = experts_and_truth(2)
    band = lead_bands(6, 24)
    start = AggregationState.starting(3, 3, 1)
    state = start.learnt(experts[0], start.mixture(experts[0], band), truth[0], band)
    again = AggregationState.from_arrays(state.to_arrays())
    np.testing.assert_array_equal(state.weights(), again.weights())
