"""The recipes of other systems give what plain, slow implementations of those systems give."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from openpose_keras.estimators.hand import HandEstimator, InputSpec
from openpose_keras.estimators.recipes import RECIPES, scale_range
from tests.helpers import recipe_references as references

SPEC = InputSpec(channel_order="bgr")  # OpenPose's own weights
SIZES = {
    "odd": (97, 131),
    "wide": (60, 151),
    "tall": (210, 70),
    "small": (31, 28),
    "large": (450, 391),
}
BOXES = {  # in the odd image, which is 131 wide and 97 high
    "inside": (20, 15, 60),
    "between pixels": (13.7, 8.4, 77.3),
    "over one edge": (90, 10, 75),
    "over all edges": (-30.5, -41.25, 190.0),
    "larger than the input": (-150, -160, 420),
}


def noise_image(size, seed=0):
    """Noise of several widths, so that every pixel and every scale matters."""
    noise = np.random.default_rng(seed).normal(size=(*size, 3))
    layers = [ndimage.gaussian_filter(noise, (sigma, sigma, 0)) for sigma in (0.5, 2, 6)]
    return np.clip(128 + 35 * sum(each / each.std() for each in layers), 0, 255).astype(np.uint8)


class Stacks:
    """A network that does not look: random heatmaps for each size that it is asked for."""

    def __init__(self, seed):
        self.seed = seed

    def __call__(self, batch):
        rows, columns = (-(-side // 8) for side in batch.shape[1:3])
        rng = np.random.default_rng([self.seed, rows, columns])
        noise = ndimage.gaussian_filter(rng.normal(size=(rows, columns, 22)), (2, 2, 0))
        level = np.where(np.arange(22) % 4, 0.1, -1.6)  # one map of four is below each threshold
        return np.repeat((level + 3 * noise)[None].astype(np.float32), len(batch), axis=0)


class SmallNetwork:
    """Three layers of random convolutions; a cell sees 40 x 40 pixels."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.first = rng.normal(0, 2, (12, 24))
        self.second = rng.normal(0, 0.03, (25, 24, 22))

    def __call__(self, batch):
        return np.stack([self.answer(each.astype(np.float64)) for each in batch])

    def answer(self, image):
        below, beside = (-side % 8 for side in image.shape[:2])
        image = np.pad(image, ((0, below), (0, beside), (0, 0)), mode="edge")
        rows, columns = image.shape[0] // 8, image.shape[1] // 8
        parts = image.reshape(rows, 2, 4, columns, 2, 4, 3).mean(axis=(2, 5))
        cells = np.maximum(
            parts.transpose(0, 2, 1, 3, 4).reshape(rows, columns, 12) @ self.first, 0
        )
        around = np.pad(cells, ((2, 2), (2, 2), (0, 0)))
        positions = [(y, x) for y in range(5) for x in range(5)]
        maps = sum(
            around[y : y + rows, x : x + columns] @ weights
            for (y, x), weights in zip(positions, self.second, strict=True)
        )
        return (ndimage.gaussian_filter(maps, (1, 1, 0)) / 2).astype(np.float32)


def estimate(network, recipe, image, box=None, side="right"):
    """What the package says: (21, 3)."""
    estimator = HandEstimator(network, recipe=recipe, spec=SPEC)
    [hand] = estimator(image, "whole" if box is None else [box], side)
    return np.column_stack([hand.xy, hand.scores])


def assert_same(found, expected, scores=1e-5):
    """Compare; of two neighbours that float32 can't tell apart either may be the maximum."""
    apart = np.abs(found - expected)
    np.testing.assert_array_less(apart[:, 2], scores)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    other = (apart[:, :2] > 0.01).any(axis=1)
    assert other.sum() <= 1, apart[other]
    assert (apart[other] < (1.2, 1.2, scores / 50)).all(), apart[other]


# ---------------------------------------------------------------- random heatmaps


@pytest.mark.parametrize("seed", range(20))
def test_openpose_reads_random_heatmaps_like_its_reference(seed):
    image, left = np.zeros((97, 131, 3), np.uint8), seed % 2 == 1
    box = tuple(np.random.default_rng(seed).uniform((-20, -20, 40), (60, 40, 120)))
    expected = references.openpose(Stacks(seed), image, box, left=left)
    assert_same(
        estimate(Stacks(seed), "openpose", image, box, "left" if left else "right"), expected
    )
    assert expected[:, 2].min() < 0
    assert expected[:, 2].max() > 1


@pytest.mark.parametrize("seed", range(20))
def test_pytorch_openpose_reads_random_heatmaps_like_its_reference(seed):
    image = np.zeros((*np.random.default_rng(seed).integers(50, 140, 2), 3), np.uint8)
    expected = references.pytorch_openpose(Stacks(seed), image)
    assert_same(estimate(Stacks(seed), "pytorch_openpose", image), expected)


@pytest.mark.parametrize("seed", range(20))
def test_mmittek_reads_random_heatmaps_like_its_reference(seed):
    image = np.zeros((*np.random.default_rng(seed).integers(50, 140, 2), 3), np.uint8)
    expected = references.mmittek(Stacks(seed), image)
    assert_same(estimate(Stacks(seed), "mmittek", image), expected)


@pytest.mark.parametrize("name", ["pytorch_openpose", "mmittek"])
def test_of_the_random_heatmaps_some_have_no_keypoint_and_most_have(name):
    missing = np.isnan(getattr(references, name)(Stacks(0), np.zeros((40, 60, 3), np.uint8))[:, 0])
    assert 2 < missing.sum() < 12


# ---------------------------------------------------------------- from the image to keypoints


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_openpose_is_its_reference_from_the_picture_on(box, side):
    image = noise_image(SIZES["odd"])
    expected = references.openpose(SmallNetwork(3), image, box, left=side == "left")
    assert_same(estimate(SmallNetwork(3), "openpose", image, box, side), expected)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_openpose_is_its_reference_on_pictures_of_any_shape(size):
    image, box = noise_image(size), (size[1] / 2 - 40, size[0] / 2 - 40, 80)
    expected = references.openpose(SmallNetwork(1), image, box)
    assert_same(estimate(SmallNetwork(1), "openpose", image, box), expected)


@pytest.mark.parametrize("side", ["left", "right"])
def test_openpose_at_several_scales_takes_the_best_one_whole(side):
    recipe = replace(RECIPES["openpose"], scales=scale_range(4, 0.4))
    for seed in range(3):
        image, box = noise_image(SIZES["odd"], seed), (30, 12, 71)
        expected = references.openpose(
            SmallNetwork(), image, box, left=side == "left", scales=recipe.scales
        )
        assert_same(estimate(SmallNetwork(), recipe, image, box, side), expected)


@pytest.mark.parametrize("name", ["pytorch_openpose", "mmittek"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_whole_pictures_give_what_the_reference_gives(name, size):
    image = noise_image(size)
    expected = getattr(references, name)(SmallNetwork(), image)
    for side in ("left", "right"):  # neither of the two mirrors
        assert_same(estimate(SmallNetwork(), name, image, side=side), expected)


@pytest.mark.parametrize("name", ["pytorch_openpose", "mmittek"])
@pytest.mark.parametrize("box", [(20, 15, 64, 50), (90, -10, 75, 80)], ids=["inside", "over edges"])
def test_a_box_is_a_picture_cut_by_the_caller(name, box):
    image = noise_image(SIZES["odd"])
    x, y, width, height = box
    top, left = max(y, 0), max(x, 0)
    cut = image[top : y + height, left : x + width]
    expected = getattr(references, name)(SmallNetwork(), cut)
    expected[:, :2] += left, top
    assert_same(estimate(SmallNetwork(), name, image, box), expected)
