import itertools
import math

import cv2
import numpy as np
import pytest

from openpose_keras.core.errors import ImageError
from openpose_keras.core.keypoints import Hand
from openpose_keras.viz.drawing import Pen, draw_boxes, draw_hands, draw_heatmaps, pen_for

# OpenPose's colours of the keypoints, as REFERENCE b8 lists them.
COLORS = [
    (100, 100, 100),
    *((v, 0, 0) for v in (100, 150, 200, 255)),
    *((v, v, 0) for v in (100, 150, 200, 255)),
    *((0, v, v // 2) for v in (100, 150, 200, 250)),
    *((0, v // 2, v) for v in (100, 150, 200, 250)),
    *((v, 0, v) for v in (100, 150, 200, 255)),
]
COLORS[12], COLORS[16] = (0, 255, 125), (0, 125, 255)


def noise(height=120, width=160, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def random_hand(seed=0, low=10, high=110, **fields):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(low, high, (21, 2))
    return Hand(xy=xy, scores=rng.uniform(0.3, 1, 21), **fields)


def spread_hand(scores=None):
    """Give a hand whose keypoints lie 30 pixels apart, in a grid of 5 by 5."""
    xy = np.array([(20.0 + 30 * (i % 5), 20.0 + 30 * (i // 5)) for i in range(21)])
    return Hand(xy=xy, scores=np.full(21, 0.9) if scores is None else scores)


def openpose_sizes(xy, scores, height, width):
    """Oracle: the formula of OpenPose's CPU renderer, one keypoint after the other."""
    known = [(x, y) for (x, y), score in zip(xy, scores, strict=True) if score > 0.1]
    ratio = 0.0
    if known:
        xs, ys = [x for x, _ in known], [y for _, y in known]
        ratio = min(1.0, max((max(xs) - min(xs)) / width, (max(ys) - min(ys)) / height))
    thickness = max(math.floor(math.sqrt(width * height) * (1 / 50) * ratio + 0.5), 2)
    line = max(1, math.floor(thickness * 0.75 + 0.5))
    return line, thickness // 2, thickness if ratio > 0.05 else 1


def openpose_drawing(image, hand, threshold):
    """Oracle: lines pair by pair, then circles, in OpenPose's order."""
    canvas = image.copy()
    height, width = image.shape[:2]
    line, radius, stroke = openpose_sizes(hand.xy, hand.scores, height, width)
    points = [
        (math.floor(x + 0.5), math.floor(y + 0.5)) if score > threshold else None
        for (x, y), score in zip(np.nan_to_num(hand.xy), hand.scores, strict=True)
    ]
    chains = [(0, 1, 2, 3, 4), *((0, *range(i, i + 4)) for i in (5, 9, 13, 17))]
    for chain in chains:
        for start, end in itertools.pairwise(chain):
            if points[start] and points[end]:
                cv2.line(canvas, points[start], points[end], COLORS[end], line, 8, 0)
    for index, point in enumerate(points):
        if point:
            cv2.circle(canvas, point, radius, COLORS[index], stroke, 8, 0)
    return canvas


@pytest.mark.parametrize(
    ("height", "width"), [(120, 160), (480, 640), (3000, 4000), (1, 1), (50, 2000)]
)
@pytest.mark.parametrize("extent", [0.0, 0.5, 3.0, 30.0, 400.0, 9000.0])
def test_sizes_follow_the_formula_of_openpose(height, width, extent):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        xy, scores = rng.uniform(0, extent + 1e-9, (21, 2)), rng.uniform(-0.1, 0.5, 21)
        assert pen_for(xy, scores, (height, width)) == openpose_sizes(xy, scores, height, width)


def test_half_a_pixel_is_rounded_up():
    # sqrt(W H) / 50 * 1 = 2.5 gives 3, where rounding to even would give 2.
    xy = np.array([[0.0, 0.0], [125.0, 125.0]])
    assert pen_for(xy, np.ones(2), (125, 125)) == Pen(line=2, radius=1, circle=3)


@pytest.mark.parametrize("seed", range(4))
def test_hand_is_drawn_as_openpose_draws_it(seed):
    image = noise(seed=seed)
    hand = random_hand(seed)
    scores = hand.scores.copy()
    scores[seed::5] = 0.2 - 0.04 * seed  # at the threshold or below
    hand = Hand(xy=hand.xy, scores=scores)
    np.testing.assert_array_equal(draw_hands(image, [hand]), openpose_drawing(image, hand, 0.2))


def test_each_keypoint_has_its_colour_and_each_line_that_of_its_second_keypoint():
    image = np.full((160, 160, 3), 255, np.uint8)
    hand = spread_hand()
    drawn = draw_hands(image, [hand], pen=Pen(line=1, radius=2, circle=2))
    for (x, y), color in zip(hand.xy.astype(int), COLORS, strict=True):
        assert tuple(drawn[y, x + 2]) == color
    # Between thumb_cmc (1) and thumb_mcp (2), 30 pixels apart.
    assert tuple(drawn[20, 65]) == COLORS[2]


def test_input_is_not_changed_and_the_result_is_new():
    image = noise()
    before = image.copy()
    image.setflags(write=False)
    hand = random_hand(box=(5.0, 5.0, 50.0, 50.0), side="left")
    for drawn in (
        draw_hands(image, [hand]),
        draw_hands(image, []),
        draw_boxes(image, [hand]),
        draw_heatmaps(image, np.zeros((15, 20, 22))),
    ):
        assert not np.shares_memory(drawn, image)
        assert drawn.flags.writeable
        assert drawn.dtype == np.uint8
        assert drawn.shape == image.shape
    np.testing.assert_array_equal(image, before)


def test_no_hand_draws_nothing():
    np.testing.assert_array_equal(draw_hands(noise(), []), noise())
    np.testing.assert_array_equal(draw_boxes(noise(), []), noise())


def test_missing_and_low_keypoints_and_their_lines_are_not_drawn():
    image = np.full((160, 160, 3), 7, np.uint8)
    xy, scores = spread_hand().xy.copy(), np.zeros(21)
    scores[[5, 6, 7]] = 0.9, 0.2, 0.9  # 6 is not above the threshold
    xy[20] = np.nan
    drawn = draw_hands(image, [Hand(xy=xy, scores=scores)])
    changed = np.argwhere((drawn != image).any(axis=-1))[:, ::-1]
    nearest = np.abs(changed[:, None] - xy[[5, 7]]).max(axis=-1).min(axis=1)
    assert len(changed)
    assert nearest.max() < 10
    nothing = Hand(xy=np.full((21, 2), np.nan), scores=np.zeros(21))
    np.testing.assert_array_equal(draw_hands(image, [nothing]), image)


def test_threshold_is_an_option():
    image = np.zeros((160, 160, 3), np.uint8)
    hand = spread_hand(np.full(21, 0.15))
    assert not draw_hands(image, [hand]).any()
    assert draw_hands(image, [hand], threshold=0.1).any()


def test_single_keypoint_is_drawn():
    image = np.zeros((160, 160, 3), np.uint8)
    xy, scores = np.full((21, 2), np.nan), np.zeros(21)
    xy[4], scores[4] = (50, 60), 1
    rows, columns = np.nonzero(draw_hands(image, [Hand(xy=xy, scores=scores)]).any(axis=-1))
    assert (abs(rows - 60) <= 2).all()
    assert (abs(columns - 50) <= 2).all()
    assert len(rows)


@pytest.mark.parametrize("far", [-50.0, 1e4, -1e9, 1e30])
def test_keypoints_outside_the_image_do_no_harm(far):
    image = noise()
    xy = random_hand().xy.copy()
    xy[::3] = far
    assert draw_hands(image, [Hand(xy=xy, scores=np.ones(21))]).shape == image.shape


def test_view_that_is_not_contiguous_is_drawn_on():
    image = noise(60, 80)[::2, ::-1]
    hand = random_hand(low=0, high=30)
    expected = draw_hands(np.ascontiguousarray(image), [hand])
    np.testing.assert_array_equal(draw_hands(image, [hand]), expected)


@pytest.mark.parametrize(
    "bad", [np.zeros((5, 5)), np.zeros((5, 5, 3)), np.zeros((0, 5, 3), np.uint8)]
)
def test_what_is_no_image_raises(bad):
    for draw in (draw_hands, draw_boxes):
        with pytest.raises(ImageError):
            draw(bad, [])
    with pytest.raises(ImageError):
        draw_heatmaps(bad, np.zeros((2, 2, 22)))


# --- boxes


def test_box_runs_through_its_outermost_pixels_and_a_hand_without_one_is_skipped():
    image = np.zeros((200, 200, 3), np.uint8)
    hand = random_hand(box=(60.0, 70.0, 50.0, 50.0), side="right")
    drawn = draw_boxes(image, [hand, random_hand()], thickness=1).any(axis=-1)
    assert drawn[70:120, 60].all()
    assert drawn[70:120, 109].all()
    assert drawn[119, 60:110].all()
    # Inside and below there is nothing; above the box stands its text.
    assert not drawn[75:119, 61:109].any()
    assert not drawn[120:].any()
    assert drawn[:70].any()
    assert not draw_boxes(image, [random_hand()]).any()


@pytest.mark.parametrize("box", [(-900.0, -900.0, 50.0, 50.0), (-5.0, -5.0, 900.0, 900.0)])
def test_box_outside_the_image_does_no_harm(box):
    for side in ("left", "right", None):
        assert draw_boxes(noise(), [random_hand(box=box, side=side)]).shape == (120, 160, 3)


# --- heatmaps


def inferno(values):
    """Oracle: the colours of OpenCV's inferno at values in [0, 1], in RGB."""
    levels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8).reshape(-1, 1)
    return cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[:, 0, ::-1]


def test_overlay_agrees_with_a_resize_by_the_half_pixel_rule():
    image, maps = noise(), np.random.default_rng(1).uniform(-0.2, 1.2, (15, 20, 22))
    values = cv2.resize(np.clip(maps[..., 3], 0, 1).astype(np.float32), (160, 120))
    colors = inferno(values).reshape(120, 160, 3)
    expected = np.rint(0.6 * image + 0.4 * colors.astype(float))
    drawn = draw_heatmaps(image, maps, 3, opacity=0.4)
    assert np.abs(drawn - expected).mean() < 0.6
    assert np.percentile(np.abs(drawn - expected), 99) <= 2


def test_opacity_goes_from_the_image_to_the_colours():
    image, maps = noise(), np.full((15, 20, 22), 0.5)
    np.testing.assert_array_equal(draw_heatmaps(image, maps, opacity=0), image)
    full = draw_heatmaps(image, maps, opacity=1)
    np.testing.assert_array_equal(full, np.broadcast_to(inferno(0.5)[0], image.shape))


def test_map_is_chosen_by_number_or_name_and_none_is_the_greatest_of_the_keypoints():
    maps = np.zeros((12, 16, 22))
    maps[..., 8], maps[..., 2], maps[..., 21] = 0.6, 0.3, 1.0
    image = np.zeros((120, 160, 3), np.uint8)

    def value(index):
        return draw_heatmaps(image, maps, index, opacity=1)[60, 80].tolist()

    expected = {level: inferno(level)[0].tolist() for level in (0, 0.3, 0.6, 1)}
    assert value(8) == value("index_tip") == value(-14) == value(np.int64(8)) == expected[0.6]
    assert value(2) == value("thumb_mcp") == expected[0.3]
    assert value("background") == value(21) == value(-1) == expected[1]
    assert value(None) == expected[0.6]
    assert value("wrist") == expected[0]


def test_maps_without_background_and_a_single_map_fit():
    image = np.zeros((24, 32, 3), np.uint8)
    maps = np.random.default_rng(0).random((6, 8, 22))
    with_background = draw_heatmaps(image, maps)
    np.testing.assert_array_equal(draw_heatmaps(image, maps[..., :21]), with_background)
    single = maps[..., :21].max(axis=-1)
    np.testing.assert_array_equal(draw_heatmaps(image, single), with_background)


@pytest.mark.parametrize("shape", [(1, 1), (46, 46), (120, 160), (500, 31)])
def test_maps_of_any_resolution_cover_the_whole_image(shape):
    drawn = draw_heatmaps(np.zeros((120, 160, 3), np.uint8), np.ones((*shape, 22)), opacity=1)
    np.testing.assert_array_equal(drawn, np.broadcast_to(inferno(1.0)[0], drawn.shape))


def test_cell_centres_are_where_the_half_pixel_rule_puts_them():
    maps = np.zeros((10, 10, 22))
    maps[3, 6, 0] = 1
    drawn = (
        draw_heatmaps(np.zeros((80, 80, 3), np.uint8), maps, 0, opacity=1).astype(int).sum(axis=-1)
    )
    rows, columns = np.nonzero(drawn == drawn.max())
    assert rows.mean() == pytest.approx(3 * 8 + 3.5)
    assert columns.mean() == pytest.approx(6 * 8 + 3.5)


def test_maps_of_a_box_leave_the_image_outside_it_alone():
    image, maps = noise(), np.ones((10, 10, 22))
    drawn = draw_heatmaps(image, maps, opacity=1, box=(20, 30, 40, 40))
    inside = np.zeros(image.shape[:2], bool)
    inside[30:70, 20:60] = True
    np.testing.assert_array_equal(drawn[~inside], image[~inside])
    assert (drawn[inside] == inferno(1.0)[0]).all()


@pytest.mark.parametrize(
    ("box", "changed"),
    [
        ((-20, -20, 60, 60), (40, 40)),
        ((140, 100, 60, 60), (20, 20)),
        ((500, 500, 9, 9), (0, 0)),
        ((-30, -30, 9, 9), (0, 0)),
        ((10, 20, 30.0, 7.0), (30, 7)),
    ],
)
def test_box_may_reach_outside_the_image(box, changed):
    image = np.zeros((120, 160, 3), np.uint8)
    drawn = draw_heatmaps(image, np.ones((10, 10, 22)), opacity=1, box=box).any(axis=-1)
    assert drawn.sum() == changed[0] * changed[1]


def test_nan_in_a_map_counts_as_zero():
    maps = np.zeros((4, 4, 22))
    broken = maps.copy()
    broken[1, 1, 0] = np.nan
    image = noise()
    np.testing.assert_array_equal(draw_heatmaps(image, broken, 0), draw_heatmaps(image, maps, 0))


@pytest.mark.parametrize(
    ("maps", "options", "message"),
    [
        (np.zeros((1, 4, 4, 22)), {}, r"maps\[0\]"),
        (np.zeros((4, 4, 5)), {}, "21"),
        (np.zeros((0, 4, 22)), {}, "22"),
        (np.zeros((4, 4, 22)), {"index": 22}, "no map 22"),
        (np.zeros((4, 4, 21)), {"index": "background"}, "no map 'background'"),
        (np.zeros((4, 4, 22)), {"index": "nose"}, "no map 'nose'"),
        (np.zeros((4, 4, 22)), {"index": 1.5}, "no map 1.5"),
        (np.zeros((4, 4, 22)), {"opacity": 1.5}, "opacity"),
        (np.zeros((4, 4, 22)), {"box": (0, 0, 0, 5)}, "box"),
        (np.zeros((4, 4)), {"index": 3}, "22"),
    ],
)
def test_wrong_maps_and_options_raise(maps, options, message):
    with pytest.raises(ValueError, match=message):
        draw_heatmaps(noise(), maps, **options)
