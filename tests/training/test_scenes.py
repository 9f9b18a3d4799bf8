import numpy as np
import pytest

from openpose_keras.core.boxes import BOX_MARGIN
from openpose_keras.estimators.upright import upright_angle
from openpose_keras.training import scenes
from openpose_keras.training.scenes import KINDS, Composer, Placement, paste
from openpose_keras.training.target_heatmaps import hand_size
from tests.helpers.training_fakes import fake_source, open_hand

SIZE = 160
LAYER = 224
PLACEMENTS = [
    Placement((80.0, 75.0), 100.0, 0.0, False),
    Placement((70.3, 90.6), 90.0, 37.0, False),
    Placement((81.2, 77.7), 110.0, -122.0, True),
    Placement((79.5, 79.5), 95.0, 180.0, True),
    Placement((60.0, 100.0), 60.0, 90.0, False),
    Placement((120.4, 40.2), 20.0, 211.0, True),
    Placement((50.0, 50.0), 8.0, 5.0, False),
    Placement((80.0, 80.0), 140.0, 300.0, True),
]
IDS = [f"{p.size:.0f}px {p.turn:.0f}deg {'mirrored' if p.mirrored else ''}" for p in PLACEMENTS]


def dotted_layer(xy, index, sigma=5.0):
    """A white hand layer whose alpha is one Gaussian at a keypoint."""
    y, x = np.mgrid[:LAYER, :LAYER]
    alpha = 255 * np.exp(-((x - xy[index, 0]) ** 2 + (y - xy[index, 1]) ** 2) / (2 * sigma**2))
    rgba = np.full((LAYER, LAYER, 4), 255, np.uint8)
    rgba[..., 3] = np.round(alpha)
    return rgba


def centroid(image):
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = image.sum(-1)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.fixture
def hand_xy():
    return open_hand((111.5, 108.0), 100)


@pytest.fixture(scope="module")
def composer():
    pictures = [np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)]
    return Composer([(fake_source, 1.0)], pictures, size=SIZE)


@pytest.mark.parametrize("placement", PLACEMENTS, ids=IDS)
def test_keypoints_land_where_their_pixels_land(placement, hand_xy):
    black = np.zeros((SIZE, SIZE, 3), np.float32)
    for index in (0, 4, 8, 10, 17):
        canvas, placed = paste(black, dotted_layer(hand_xy, index), hand_xy, placement)
        np.testing.assert_allclose(centroid(canvas), placed[index], atol=0.3)


@pytest.mark.parametrize("placement", PLACEMENTS, ids=IDS)
def test_hand_gets_its_middle_its_size_and_its_side(placement, hand_xy):
    rgba, black = np.zeros((LAYER, LAYER, 4), np.uint8), np.zeros((SIZE, SIZE, 3), np.float32)
    _, placed = paste(black, rgba, hand_xy, placement)
    np.testing.assert_allclose((placed.min(0) + placed.max(0)) / 2, placement.centre, atol=1e-3)
    scale = placement.size / hand_size(hand_xy)
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(placed, axis=0), axis=1),
        scale * np.linalg.norm(np.diff(hand_xy, axis=0), axis=1),
        atol=0.02 * placement.size,  # whole pixels of the layer when it shrinks
    )
    assert (clockwise(placed) == clockwise(hand_xy)) != placement.mirrored


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn", [0.0, 25.0])
def test_an_upright_hand_points_up_however_its_layer_lies(turn, mirrored, hand_xy):
    black = np.zeros((SIZE, SIZE, 3), np.float32)
    placement = Placement((80.0, 80.0), 90.0, turn, mirrored, upright=True)
    for quarter in (np.eye(2), np.array([[0, -1], [1, 0]]), -np.eye(2)):
        rgba = np.zeros((LAYER, LAYER, 4), np.uint8)
        _, placed = paste(black, rgba, 112 + (hand_xy - 112) @ quarter, placement)
        assert np.rad2deg(upright_angle(placed)) == pytest.approx(-turn, abs=1e-3)


def test_half_of_the_portraits_stand_nearly_upright(composer):
    rng = np.random.default_rng(4)
    hands = [composer(rng, kind="portrait").hands[0] for _ in range(80)]
    off = [(np.rad2deg(upright_angle(xy)) + 180) % 360 - 180 for xy in hands]
    assert 0.4 < np.mean(np.abs(off) < 60) < 0.85


def clockwise(xy):
    (ax, ay), (bx, by) = xy[5] - xy[0], xy[17] - xy[0]
    return ax * by - ay * bx > 0


@pytest.mark.parametrize("size", [12, 30, 50, 90, 150])
@pytest.mark.parametrize("level", [255, 90])
def test_edges_neither_darken_nor_brighten(size, level, hand_xy):
    """A hand of the ground's own colour is invisible, whatever colour its clear pixels have."""
    y, x = np.mgrid[:LAYER, :LAYER]
    solid = np.hypot(x - 111.5, y - 108) < 60
    for under in (0, 255 - level):
        rgba = np.full((LAYER, LAYER, 4), under, np.uint8)
        rgba[..., 3] = 0
        rgba[solid] = (level, level, level, 255)
        ground = np.full((SIZE, SIZE, 3), level, np.float32)
        canvas, _ = paste(ground, rgba, hand_xy, Placement((80, 80), size, 33, True))
        np.testing.assert_allclose(canvas, ground, atol=1.5)


def test_a_clear_layer_changes_nothing(hand_xy):
    ground = np.random.default_rng(0).uniform(0, 255, (SIZE, SIZE, 3)).astype(np.float32)
    canvas, _ = paste(ground, np.zeros((LAYER, LAYER, 4), np.uint8), hand_xy, PLACEMENTS[1])
    np.testing.assert_array_equal(canvas, ground)
    assert canvas is not ground


def test_tint_lights_the_hand_and_not_the_ground(hand_xy):
    rgba = np.full((LAYER, LAYER, 4), 255, np.uint8)
    rgba[..., :3] = 200
    ground = np.full((SIZE, SIZE, 3), 50, np.float32)
    placement = Placement((40, 80), 100, 0, False)
    canvas, _ = paste(ground, rgba, hand_xy, placement, tint=np.array([0.5, 1.0, 2.0]))
    np.testing.assert_allclose(canvas[80, 40], (100, 200, 255), atol=1)
    np.testing.assert_array_equal(canvas[80, 159], (50, 50, 50))


def test_paste_writes_into_no_argument(hand_xy):
    rgba, ground = dotted_layer(hand_xy, 3), np.zeros((SIZE, SIZE, 3), np.float32)
    for array in (rgba, ground, hand_xy):
        array.setflags(write=False)
    for placement in PLACEMENTS[::3]:
        paste(ground, rgba, hand_xy, placement, tint=1.2)


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_same_seed_gives_the_same_sample(composer, kind):
    first, again, other = (composer(np.random.default_rng(s), kind=kind) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(np.array(first.hands), np.array(again.hands))
    assert (first.image != other.image).any()


def test_samples_have_the_promised_shapes(composer):
    rng = np.random.default_rng(1)
    for _ in range(20):
        sample = composer(rng)
        assert sample.image.shape == (SIZE, SIZE, 3)
        assert sample.image.dtype == np.uint8
        for xy in sample.hands:
            assert xy.shape == (21, 2)
            assert xy.dtype == np.float32


def test_a_portrait_has_one_wanted_hand_in_the_middle_of_its_box(composer):
    rng, shares = np.random.default_rng(2), []
    for _ in range(60):
        (xy,) = composer(rng, kind="portrait").hands
        middle = (xy.min(0) + xy.max(0)) / 2
        assert np.abs(middle - (SIZE - 1) / 2).max() <= 0.15 * SIZE + 0.01
        shares.append(hand_size(xy) / SIZE)
    assert np.median(shares) == pytest.approx(1 / BOX_MARGIN, abs=0.1)


def test_a_bystander_is_drawn_but_not_wanted():
    drawn = []

    def source(rng):
        drawn.append(1)
        return fake_source(rng)

    alone = Composer([(source, 1.0)], [np.zeros((480, 640, 3), np.uint8)], size=64)
    counts = []
    for seed in range(80):
        drawn.clear()
        assert len(alone(np.random.default_rng(seed), kind="portrait").hands) == 1
        counts.append(len(drawn))
    assert set(counts) == {1, 2}
    assert 0.02 < counts.count(2) / 80 < 0.3


def test_an_empty_sample_has_no_hand_and_a_scene_up_to_three(composer):
    rng = np.random.default_rng(3)
    assert all(composer(rng, kind="empty").hands == [] for _ in range(5))
    counts = {len(composer(rng, kind="scene").hands) for _ in range(40)}
    assert counts == {1, 2, 3}


def test_hands_of_a_scene_lie_for_the_most_part_inside(composer):
    rng = np.random.default_rng(4)
    for _ in range(30):
        for xy in composer(rng, kind="scene").hands:
            middle = (xy.min(0) + xy.max(0)) / 2
            assert (middle > 0).all()
            assert (middle < SIZE).all()
            assert hand_size(xy) < 0.6 * SIZE * np.sqrt(2) + 1


def test_kinds_come_in_their_shares(monkeypatch, composer):
    drawn = []
    monkeypatch.setattr(scenes, "_place", lambda rng, kind, size: drawn.append(kind) or ([], []))
    rng = np.random.default_rng(5)
    for _ in range(300):
        composer(rng)
    for kind, share in KINDS.items():
        assert drawn.count(kind) / 300 == pytest.approx(share, abs=0.07)
    assert sum(KINDS.values()) == pytest.approx(1)


def test_sources_are_drawn_by_weight():
    drawn = []

    def source(name):
        return lambda rng: drawn.append(name) or (np.zeros((8, 8, 4), np.uint8), open_hand(3.5, 4))

    pictures = [np.zeros((480, 640, 3), np.uint8)]
    sources = [(source("a"), 3.0), (source("b"), 1.0), (source("c"), 0.0)]
    mixed = Composer(sources, pictures, size=32)
    rng = np.random.default_rng(6)
    for _ in range(300):
        mixed(rng, kind="portrait")
    assert "c" not in drawn
    assert drawn.count("a") / len(drawn) == pytest.approx(0.75, abs=0.07)
