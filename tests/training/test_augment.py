import numpy as np
import pytest

from openpose_keras.training import augment
from openpose_keras.training.augment import augment_photometric, color_jitter, sample_tint

SEEDS = range(60)
STRENGTHS = {
    "gaussian_blur": (0.0, 0.8, 2.0, 4.0),
    "motion_blur": (1, 3, 7, 15),
    "downsample": (1.0, 0.5, 0.25, 0.1),
    "compress": (95, 50, 20, 5),
    "expose": (0.0, -1.0, -2.5, -5.0),
}


def gradients(height=48, width=64):
    """An image with light, shadow and three hues."""
    y, x = np.mgrid[:height, :width]
    planes = [40 + 170 * x / width, 200 - 150 * y / height, 60 + 100 * np.hypot(x, y) / 80]
    image = np.stack(planes, axis=-1).astype(np.uint8)
    image.setflags(write=False)
    return image


def test_an_augmented_image_keeps_its_shape_and_resembles_the_original():
    image = gradients()
    for seed in SEEDS:
        taken = augment_photometric(np.random.default_rng(seed), image)
        assert taken.shape == image.shape
        assert taken.dtype == np.uint8
        grey = [each.astype(float).mean(-1).ravel() for each in (image, taken)]
        assert np.corrcoef(*grey)[0, 1] > 0.6


def test_augmentation_moves_no_object_by_more_than_a_pixel():
    y, x = np.mgrid[:64, :64]
    disc = np.hypot(x - 30, y - 35) < 10
    image = np.where(disc[..., None], 220, 30).astype(np.uint8).repeat(3, axis=-1)
    for seed in SEEDS:
        grey = augment_photometric(np.random.default_rng(seed), image).astype(float).mean(-1)
        found = grey > (np.median(grey[disc]) + np.median(grey[~disc])) / 2
        assert np.hypot(x[found].mean() - 30, y[found].mean() - 35) < 1


@pytest.mark.parametrize("name", STRENGTHS)
@pytest.mark.parametrize("shape", [(48, 64), (31, 17), (3, 5), (1, 1)])
def test_each_change_keeps_the_shape_of_any_image_and_a_constant_image_flat(name, shape):
    for strength in STRENGTHS[name]:
        changed = getattr(augment, name)(gradients(*shape), strength)
        assert changed.shape == (*shape, 3)
        assert changed.dtype == np.uint8
        flat = getattr(augment, name)(np.full((*shape, 3), 130, np.uint8), strength)
        assert np.ptp(flat.astype(int)) <= 2


@pytest.mark.parametrize("name", STRENGTHS)
def test_a_stronger_change_leads_further_away(name):
    image = np.where(np.hypot(*(np.mgrid[:64, :64] - 30.0)) < 12, 200, 60).astype(np.uint8)
    image = image[..., None].repeat(3, axis=-1)
    away = []
    for strength in STRENGTHS[name]:
        changed = getattr(augment, name)(image, strength)
        assert changed is not image
        away.append(np.abs(changed.astype(float) - image).mean())
    assert away[0] < 2
    assert (np.diff(away) > 0).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_noise_has_its_deviation_and_stays_within_bounds(level):
    image = np.full((200, 200, 3), level, np.uint8)
    changed = augment.add_noise(image, 9.0, np.random.default_rng(0)).astype(float)
    assert changed.std() == pytest.approx(9 if level == 128 else 5.3, abs=0.3)
    assert np.abs(changed - level).max() < 80


def test_some_images_become_grey():
    taken = [color_jitter(np.random.default_rng(seed), gradients()) for seed in range(120)]
    colourless = [(np.ptp(image.astype(int), axis=-1) <= 1).all() for image in taken]
    assert 1 <= sum(colourless) <= 20


def test_tints_are_positive_and_near_one():
    tints = np.array([sample_tint(np.random.default_rng(seed)) for seed in range(300)])
    assert tints.shape == (300, 3)
    assert 0.4 < tints.min() < np.median(tints) < tints.max() < 2.5
    assert np.median(tints) == pytest.approx(1, abs=0.05)


def test_a_stop_doubles_the_light():
    grey = np.array([[[55, 128, 188]]], np.uint8)  # about 0.04, 0.22, 0.5 of linear light
    brighter = augment.expose(grey, 1.0)
    np.testing.assert_allclose(brighter[0, 0], (79, 176, 255), atol=2)
    np.testing.assert_allclose(augment.expose(brighter, -1.0), grey, atol=2)
