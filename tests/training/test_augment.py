import subprocess
import sys

import numpy as np
import pytest

from openpose_keras.training import augment
from openpose_keras.training.augment import develop, sample_tint
from tests.test_house import HEAVY

SEEDS = range(120)


def scenery(height=48, width=64):
    """A smooth picture with light, shadow and three hues."""
    y, x = np.mgrid[:height, :width]
    planes = [40 + 170 * x / width, 200 - 150 * y / height, 60 + 100 * np.hypot(x, y) / 80]
    return np.stack(planes, axis=-1).astype(np.uint8)


def test_shape_and_dtype_stay():
    for seed in SEEDS:
        image = develop(np.random.default_rng(seed), scenery())
        assert image.shape == (48, 64, 3)
        assert image.dtype == np.uint8


def test_same_seed_gives_the_same_picture():
    for seed in range(30):
        first, again = (develop(np.random.default_rng(seed), scenery()) for _ in range(2))
        np.testing.assert_array_equal(first, again)
    assert (develop(np.random.default_rng(0), scenery()) != first).any()


def test_the_image_is_not_written_into():
    image = scenery()
    image.setflags(write=False)
    for seed in SEEDS:
        develop(np.random.default_rng(seed), image)


def test_the_picture_stays_recognisable():
    image = scenery().astype(float).mean(-1).ravel()
    for seed in SEEDS:
        taken = develop(np.random.default_rng(seed), scenery()).astype(float).mean(-1).ravel()
        assert np.corrcoef(image, taken)[0, 1] > 0.6


def test_things_stay_where_they_are():
    """No camera moves a keypoint by more than a pixel."""
    y, x = np.mgrid[:64, :64]
    disc = np.hypot(x - 30, y - 35) < 10
    image = np.where(disc[..., None], 220, 30).astype(np.uint8).repeat(3, axis=-1)
    for seed in SEEDS:
        grey = develop(np.random.default_rng(seed), image).astype(float).mean(-1)
        found = grey > (np.median(grey[disc]) + np.median(grey[~disc])) / 2
        assert np.hypot(x[found].mean() - 30, y[found].mean() - 35) < 1


@pytest.mark.parametrize("change", ["_shrink", "_blur", "_smear", "_noise", "_compress"])
@pytest.mark.parametrize("shape", [(48, 64), (31, 17), (3, 5), (1, 1)])
def test_each_change_keeps_the_shape_of_any_picture(change, shape):
    image = scenery(*shape)
    for seed in range(10):
        changed = getattr(augment, change)(np.random.default_rng(seed), image)
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8
    np.testing.assert_array_equal(image, scenery(*shape))


@pytest.mark.parametrize("change", ["_shrink", "_blur", "_smear", "_compress"])
def test_a_constant_picture_stays_constant(change):
    image = np.full((40, 40, 3), 130, np.uint8)
    for seed in range(10):
        changed = getattr(augment, change)(np.random.default_rng(seed), image)
        np.testing.assert_allclose(changed, image, atol=2)


def test_noise_stays_within_bounds_at_black_and_white():
    for level in (0, 255):
        image = np.full((40, 40, 3), level, np.uint8)
        changed = augment._noise(np.random.default_rng(0), image)
        assert np.abs(changed.astype(int) - level).max() < 80


def test_some_cameras_know_no_colour():
    taken = [augment._expose(np.random.default_rng(seed), scenery()) for seed in SEEDS]
    colourless = [(np.ptp(image.astype(int), axis=-1) <= 1).all() for image in taken]
    assert 1 <= sum(colourless) <= 20


def test_tints_are_positive_seeded_and_near_one():
    tints = np.array([sample_tint(np.random.default_rng(seed)) for seed in range(300)])
    assert tints.shape == (300, 3)
    assert tints.min() > 0.4
    assert tints.max() < 2.5
    assert np.median(tints) == pytest.approx(1, abs=0.05)
    np.testing.assert_array_equal(tints[7], sample_tint(np.random.default_rng(7)))


STRENGTHS = {
    "blur": (0.0, 0.8, 2.0, 4.0),
    "smear": (1, 3, 7, 15),
    "lose_resolution": (1.0, 0.5, 0.25, 0.1),
    "compress": (95, 50, 20, 5),
    "expose": (0.0, -1.0, -2.5, -5.0),
}


@pytest.mark.parametrize("name", STRENGTHS)
def test_a_stronger_fault_takes_a_picture_further_away(name):
    image = np.where(np.hypot(*(np.mgrid[:64, :64] - 30.0)) < 12, 200, 60).astype(np.uint8)
    image = image[..., None].repeat(3, axis=-1)
    away = []
    for strength in STRENGTHS[name]:
        changed = getattr(augment, name)(image, strength)
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8
        assert changed is not image
        away.append(np.abs(changed.astype(float) - image).mean())
    assert away[0] < 2
    assert (np.diff(away) > 0).all()


def test_noise_has_the_deviation_that_was_asked_for():
    image = np.full((200, 200, 3), 128, np.uint8)
    changed = augment.add_noise(image, 9.0, np.random.default_rng(0))
    assert changed.astype(float).std() == pytest.approx(9, abs=0.3)


def test_a_stop_doubles_the_light():
    grey = np.array([[[55, 128, 188]]], np.uint8)  # about 0.04, 0.22, 0.5 of linear light
    brighter = augment.expose(grey, 1.0)
    np.testing.assert_allclose(brighter[0, 0], (79, 176, 255), atol=2)
    np.testing.assert_allclose(augment.expose(brighter, -1.0), grey, atol=2)


def test_photometry_takes_no_heavy_package():
    code = (
        "import sys, openpose_keras.training.augment, openpose_keras.training.scenes;"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.split() == ["[]"], result.stderr
