"""Whatever is drawn at random depends on the generator that it gets, and on nothing else."""

from dataclasses import astuple, is_dataclass

import numpy as np
import pytest

from openpose_keras.io.sample_hands import load_shipped_hands
from openpose_keras.training import augment, backgrounds
from openpose_keras.training.hands import compose, data, robustness
from openpose_keras.training.synthesis import assets, materials, poses, render, shading
from tests.helpers import ROOT
from tests.helpers.assets import assets_folder
from tests.helpers.training_fakes import fake_hand, fake_hands, open_hand, small_config

SIZE = 64
IMAGES = [
    np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for size in ((300, 400), (100, 90))
]
XY = open_hand((32, 30), 40)
for array in (*IMAGES, XY):
    array.setflags(write=False)


def composed(kind):
    return lambda rng: compose.Composer([(fake_hand, 1.0)], IMAGES, size=SIZE)(rng, kind=kind)


SAMPLERS = {
    "sample_tint": augment.sample_tint,
    "color_jitter": lambda rng: augment.color_jitter(rng, IMAGES[1]),
    "augment_photometric": lambda rng: augment.augment_photometric(rng, IMAGES[1]),
    "sample_background": lambda rng: backgrounds.sample_background(rng, IMAGES, SIZE),
    "procedural background": lambda rng: backgrounds.sample_background(rng, [], SIZE),
    "add_occluder": lambda rng: compose.add_occluder(
        rng, IMAGES[0][:SIZE, :SIZE].astype(np.float32), XY, IMAGES
    ),
    "add_image_border": lambda rng: compose.add_image_border(rng, IMAGES[0][:SIZE, :SIZE]),
    **{f"composed, {kind}": composed(kind) for kind in (*compose.KINDS, None)},
    "sample_pose": poses.sample_pose,
    "sample_shape": poses.sample_shape,
    "sample_lights": shading.sample_lights,
    "sample_pattern": lambda rng: materials.sample_pattern(rng, probability=1.0),
}


def flatten(value):
    """All numbers and words of a value, in their order."""
    if is_dataclass(value):
        value = astuple(value)
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, list | tuple):
        return [part for each in value for part in flatten(each)]
    return [np.asarray(value).tolist()]


def assert_reproducible(draw):
    """The same seed leads to the same values, another one to others; NumPy's own is not used."""
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 - it must not change
    first, again, other = (flatten(draw(np.random.default_rng(seed))) for seed in (5, 5, 6))
    assert str(first) == str(again)  # as text, in which NaN equals NaN
    assert str(first) != str(other)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("name", SAMPLERS)
def test_draws_depend_on_the_generator_only(name):
    assert_reproducible(SAMPLERS[name])


def test_rendered_hands_depend_on_the_generator_only():
    loaded = assets.load_assets(assets_folder(), texture_size=64)
    assert_reproducible(lambda rng: render.render_hand(loaded, rng, size=48))


def test_images_of_sample_hands_depend_on_the_seed_only():
    hands = load_shipped_hands("pairs", folder=ROOT / "notebooks" / "images")

    def draw(rng):
        seed = int(rng.integers(1000))
        [sample] = robustness.centered_hands(hands, [2], size=64, angle=20.0, seed=seed)
        return robustness.occlude(sample, 0.4, seed=seed).image

    assert_reproducible(draw)


def test_validation_sets_depend_on_the_seed_only(tmp_path):
    hands = fake_hands(6)

    def draw(rng):
        config = small_config(tmp_path, seed=int(rng.integers(1000)))
        return data.validation_sets(data.DataSources(hands, IMAGES, [], []), config)

    assert_reproducible(draw)
