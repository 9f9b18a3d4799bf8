import numpy as np
import pytest

from openpose_keras.core.skeletons import HAND
from openpose_keras.estimators.views import upright_angle
from openpose_keras.training.hands.compose import (
    KINDS,
    Composer,
    Placement,
    add_image_border,
    add_occluder,
    paste,
)
from openpose_keras.training.hands.targets import hand_size
from tests.helpers.training_fakes import fake_hand, open_hand

SIZE = 160
LAYER = 224
PLACEMENTS = {
    "as it is": Placement((80.0, 75.0), 100.0, 0.0, False),
    "mirrored and rotated": Placement((81.2, 77.7), 110.0, -122.0, True),
    "at the border": Placement((120.4, 40.2), 20.0, 211.0, True),
    "tiny": Placement((50.0, 50.0), 8.0, 5.0, False),
    "enlarged": Placement((80.0, 80.0), 140.0, 300.0, True),
}
BLACK = np.zeros((SIZE, SIZE, 3), np.float32)
CLEAR = np.zeros((LAYER, LAYER, 4), np.uint8)
BACKGROUNDS = [
    np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for size in ((300, 400), (480, 640))
]
for array in (BLACK, CLEAR, *BACKGROUNDS):
    array.setflags(write=False)


@pytest.fixture
def hand_xy():
    xy = open_hand((111.5, 108.0), 100)
    xy.setflags(write=False)
    return xy


@pytest.fixture(scope="module")
def composer():
    return Composer([(fake_hand, 1.0)], BACKGROUNDS, size=SIZE)


# Occluders and borders


@pytest.mark.parametrize("backgrounds", [BACKGROUNDS, []], ids=["photos", "procedural"])
def test_an_occluder_lies_near_the_hand_and_leaves_the_rest(backgrounds):
    canvas = np.full((64, 64, 3), 120, np.float32)
    canvas.setflags(write=False)
    changed = np.zeros((64, 64), bool)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        occluded = add_occluder(rng, canvas, open_hand((16, 16), 16), backgrounds)
        assert occluded.shape == canvas.shape
        assert occluded.min() >= 0
        assert occluded.max() <= 255
        change = (np.abs(occluded - canvas) > 1).any(-1)
        assert 0.001 < change.mean() < 0.5
        changed |= change
    assert changed[8:24, 8:24].mean() > 0.9
    assert not changed[48:, 48:].any()


def test_an_occluder_lies_near_a_keypoint_that_has_a_label():
    canvas, xy = np.zeros((64, 64, 3), np.float32), open_hand((32, 32), 40)
    xy[2:] = np.nan
    occluded = add_occluder(np.random.default_rng(3), canvas, xy, BACKGROUNDS)
    y, x = np.nonzero(occluded.any(-1))
    assert len(x) == 0 or np.hypot(x.mean() - xy[0, 0], y.mean() - xy[0, 1]) < 30


def test_an_image_border_is_black_or_grey_and_lies_to_one_side():
    image, values = np.full((64, 64, 3), 200, np.uint8), set()
    image.setflags(write=False)
    for seed in range(60):
        cut = add_image_border(np.random.default_rng(seed), image)
        lost = (cut != image).any(-1)
        assert not lost[26:38, 26:38].any()
        y, x = np.nonzero(lost)
        assert len(x) == 0 or np.hypot(x.mean() - 31.5, y.mean() - 31.5) > 11
        values |= set(np.unique(cut[lost]).tolist())
    assert values == {0, 128}


# Pasting


def dotted_layer(xy, index, sigma=5.0):
    """A white hand layer whose alpha is one Gaussian at a keypoint."""
    y, x = np.mgrid[:LAYER, :LAYER]
    alpha = 255 * np.exp(-((x - xy[index, 0]) ** 2 + (y - xy[index, 1]) ** 2) / (2 * sigma**2))
    rgba = np.full((LAYER, LAYER, 4), 255, np.uint8)
    rgba[..., 3] = np.round(alpha)
    rgba.setflags(write=False)
    return rgba


def centroid(image):
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = image.sum(-1)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


def clockwise(xy):
    wrist, index, little = (xy[HAND.index(name)] for name in ("wrist", "index_mcp", "little_mcp"))
    (ax, ay), (bx, by) = index - wrist, little - wrist
    return ax * by - ay * bx > 0


@pytest.mark.parametrize("placement", PLACEMENTS.values(), ids=PLACEMENTS)
def test_keypoints_land_where_their_pixels_land(placement, hand_xy):
    for index in (0, 8, 17):
        canvas, placed = paste(BLACK, dotted_layer(hand_xy, index), hand_xy, placement)
        np.testing.assert_allclose(centroid(canvas), placed[index], atol=0.3)


@pytest.mark.parametrize("placement", PLACEMENTS.values(), ids=PLACEMENTS)
def test_a_hand_gets_its_middle_its_size_and_its_side(placement, hand_xy):
    _, placed = paste(BLACK, CLEAR, hand_xy, placement)
    np.testing.assert_allclose((placed.min(0) + placed.max(0)) / 2, placement.centre, atol=1e-3)
    scale = placement.size / hand_size(hand_xy)
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(placed, axis=0), axis=1),
        scale * np.linalg.norm(np.diff(hand_xy, axis=0), axis=1),
        atol=0.02 * placement.size,  # whole pixels of the layer when it shrinks
    )
    assert (clockwise(placed) == clockwise(hand_xy)) != placement.mirrored


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 25.0])
def test_an_upright_hand_points_up_whatever_its_layer_shows(angle, mirrored, hand_xy):
    placement = Placement((80.0, 80.0), 90.0, angle, mirrored, upright=True)
    for quarter in (np.eye(2), np.array([[0, -1], [1, 0]]), -np.eye(2)):
        _, placed = paste(BLACK, CLEAR, 112 + (hand_xy - 112) @ quarter, placement)
        assert np.rad2deg(upright_angle(placed)) == pytest.approx(-angle, abs=1e-3)


@pytest.mark.parametrize("size", [12, 50, 150])
@pytest.mark.parametrize("level", [255, 90])
def test_edges_neither_darken_nor_brighten(size, level, hand_xy):
    """A hand of the background's own colour is invisible, whatever its clear pixels are."""
    y, x = np.mgrid[:LAYER, :LAYER]
    solid = np.hypot(x - 111.5, y - 108) < 60
    background = np.full((SIZE, SIZE, 3), level, np.float32)
    for under in (0, 255 - level):
        rgba = np.full((LAYER, LAYER, 4), under, np.uint8)
        rgba[..., 3] = 0
        rgba[solid] = (level, level, level, 255)
        canvas, _ = paste(background, rgba, hand_xy, Placement((80, 80), size, 33, True))
        np.testing.assert_allclose(canvas, background, atol=1.5)


def test_a_clear_layer_changes_nothing(hand_xy):
    background = np.random.default_rng(0).uniform(0, 255, (SIZE, SIZE, 3)).astype(np.float32)
    canvas, _ = paste(background, CLEAR, hand_xy, PLACEMENTS["enlarged"])
    np.testing.assert_allclose(canvas, background, rtol=1e-6)
    assert canvas is not background


def test_a_tint_changes_the_hand_and_not_the_background(hand_xy):
    rgba = np.full((LAYER, LAYER, 4), 255, np.uint8)
    rgba[..., :3] = 200
    background = np.full((SIZE, SIZE, 3), 50, np.float32)
    placement = Placement((40, 80), 100, 0, False)
    canvas, _ = paste(background, rgba, hand_xy, placement, tint=np.array([0.5, 1.0, 2.0]))
    np.testing.assert_allclose(canvas[80, 40], (100, 200, 255), atol=1)
    np.testing.assert_allclose(canvas[80, 159], (50, 50, 50), rtol=1e-6)


@pytest.mark.parametrize("placement", PLACEMENTS.values(), ids=PLACEMENTS)
def test_depth_grows_with_the_hand_and_stays_unknown_where_it_is(placement, hand_xy):
    depth = np.linspace(-30, 10, len(HAND))
    depth[4] = np.nan
    _, placed = paste(BLACK, CLEAR, np.column_stack([hand_xy, depth]), placement)
    np.testing.assert_allclose(placed[:, 2], depth * placement.size / 100, rtol=1e-5)
    np.testing.assert_array_equal(placed[:, :2], paste(BLACK, CLEAR, hand_xy, placement)[1])


# Samples


def test_centered_samples_have_one_hand_in_the_middle_and_half_are_nearly_upright(composer):
    rng, fractions, away = np.random.default_rng(2), [], []
    for _ in range(80):
        sample = composer(rng, kind="centered")
        assert sample.image.shape == (SIZE, SIZE, 3)
        assert sample.image.dtype == np.uint8
        (xyz,) = sample.hands
        assert (xyz.shape, xyz.dtype) == ((21, 3), np.float32)
        xy = xyz[:, :2]
        middle = (xy.min(0) + xy.max(0)) / 2
        assert np.abs(middle - (SIZE - 1) / 2).max() <= 0.15 * SIZE + 0.01
        fractions.append(hand_size(xy) / SIZE)
        away.append(abs((np.rad2deg(upright_angle(xy)) + 180) % 360 - 180))
    assert np.median(fractions) == pytest.approx(0.55, abs=0.1)
    assert 0.4 < np.mean(np.array(away) < 60) < 0.85


def test_a_second_hand_is_sometimes_drawn_but_not_to_be_found():
    drawn, counts = [], []

    def source(rng):
        drawn.append(1)
        return fake_hand(rng)

    composer = Composer([(source, 1.0)], [], size=32)
    for seed in range(80):
        drawn.clear()
        assert len(composer(np.random.default_rng(seed), kind="centered").hands) == 1
        counts.append(len(drawn))
    assert 80 * 0.02 < counts.count(2) < 80 * 0.3
    assert counts.count(1) + counts.count(2) == 80


def test_scenes_have_one_to_three_hands_inside_and_negatives_none(composer):
    rng = np.random.default_rng(3)
    assert all(composer(rng, kind="negative").hands == [] for _ in range(5))
    scenes = [composer(rng, kind="scene").hands for _ in range(40)]
    assert {len(hands) for hands in scenes} == {1, 2, 3}
    for xyz in (xyz for hands in scenes for xyz in hands):
        middle = (xyz[:, :2].min(0) + xyz[:, :2].max(0)) / 2
        assert 0 < middle.min() <= middle.max() < SIZE
        assert hand_size(xyz[:, :2]) < 0.6 * SIZE * np.sqrt(2) + 1


@pytest.mark.parametrize(
    ("kind", "presence"), [("centered", 1.0), ("scene", np.nan), ("negative", 0.0)]
)
def test_a_hand_is_present_where_it_is_in_the_middle_and_unknown_in_a_scene(kind, presence):
    composer, rng = Composer([(fake_hand, 1.0)], [], size=32), np.random.default_rng(0)
    samples = [composer(rng, kind=kind) for _ in range(10)]
    np.testing.assert_equal([sample.presence for sample in samples], [presence] * 10)
    if kind != "centered":
        assert np.isnan([sample.right for sample in samples]).all()


@pytest.mark.parametrize("right", [1.0, 0.0, np.nan])
def test_a_mirrored_hand_is_of_the_other_side(right):
    """Half of the hands are mirrored, and the order of their knuckles tells which."""
    hand = fake_hand(np.random.default_rng(0))
    composer = Composer([(lambda _: hand._replace(right=right), 1.0)], [], size=32)
    rng = np.random.default_rng(4)
    mirrored = []
    for _ in range(40):
        sample = composer(rng, kind="centered")
        mirrored.append(clockwise(sample.hands[0][:, :2]) != clockwise(hand.xyz[:, :2]))
        np.testing.assert_equal(sample.right, 1 - right if mirrored[-1] else right)
    assert 8 < sum(mirrored) < 32


def test_surroundings_are_behind_the_hands_as_often_as_their_kind_has_them():
    def grey(rng, size):
        drawn.append(rng)
        return np.full((size, size, 3), 120, np.uint8)

    composer, rng = Composer([(fake_hand, 1.0)], [], 16, grey), np.random.default_rng(6)
    for kind, often in (("centered", 0.3), ("negative", 0.8)):
        drawn = []
        for _ in range(150):
            composer(rng, kind=kind)
        assert len(drawn) / 150 == pytest.approx(often, abs=0.1)


@pytest.mark.parametrize("negatives", [KINDS["negative"], 0.7])
def test_the_kinds_of_samples_come_as_often_as_they_should(negatives):
    composer = Composer([(fake_hand, 1.0)], [], size=16, negatives=negatives)
    rng = np.random.default_rng(5)
    samples = [composer(rng) for _ in range(300)]
    rest = (1 - negatives) / (1 - KINDS["negative"])
    negative = np.mean([sample.presence == 0 for sample in samples])
    centered = np.mean([sample.presence == 1 for sample in samples])
    assert negative == pytest.approx(negatives, abs=0.06)
    assert centered == pytest.approx(rest * KINDS["centered"], abs=0.06)
    several = np.mean([len(sample.hands) > 1 for sample in samples])
    assert several == pytest.approx(0.5 * rest * KINDS["scene"], abs=0.03)
