import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpose_keras.core.boxes import (
    BOX_MARGIN,
    box_cover,
    box_from_points,
    box_iou,
    boxes_of_corners,
    check_box,
    check_boxes,
    keypoint_extent,
    square_box,
    whole_box,
)

numbers = st.integers(-20, 20)
sides = st.integers(1, 20)
boxes = st.tuples(numbers, numbers, sides, sides)


def centre(box):
    x, y, width, height = box
    return x + (width - 1) / 2, y + (height - 1) / 2


def pixels(box):
    mask = np.zeros((80, 80), bool)
    x, y, width, height = box
    mask[y + 30 : y + 30 + height, x + 30 : x + 30 + width] = True
    return mask


@given(boxes, boxes)
def test_iou_counts_pixels(box, other):
    mask, other_mask = pixels(box), pixels(other)
    expected = (mask & other_mask).sum() / (mask | other_mask).sum()
    assert box_iou(box, other) == pytest.approx(expected)
    assert box_iou(other, box) == box_iou(box, other)


@given(boxes, boxes)
def test_cover_counts_pixels_of_the_smaller_box(box, other):
    mask, other_mask = pixels(box), pixels(other)
    expected = (mask & other_mask).sum() / min(mask.sum(), other_mask.sum())
    assert box_cover(box, other) == pytest.approx(expected)
    assert box_cover(other, box) == box_cover(box, other)


def test_iou_of_touching_boxes_is_zero():
    assert box_iou((0, 0, 10, 10), (10, 0, 10, 10)) == 0


def test_iou_of_tiny_boxes_is_exact():
    assert box_iou((0, 0, 1e-9, 1e-9), (0, 0, 1e-9, 1e-9)) == pytest.approx(1)


@given(boxes, st.floats(0.1, 10))
def test_squares_keep_the_centre(box, factor):
    square = square_box(box, factor)
    assert square[2] == square[3] == pytest.approx(max(box[2:]) * factor)
    assert centre(square) == pytest.approx(centre(box))


def test_squares_keep_the_pixels_of_a_square():
    assert square_box((3, 4, 5, 5)) == (3, 4, 5, 5)


def test_box_of_points_is_around_the_middle_of_their_extent():
    box = box_from_points(np.array([[10.0, 10], [40, 20], [np.nan, np.nan], [20, 12]]), factor=2)
    assert box[2] == box[3] == 60
    assert centre(box) == pytest.approx((25, 15))


def test_one_point_has_a_box_of_factor_pixels():
    box = box_from_points([[7.0, 9.0]], factor=1.6)
    assert box[2] == pytest.approx(1.6)
    assert centre(box) == pytest.approx((7, 9))


def test_points_of_any_number_of_axes_are_taken():
    xy = np.arange(24.0).reshape(3, 4, 2)
    assert box_from_points(xy) == box_from_points(xy.reshape(-1, 2))


@pytest.mark.parametrize("xy", [np.full((21, 2), np.nan), np.empty((0, 2)), [[np.inf, 1]]])
def test_no_finite_point_has_no_box(xy):
    with pytest.raises(ValueError, match="at least one point"):
        box_from_points(xy)


@pytest.mark.parametrize("xy", [np.ones((2, 3)), 5.0, np.ones(3)])
def test_points_of_a_wrong_shape_are_refused(xy):
    with pytest.raises(ValueError, match="expected points"):
        box_from_points(xy)


@pytest.mark.parametrize("factor", [0, -1, np.nan, np.inf])
def test_wrong_factors_are_refused(factor):
    with pytest.raises(ValueError, match="a factor is"):
        square_box((0, 0, 5, 5), factor)


@pytest.mark.parametrize(
    "box",
    [
        (0, 0, 0, 5),
        (0, 0, 5, -5),
        (np.nan, 0, 5, 5),
        (0, np.inf, 5, 5),
        (0, 0, 5, np.inf),
        (0, 0, 5),
        (0, 0, 5, 5, 5),
        np.ones((4, 1, 2)),
        "0,0,5,5",
        None,
        7,
    ],
)
def test_other_values_are_refused_in_one_line(box):
    with pytest.raises(ValueError, match=r"a box is four finite numbers \(x, y, width, height\)"):
        check_box(box)


def test_arrays_and_lists_are_boxes():
    expected = (1.0, 2.0, 3.0, 4.0)
    assert check_box(np.array([1, 2, 3, 4], np.int16)) == check_box([1, 2, 3, 4]) == expected


@given(st.lists(st.tuples(numbers, numbers), min_size=1), st.sampled_from([np.float32, np.float64]))
def test_extent_is_from_the_least_to_the_greatest_coordinate(points, dtype):
    xy = np.array([*points, (np.nan, 1000), (1000, np.inf)], dtype)
    middle, size = keypoint_extent(xy)
    x, y = zip(*points, strict=True)
    assert middle.dtype == size.dtype == dtype
    assert (middle - size / 2).tolist() == [min(x), min(y)]
    assert (middle + size / 2).tolist() == [max(x), max(y)]


def test_missing_keypoints_have_no_extent():
    middle, size = keypoint_extent(np.full((21, 2), np.nan))
    assert np.isnan(middle).all()
    assert size.tolist() == [0, 0]


def test_margin_of_a_box_around_keypoints_is_that_of_the_package():
    assert box_from_points([(0, 0), (100, 50)])[2] == BOX_MARGIN * 100


def test_three_numbers_are_a_square_box():
    assert check_boxes([(1, 2, 30), np.array([1, 2, 3, 4])]) == [(1, 2, 30, 30), (1, 2, 3, 4)]
    assert check_boxes([]) == []


@pytest.mark.parametrize("boxes", ["whole", (1, 2, 30), [(1, 2)], [(1, 2, -3)]])
def test_other_than_a_list_of_boxes_is_refused(boxes):
    with pytest.raises(ValueError, match="box"):
        check_boxes(boxes)


def test_whole_box_covers_each_pixel_of_an_image():
    assert pixels(tuple(map(int, whole_box(np.zeros((20, 30, 3)))))).sum() == 600


def test_corners_are_boxes_and_must_be_in_order():
    assert boxes_of_corners(np.array([[10, 20, 40, 60]])) == [(10.0, 20.0, 30.0, 40.0)]
    assert boxes_of_corners([]) == []
    with pytest.raises(ValueError, match="x1 < x2"):
        boxes_of_corners([(10, 20, 5, 60)])
