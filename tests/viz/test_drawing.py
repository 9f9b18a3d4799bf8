import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from openpose_keras.core.errors import ImageError
from openpose_keras.core.keypoints import Body, Face, Hand, Keypoints, Person
from openpose_keras.core.skeletons import BODY_25, BODY_COCO, HAND, Skeleton
from openpose_keras.viz.drawing import (
    BODY_STYLE,
    STYLES,
    THRESHOLD,
    Pen,
    contact_sheet,
    draw,
    draw_hands,
    draw_heatmaps,
    finer_lines,
    hand_label,
    pen_for,
)

COUNT = len(HAND)
BACKGROUND = COUNT  # the last map
TIP = HAND.index("index_tip")


def noise(height=120, width=160, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def zeros(height=120, width=160):
    return np.zeros((height, width, 3), np.uint8)


def random_hand(seed=0, low=10, high=110, missing=()):
    rng = np.random.default_rng(seed)
    xy, scores = rng.uniform(low, high, (COUNT, 2)), rng.uniform(0.1, 1, COUNT)
    xy[list(missing)], scores[list(missing)] = np.nan, 0
    return Hand(xy=xy, scores=scores)


def openpose_sizes(xy, scores, height, width):
    """Oracle: the formula of OpenPose's CPU renderer, one keypoint after the other."""
    known = [(x, y) for (x, y), score in zip(xy, scores, strict=True) if score > 0.1]
    ratio = 0.0
    if known:
        xs, ys = [x for x, _ in known], [y for _, y in known]
        ratio = min(1.0, max((max(xs) - min(xs)) / width, (max(ys) - min(ys)) / height))
    ratio = float(np.float32(ratio))
    share = float(np.float32(1 / 50))  # a little less than 0.02
    thickness = max(int(math.sqrt(width * height) * share * ratio + 0.5), 2)
    line = max(1, int(thickness * 0.75 + 0.5))
    return line, thickness // 2, thickness if ratio > 0.05 else 1


def openpose_drawing(image, hand, threshold):
    """Oracle: lines edge by edge, then circles, in OpenPose's order."""
    canvas = image.copy()
    line, radius, stroke = openpose_sizes(hand.xy, hand.scores, *image.shape[:2])
    points = [
        (int(x + 0.5), int(y + 0.5)) if score > threshold else None  # towards zero
        for (x, y), score in zip(np.nan_to_num(hand.xy), hand.scores, strict=True)
    ]
    for start, end in HAND.edge_indices:
        if points[start] and points[end]:
            cv2.line(canvas, points[start], points[end], HAND.colors[end], line, 8, 0)
    for index, point in enumerate(points):
        if point:
            cv2.circle(canvas, point, radius, HAND.colors[index], stroke, 8, 0)
    return canvas


# --- skeletons


@pytest.mark.parametrize("size", [(120, 160), (480, 640), (3000, 4000), (1, 1), (50, 2000)])
@pytest.mark.parametrize("extent", [0.0, 0.5, 30.0, 400.0, 9000.0])
def test_sizes_follow_the_formula_of_openpose(size, extent):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        xy, scores = rng.uniform(0, extent + 1e-9, (COUNT, 2)), rng.uniform(-0.1, 0.5, COUNT)
        assert pen_for(xy, scores, size) == openpose_sizes(xy, scores, *size)


@pytest.mark.parametrize(("style", "side", "circle"), [("hand", 125, 2), ("hand", 175, 3)])
def test_half_a_pixel_of_a_hand_is_rounded_down(style, side, circle):
    """OpenPose's float32 1/50 is a little less than 0.02, so that 2.5 becomes 2 and 3.5 3."""
    xy = np.array([[0.0, 0.0], [side, side]])
    assert pen_for(xy, np.ones(2), (side, side), STYLES[style]).circle == circle


def test_half_a_pixel_of_a_body_is_rounded_up():
    """Its float32 1/75 is a little more than that."""
    xy = np.array([[0.0, 0.0], [187.5, 187.5]])  # 0.625 of the image, whose 75th part is 4
    assert pen_for(xy, np.ones(2), (300, 300), BODY_STYLE).circle == 3


def test_left_hands_are_drawn_before_the_others():
    right, left = (Hand(random_hand(2).xy, np.ones(COUNT), side=side) for side in ("right", "left"))
    moved = Hand(right.xy + 3, right.scores, side="right")
    expected = draw_hands(zeros(), [left], supersample=1)
    expected = draw_hands(expected, [moved], supersample=1)
    drawn = draw_hands(zeros(), [moved, left], supersample=1)
    np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize("low", [-60, -5])
def test_a_hand_that_reaches_out_is_drawn_where_openpose_draws_it(low):
    hand = random_hand(3, low=low, high=low + 100)
    expected = openpose_drawing(zeros(), hand, THRESHOLD)
    drawn = draw_hands(zeros(), [hand], supersample=1)
    np.testing.assert_array_equal(drawn, expected)


def test_people_are_drawn_part_by_part():
    rng = np.random.default_rng(4)
    body = Keypoints(rng.uniform(5, 110, (25, 2)), np.full(25, 0.06), skeleton=BODY_25)
    face = Face(rng.uniform(5, 110, (70, 2)), np.full(70, 0.5))
    people = [Person(body, face, right_hand=random_hand(1)), Person(left_hand=random_hand(5))]
    canvas = zeros()
    for part in (Person(body), face, people[1].left_hand, people[0].right_hand):
        canvas = draw(canvas, [part], supersample=1)
    np.testing.assert_array_equal(draw(zeros(), people, supersample=1), canvas)
    hidden = draw(zeros(), [Person(body)], thresholds={"body_25": 0.06})
    assert not hidden.any()
    assert draw(zeros(), [Person(face=face)]).any()
    assert not draw(zeros(), [Person(face=face)], thresholds={"face": 0.5}).any()
    assert draw(zeros(), people, thresholds=0.5).any()
    assert not draw(zeros(), people, thresholds=1).any()


def test_a_face_that_is_told_to_be_there_is_drawn_at_lower_scores():
    xy = np.random.default_rng(4).uniform(5, 110, (70, 2))
    for presence, score, is_drawn in ((None, 0.3, False), (0.9, 0.3, True), (0.9, 0.1, False)):
        face = Face(xy, np.full(70, score), presence=presence)
        assert draw(zeros(), [Person(face=face)]).any() == is_drawn


def test_parts_alone_are_drawn_as_people():
    hand = random_hand()
    alone = draw(zeros(), [hand])
    assert alone.any()
    np.testing.assert_array_equal(alone, draw(zeros(), [Person(right_hand=hand)]))
    rng = np.random.default_rng(4)
    body = Body(rng.uniform(5, 110, (25, 2)), np.ones(25), skeleton=BODY_25)
    np.testing.assert_array_equal(draw(zeros(), [body]), draw(zeros(), [Person(body)]))
    for single in (body, Person(body)):
        with pytest.raises(TypeError, match="a list of people, got one"):
            draw(zeros(), single)
    with pytest.raises(TypeError, match="a person, body, face or hand, got 7"):
        draw(zeros(), [7])
    with pytest.raises(ValueError, match=r"thresholds of hand, face, .*, got faces"):
        draw(zeros(), [body], thresholds={"faces": 0})


@pytest.mark.parametrize("threshold", [THRESHOLD, 0.5])
@pytest.mark.parametrize("missing", [(), (0, 7, 8), range(1, COUNT), range(COUNT)], ids=str)
def test_hand_is_drawn_as_openpose_draws_it(missing, threshold):
    image, hand = noise(), random_hand(missing=missing)
    expected = openpose_drawing(image, hand, threshold)
    drawn = draw_hands(image, [hand], threshold=threshold, supersample=1)
    np.testing.assert_array_equal(drawn, expected)
    assert missing or (drawn != image).any()


def test_input_is_not_changed_and_the_result_is_new():
    image = noise()
    image.setflags(write=False)
    heatmaps = draw_heatmaps(image, np.zeros((15, 20)), opacity=0)
    for drawn in (draw_hands(image, [random_hand()]), draw_hands(image, []), heatmaps):
        assert not np.shares_memory(drawn, image)
        assert (drawn.dtype, drawn.shape) == (np.uint8, image.shape)
    np.testing.assert_array_equal(draw_hands(image, []), image)
    np.testing.assert_array_equal(heatmaps, image)


@pytest.mark.parametrize("far", [-50.0, 1e4, -1e9, 1e30])
def test_keypoints_far_outside_leave_the_others_where_they_are(far):
    xy, scores = random_hand().xy.copy(), np.ones(COUNT)
    near = np.delete(np.arange(COUNT), np.s_[::3])
    xy[::3] = far
    pen = Pen(line=1, radius=2, circle=-1)
    drawn = draw_hands(zeros(), [Hand(xy=xy, scores=scores)], pen=pen)
    x, y = np.rint(xy[near[-1]]).astype(int)
    assert tuple(drawn[y, x]) == HAND.colors[near[-1]]


def test_view_that_is_not_contiguous_is_drawn_on():
    image, hand = noise(60, 80)[::2, ::-1], random_hand(low=0, high=30)
    expected = draw_hands(np.ascontiguousarray(image), [hand])
    np.testing.assert_array_equal(draw_hands(image, [hand]), expected)


@pytest.mark.parametrize("draw", [draw_hands, draw_heatmaps])
def test_anything_but_an_rgb_image_of_uint8_is_refused(draw):
    with pytest.raises(ImageError, match="uint8"):
        draw(np.zeros((5, 5, 3)), [])


# --- contact sheets


def test_contact_sheet_draws_all_skeletons_and_fills_its_last_row():
    image, hand = noise(), random_hand()
    sheet = contact_sheet([(image, [hand])] * 3, columns=2)
    drawn = draw_hands(image, [hand])
    np.testing.assert_array_equal(sheet[:120], np.hstack([drawn, drawn]))
    np.testing.assert_array_equal(sheet[120:], np.hstack([drawn, np.full_like(image, 128)]))
    with pytest.raises(ValueError, match="at least one image"):
        contact_sheet([])


# --- heatmaps


def inferno(values):
    """Oracle: the colours of OpenCV's inferno at values in [0, 1], in RGB."""
    levels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8).reshape(-1, 1)
    return cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[:, 0, ::-1]


def test_overlay_agrees_with_a_resize_by_the_half_pixel_rule():
    image, maps = noise(), np.random.default_rng(1).uniform(-0.2, 1.2, (15, 20, COUNT + 1))
    values = cv2.resize(np.clip(maps[..., 3], 0, 1).astype(np.float32), (160, 120))
    colors = inferno(values).reshape(120, 160, 3)
    expected = np.rint(0.6 * image + 0.4 * colors.astype(float))
    drawn = draw_heatmaps(image, maps, 3, opacity=0.4)
    assert np.abs(drawn - expected).mean() < 0.6
    assert np.percentile(np.abs(drawn - expected), 99) <= 2


def test_map_is_chosen_by_number_or_name_and_none_is_the_greatest_of_the_keypoints():
    maps = np.zeros((12, 16, COUNT + 1))
    maps[..., TIP], maps[..., 2], maps[..., BACKGROUND] = 0.6, 0.3, 1.0

    def value(index, maps=maps):
        return draw_heatmaps(zeros(), maps, index, opacity=1)[60, 80].tolist()

    expected = {level: inferno(level)[0].tolist() for level in (0, 0.3, 0.6, 1)}
    assert value(TIP) == value("index_tip") == value(TIP - COUNT - 1) == expected[0.6]
    assert value(np.int64(2)) == value(HAND.keypoints[2]) == expected[0.3]
    assert value("background") == value(BACKGROUND) == value(-1) == expected[1]
    assert value("wrist") == expected[0]
    assert value(None) == value(None, maps[..., :-1]) == value(None, maps[..., TIP])
    assert value(None) == expected[0.6]


@pytest.mark.parametrize("count", [18, 19, 19 + 38])
@pytest.mark.parametrize("skeleton", [None, BODY_COCO])
def test_maps_of_bodies_are_drawn_with_and_without_background_and_fields(count, skeleton):
    maps = np.full((12, 16, count), 0.9)
    maps[..., :18], maps[..., BODY_COCO.index("nose")] = 0.3, 0.6

    def value(index):
        return draw_heatmaps(zeros(), maps, index, opacity=1, skeleton=skeleton)[60, 80].tolist()

    expected = {level: inferno(level)[0].tolist() for level in (0.3, 0.6, 0.9)}
    assert value(None) == value("nose") == expected[0.6]
    assert value("neck") == value(1) == expected[0.3]
    assert value(-1) == expected[0.3 if count == 18 else 0.9]


@pytest.mark.parametrize("shape", [(1, 1), (46, 46), (120, 160), (500, 31)])
def test_maps_of_any_resolution_cover_the_whole_image(shape):
    drawn = draw_heatmaps(zeros(), np.ones(shape), opacity=1)
    np.testing.assert_array_equal(drawn, np.broadcast_to(inferno(1.0)[0], drawn.shape))


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((20, 30, 40, 50), (30, 80), (20, 60)),
        ((-20, -20, 60, 60), (0, 40), (0, 40)),
        ((140, 100, 60, 60), (100, 120), (140, 160)),
        ((-30, -30, 9, 9), (0, 0), (0, 0)),
        ((10, 20, 30.0, 7.0), (20, 27), (10, 40)),
    ],
)
def test_maps_of_a_box_change_its_pixels_only(box, rows, columns):
    expected = noise()
    expected[slice(*rows), slice(*columns)] = inferno(1.0)[0]
    drawn = draw_heatmaps(noise(), np.ones((10, 10)), opacity=1, box=box)
    np.testing.assert_array_equal(drawn, expected)


def test_nan_in_a_map_counts_as_zero():
    maps = np.zeros((4, 4))
    broken = maps.copy()
    broken[1, 1] = np.nan
    np.testing.assert_array_equal(draw_heatmaps(noise(), broken), draw_heatmaps(noise(), maps))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 4, 4, COUNT + 1), {}, r"maps\[0\]"),
        ((4, 4, 5), {}, r"one of 21, 22, 70, .*\), got \(4, 4, 5\): pass the skeleton"),
        ((4, 4, 22), {"skeleton": BODY_COCO}, "one of 18, 19, 57"),
        ((4, 4, 57), {"index": 57}, "no map 57: use 0 to 56"),
        ((0, 4, COUNT + 1), {}, "expected heatmaps"),
        ((4, 4, COUNT + 1), {"index": COUNT + 1}, "no map"),
        ((4, 4, COUNT), {"index": "nose"}, "no map 'nose'"),
        ((4, 4, COUNT), {"index": 1.5}, "no map 1.5"),
        ((4, 4), {"index": 3}, "expected heatmaps"),
        ((4, 4), {"opacity": 1.5}, "opacity"),
        ((4, 4), {"box": (0, 0, 0, 5)}, "box"),
    ],
)
def test_wrong_maps_and_options_are_refused(shape, options, message):
    with pytest.raises(ValueError, match=message):
        draw_heatmaps(noise(), np.zeros(shape), **options)


@pytest.mark.parametrize(
    ("side", "presence", "label"),
    [
        ("right", 0.985, "right 98 %"),
        (None, 1.0, "100 %"),
        ("left", None, "left"),
        (None,) * 2 + ("",),
    ],
)
def test_label_says_what_is_known(side, presence, label):
    hand = Hand(np.zeros((COUNT, 2)), np.ones(COUNT), side=side, presence=presence)
    assert hand_label(hand) == label


@pytest.mark.parametrize("corner", [(-400, 5), (60, 60), (159, 400)], ids=str)
def test_label_is_written_above_the_hand_inside_the_image(corner):
    hand = Hand(np.zeros((COUNT, 2)) + corner, np.ones(COUNT), side="left", presence=0.9)
    plain, labelled = draw_hands(zeros(), [hand]), draw_hands(zeros(), [hand], labels=True)
    white = (labelled != plain).any(axis=-1) & (labelled > 200).all(axis=-1)
    rows, columns = np.nonzero(white)
    assert np.ptp(columns) > 40  # the whole text
    if corner == (60, 60):
        assert rows.max() < 60
        assert columns.min() >= 60
    silent = Hand(hand.xy, hand.scores)
    np.testing.assert_array_equal(
        draw_hands(zeros(), [silent], labels=True), draw_hands(zeros(), [silent])
    )


def test_the_id_of_a_person_is_written_above_the_highest_keypoint_that_is_drawn():
    xy, scores = np.full((COUNT, 2), (80.0, 90.0)), np.ones(COUNT)
    xy[5], xy[6], scores[6] = (60, 50), (20, 20), 0.1  # the last one is not drawn
    person = Person(left_hand=Hand(xy, scores), id=7)
    plain, labelled = draw(zeros(), [person]), draw(zeros(), [person], ids=True)
    rows, columns = np.nonzero((labelled != plain).any(axis=-1))
    assert 30 < rows.min() < rows.max() <= 50
    assert abs((columns.min() + columns.max()) / 2 - 60) < 3
    hidden = Person(left_hand=Hand(xy, scores * 0.1), id=7)
    for silent in (Person(left_hand=person.left_hand), hidden):
        np.testing.assert_array_equal(draw(zeros(), [silent], ids=True), draw(zeros(), [silent]))


def test_boxes_are_edges_of_what_was_searched_or_of_what_is_drawn():
    xy = np.full((COUNT, 2), (80.0, 90.0))
    xy[1] = (100, 70)
    hand = Hand(xy, np.ones(COUNT), (20, 30, 110, 80), side="left", presence=0.9)
    for each, (x, y, right, bottom) in (
        (hand, (20, 30, 130, 110)),
        (replace(hand, box=None), (80, 70, 100, 90)),
    ):
        plain, boxed = draw(zeros(), [each]), draw(zeros(), [each], boxes=True)
        for column, row in ((x, bottom), (right, y), (right, bottom)):
            assert boxed[row, column].tolist() == [255, 255, 255]
            assert boxed[row, column].tolist() != plain[row, column].tolist()
    silent = Hand(xy, np.full(COUNT, 0.1), (20, 30, 110, 80))
    np.testing.assert_array_equal(draw(zeros(), [silent], boxes=True), draw(zeros(), [silent]))


def test_the_edge_of_a_label_follows_its_letters():
    """OpenCV 5 makes thicker letters wider."""
    image = np.full((120, 160, 3), 100, np.uint8)
    hand = Hand(np.full((COUNT, 2), 60.0), np.ones(COUNT), side="right", presence=1.0)
    plain, labelled = draw_hands(image, [hand]), draw_hands(image, [hand], labels=True)
    letters = (labelled > plain.astype(int) + 20).all(axis=-1)
    dark = (labelled < plain.astype(int) - 20).all(axis=-1)
    near = cv2.dilate(letters.astype(np.uint8), np.ones((7, 7))) > 0
    assert dark.sum() > letters.sum() > 0
    assert not (dark & ~near).any()


def test_supersampled_lines_are_finer_and_the_rest_of_the_image_stays_as_it_is():
    image = np.full((60, 80, 3), 90, np.uint8)
    xy = np.column_stack([np.linspace(20, 50, 21), np.linspace(20, 40, 21)])
    person = Person(left_hand=Hand(xy, np.ones(21)))
    plain, fine = (draw(image, [person], supersample=factor) for factor in (1, 4))
    assert fine.shape == image.shape
    changed, less = ((each != image).any(axis=2) for each in (plain, fine))
    assert 0 < less.sum() < 0.7 * changed.sum()
    assert (fine[~less] == 90).all()
    hand = draw_hands(image, [person.left_hand], supersample=4)
    np.testing.assert_array_equal(hand, fine)
    np.testing.assert_array_equal(draw(image, [person]), fine)
    with pytest.raises(ValueError, match="supersample"):
        draw(image, [person], supersample=0)
    assert [finer_lines(size) for size in ((10, 10), (720, 1280), (1440, 9))] == [4, 2, 1]


def test_lines_are_as_many_times_as_thick_as_one_asks_for():
    hand = random_hand()
    thin, usual, thick = (
        (draw(zeros(), [hand], pen=pen) > 0).any(axis=2).sum() for pen in (0.5, 1.0, 2.0)
    )
    assert thin < 0.75 * usual < 0.5 * thick


def test_a_threshold_of_bodies_counts_for_any_skeleton_of_one():
    for skeleton in (BODY_25, BODY_COCO):
        xy = np.random.default_rng(4).uniform(5, 110, (len(skeleton), 2))
        body = Body(xy, np.full(len(skeleton), 0.2), skeleton=skeleton)
        assert draw(zeros(), [body], thresholds={"body": 0.1}).any()
        assert not draw(zeros(), [body], thresholds={"body": 0.3}).any()
        assert draw(zeros(), [body], thresholds={"body": 0.3, skeleton.name: 0.1}).any()
    with pytest.raises(TypeError, match="expected one threshold"):
        draw(zeros(), [], thresholds=[0.3])


def test_a_threshold_of_one_person_s_own_skeleton_may_stand_beside_the_ids_of_others():
    own = Skeleton("own", ("a", "b"), (("a", "b"),), ((255, 0, 0), (0, 255, 0)))
    body = Body(np.array([[20.0, 60.0], [60.0, 80.0]]), np.ones(2), skeleton=own)
    people = [Person(body, id=1), Person(left_hand=random_hand(), id=2)]
    assert draw(zeros(), people, thresholds={"own": 0.5}, ids=True).any()


def test_maps_with_their_frame_are_no_maps():
    with pytest.raises(TypeError, match="maps, frame ="):
        draw_heatmaps(zeros(), (np.zeros((5, 5)), None))


def test_draw_hands_says_what_comes_first_and_what_draws_people():
    image = np.zeros((40, 40, 3), np.uint8)
    with pytest.raises(TypeError, match="the image comes first"):
        draw_hands(image, image)
    with pytest.raises(TypeError, match=r"draw\(image, people\)"):
        draw_hands(image, [Person()])


@pytest.mark.parametrize("pen", ["thick", 0, -1.0, float("nan")])
def test_a_pen_is_sizes_or_a_factor(pen):
    hand = Hand(np.full((21, 2), 9.0), np.ones(21))
    with pytest.raises(ValueError, match="a Pen, or a factor above 0"):
        draw_hands(np.zeros((20, 20, 3), np.uint8), [hand], pen=pen)
