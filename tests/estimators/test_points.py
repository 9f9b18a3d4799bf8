"""Networks that answer with points, presence and side instead of heatmaps: dots in, points out."""

import numpy as np
import pytest

from openpose_keras.core.errors import NetworkError
from openpose_keras.core.skeletons import HAND
from openpose_keras.estimators.hand import HandEstimate, HandEstimator, fit_to_box, one_hand_each
from openpose_keras.estimators.recipes import InputSpec, Recipe
from openpose_keras.estimators.search import same_hand
from openpose_keras.estimators.views import Region, upright_angle
from tests.helpers.fakes import draw_dots, find_centres, hand_layout, is_right

SPEC = InputSpec(
    box_size=224, stride=32, sides="both", upright=True, upright_margin=2.0, upright_shift=0.1
)
BOX = (70.0, 30.0, 240.0, 240.0)


def answer(image):
    """Points at the dots; a hand if it stands nearly upright; 0.9 for a right hand."""
    found = find_centres((image.astype(np.float64) + 0.5) * 256)
    if any(centre is None for centre in found):
        return np.zeros((21, 3)), 0.02, 0.5
    xy = np.array(found)
    upright = abs((upright_angle(xy) + np.pi) % (2 * np.pi) - np.pi) < 0.9
    presence = 0.95 if upright else 0.6
    # The points count from the edge of the first pixel.
    return np.pad(xy + 0.5, [(0, 0), (0, 1)]), presence, 0.9 if is_right(xy) else 0.2


def dot_points(batch):
    points, presence, right = zip(*map(answer, batch), strict=True)
    return {"points": np.array(points), "presence": np.array(presence), "right": np.array(right)}


def scene(turn=0.0, left=False, middle=(190, 150), extent=130):
    xy = (hand_layout(3) - 0.5) * extent * ((-1, 1) if left else (1, 1))
    turn += upright_angle(xy)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    xy = xy @ matrix.T + middle
    return draw_dots(xy, (300, 400)), xy


def regions_at(*boxes):
    return lambda image: [Region(box) for box in boxes]


@pytest.mark.parametrize("turn", [0.0, 0.7, np.pi / 2, -1.2, 2.6])
@pytest.mark.parametrize("left", [False, True])
def test_a_hand_of_any_orientation_is_read_with_its_side(turn, left):
    image, xy = scene(turn, left)
    [hand] = HandEstimator(dot_points, spec=SPEC)(image, [BOX])
    np.testing.assert_allclose(hand.xy, xy, atol=0.3)
    assert hand.presence == pytest.approx(0.95)
    np.testing.assert_allclose(hand.scores, 0.95)
    # The mirror image of a right hand is a left one, which the fake gives 0.2.
    assert hand.right == pytest.approx(0.15 if left else 0.85)
    assert hand.side == ("left" if left else "right")


def test_the_upright_pass_draws_its_box_around_the_points():
    image, xy = scene(0.5)
    [hand] = HandEstimator(dot_points, spec=SPEC)(image, [BOX])
    turn = upright_angle(xy)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    extent = np.ptp(xy @ matrix.T, axis=0)
    assert hand.box[2] == pytest.approx(2.0 * extent.max(), abs=1)


def test_a_side_that_is_given_stays():
    image, _ = scene()
    [hand] = HandEstimator(dot_points, spec=SPEC)(image, [BOX], "left")
    assert hand.side == "left"
    assert hand.right > 0.5


def test_a_search_reports_a_hand_once_and_only_where_one_is_present():
    image, xy = scene()
    twin = (BOX[0] + 9, BOX[1] - 5, 250.0, 250.0)
    empty = (0.0, 200.0, 90.0, 90.0)
    estimator = HandEstimator(dot_points, spec=SPEC, search=regions_at(BOX, twin, empty))
    [hand] = estimator(image)
    np.testing.assert_allclose(hand.xy, xy, atol=0.3)
    assert estimator(image, min_presence=0.96) == []
    assert len(estimator(image, min_presence=0.0)) == 2
    with pytest.raises(ValueError, match="max_hands must be a positive whole number, not 0"):
        estimator(image, max_hands=0)


def test_what_is_hopeless_in_the_first_pass_has_no_second_one():
    image, _ = scene()
    empty = (0.0, 200.0, 90.0, 90.0)
    looks = []

    def counting(batch):
        """Count the images that the network is shown."""
        looks.append(len(batch))
        return dot_points(batch)

    estimator = HandEstimator(counting, spec=SPEC, search=regions_at(BOX, empty))
    assert len(estimator(image, min_presence=0.5)) == 1
    with_rejection = sum(looks)
    looks.clear()
    assert len(estimator(image, min_presence=0.0)) == 2
    assert sum(looks) > with_rejection


def test_a_part_that_is_read_as_a_hand_of_its_own_belongs_to_the_whole_hand():
    _, hand = scene(extent=120)
    finger, neighbour = hand * 0.25 + 0.75 * hand[8], hand + np.array([90, 0])
    missing = np.full_like(hand, np.nan)
    assert same_hand(hand, finger)
    assert same_hand(finger, hand)
    assert not same_hand(hand, neighbour)  # of one size they may hold each other
    assert not same_hand(hand, finger + 150)
    assert not same_hand(hand, missing)


def test_boxes_get_one_hand_each_present_or_not():
    image, _ = scene()
    hands = HandEstimator(dot_points, spec=SPEC)(image, [(0, 200, 90), BOX])
    assert [hand.presence < 0.5 for hand in hands] == [True, False]


def test_of_two_hands_the_one_that_is_present_more_surely_comes_first():
    images, points = zip(
        *(scene(turn, middle=(x, 100), extent=80) for turn, x in ((0.8, 80), (0, 300))), strict=True
    )
    image = np.maximum(*images)

    def unsure_left(batch):
        maps = dot_points(batch)
        sure = np.array([image[:, :, 0].max() for image in batch])
        return maps | {"presence": maps["presence"] * np.where(sure > 0.4, 1.0, 0.9)}

    image[:, :190] = (image[:, :190] * 0.85).astype(np.uint8)
    boxes = ((30.0, 50.0, 110.0, 110.0), (250.0, 50.0, 110.0, 110.0))
    hands = HandEstimator(unsure_left, spec=SPEC, search=regions_at(*boxes))(image)
    assert [hand.xy[:, 0].mean() > 190 for hand in hands] == [True, False]
    np.testing.assert_allclose(hands[0].xy.mean(axis=0), points[1].mean(axis=0), atol=1)


def test_a_network_of_points_has_no_heatmaps_and_says_so():
    image, _ = scene()
    estimator = HandEstimator(dot_points, spec=SPEC)
    with pytest.raises(ValueError, match="points only"):
        estimator.heatmaps(image, BOX)


@pytest.mark.parametrize("shape", [(20, 3), (21,), (21, 1)])
def test_points_of_another_shape_are_refused(shape):
    estimator = HandEstimator(lambda batch: {"points": np.zeros((len(batch), *shape))}, spec=SPEC)
    with pytest.raises(NetworkError, match="expected points"):
        estimator(scene()[0], [BOX])


@pytest.mark.parametrize("turn", [np.pi / 2, -1.2, 2.6])
def test_a_hand_of_known_angle_needs_no_other_orientations(turn):
    image, xy = scene(turn)
    batches = []

    def counted(batch):
        batches.append(len(batch))
        return dot_points(batch)

    estimator = HandEstimator(counted, spec=SPEC)
    [hand] = estimator(image, [BOX], angles=[upright_angle(xy)])
    np.testing.assert_allclose(hand.xy, xy, atol=0.3)
    assert batches == [1, 2]  # the crop, then it and its mirror image upright
    estimator(image, [BOX])
    assert sum(batches[2:]) == 6
    with pytest.raises(ValueError, match="shorter"):
        estimator(image, [BOX, BOX], angles=[0.0])


@pytest.mark.parametrize(("off", "images"), [(0.0, [1, 1]), (0.3, [1, 1]), (-0.5, [1, 2])])
def test_a_crop_that_was_nearly_upright_is_shown_once_and_then_mirrored(off, images):
    image, xy = scene(0.8, extent=165)
    batches = []

    def counted(batch):
        batches.append(batch)
        return dot_points(batch)

    estimator = HandEstimator(counted, spec=SPEC)
    [estimate] = estimator.estimate(image, [BOX], angles=[upright_angle(xy) + off])
    assert [len(batch) for batch in batches] == images
    np.testing.assert_allclose(estimate.peaks[:, :2], xy, atol=0.3)
    shown, mirrored = estimate.views
    assert (shown.frame.mirrored, mirrored.frame.mirrored) == (False, True)
    np.testing.assert_array_equal(shown.image, mirrored.image[:, ::-1])
    if images == [1, 1]:
        np.testing.assert_array_equal(batches[1], batches[0][:, :, ::-1])


def look_at(middle, score, presence=0.5):
    """Return the estimate of a hand of one size whose middle lies somewhere in BOX."""
    peaks = np.column_stack([(hand_layout(3) - 0.5) * 100 + middle, np.full(21, score)])
    spec = InputSpec(box_size=224, stride=32)
    maps = {None: {"presence": np.array(presence)}}
    return HandEstimate(Region(BOX), peaks, maps, [], Recipe(), spec, HAND)


def test_of_two_looks_the_clearer_one_fits_a_box_and_then_the_one_in_its_middle():
    middle = np.add(BOX[:2], 119.5)
    clear, sure = look_at(middle, 0.6, presence=0.9), look_at(middle, 0.3, presence=0.999)
    assert max(clear, sure, key=fit_to_box) is clear
    beside, far = (look_at(np.add(middle, away), 0.6) for away in ((40, 0), (0, 90)))
    assert fit_to_box(clear) > fit_to_box(beside) > fit_to_box(far) > 0
    assert fit_to_box(clear) == pytest.approx(0.6, rel=0.02)  # the layout is not quite centred
    assert fit_to_box(look_at(np.nan, 0.0)) == 0


def test_no_hand_is_given_to_two_boxes_unless_nothing_else_fits():
    middle = np.add(BOX[:2], 119.5)
    shared, other = look_at(middle, 0.8), look_at(np.add(middle, (30, 0)), 0.5)
    better, poor = look_at(np.add(middle, (2, 0)), 0.9), look_at(np.add(middle, (60, 0)), 0.1)
    first, second = one_hand_each([[shared, other], [poor, better]])
    assert (first, second) == (other, better)
    assert one_hand_each([[shared, poor], [better]]) == [shared, better]
    assert one_hand_each([]) == []


def test_a_recipe_of_another_program_turns_no_crop():
    image, _ = scene(1.0)
    estimator = HandEstimator(dot_points, spec=SPEC, recipe="openpose")
    [plain], [turned] = estimator(image, [BOX]), estimator(image, [BOX], angles=[1.0])
    np.testing.assert_array_equal(plain.xy, turned.xy)
