import numpy as np
import pytest

from openpose_keras.heatmaps.peaks import gaussian_prior


def test_prior_agrees_with_a_plain_loop():
    xy = np.array([[2.0, 3.5], [14.0, 7.25], [-3.0, 30.0]])
    prior = gaussian_prior(xy, (12, 20), spread=0.2)
    assert (prior.shape, prior.dtype) == ((12, 20, 3), np.float64)
    sigma = 0.2 * 26.5  # the longer side is from 3.5 to 30
    for row, column, index in np.random.default_rng(0).integers(0, (12, 20, 3), (60, 3)):
        away = np.hypot(column - xy[index, 0], row - xy[index, 1])
        expected = np.exp(-(away**2) / (2 * sigma**2))
        assert prior[row, column, index] == pytest.approx(expected)


def test_points_at_one_position_have_a_prior_of_a_cell():
    prior = gaussian_prior([[3.0, 3.0]] * 2, (7, 7), spread=0.5)
    assert np.isfinite(prior).all()
    np.testing.assert_allclose(prior[3, 4], np.exp(-2))


@pytest.mark.parametrize("spread", [0.0, -1.0, np.nan])
def test_a_spread_that_is_not_above_zero_is_refused(spread):
    with pytest.raises(ValueError, match="expected a spread above 0, got"):
        gaussian_prior([[0.0, 0.0]], (4, 4), spread=spread)
