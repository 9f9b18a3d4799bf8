import json
import subprocess
import sys

import numpy as np
import pytest
from pycocotools import mask as masks

from openpose_keras.io.coco_masks import check_segmentation, fill_box, fill_segmentation

SIZE = (40, 60)
of_pycocotools = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def blobs(seed):
    """A mask of a few rectangles; that of seed 0 is empty, that of seed 1 full."""
    rng, mask = np.random.default_rng(seed), np.full(SIZE, seed == 1)
    for _ in range(seed):
        top, left = rng.integers(0, 40), rng.integers(0, 60)
        mask[top : top + rng.integers(1, 20), left : left + rng.integers(1, 30)] ^= True
    return mask


def fill(segmentation, size=SIZE):
    return fill_segmentation(check_segmentation(segmentation), size)


@pytest.mark.parametrize("seed", range(8))
def test_run_lengths_give_the_mask_that_pycocotools_encoded(seed):
    encoded = masks.encode(np.asfortranarray(blobs(seed), np.uint8))
    compressed = {"size": list(SIZE), "counts": encoded["counts"].decode()}
    np.testing.assert_array_equal(fill(compressed), blobs(seed))
    flat = blobs(seed).ravel(order="F")
    changes = np.flatnonzero(np.diff(np.concatenate([[False], flat]))).tolist()
    runs = np.diff([0, *changes, flat.size]).tolist()
    np.testing.assert_array_equal(fill({"size": list(SIZE), "counts": runs}), blobs(seed))


@of_pycocotools
def test_polygons_are_filled_together():
    triangle, square = [5, 5, 30, 5, 5, 30], [40.5, 10, 50, 10, 50, 20, 40.5, 20]
    expected = [masks.decode(masks.frPyObjects([each], *SIZE)[0]) for each in (triangle, square)]
    np.testing.assert_array_equal(fill([triangle, square]), np.maximum(*expected))
    assert fill([triangle]).dtype == bool


def test_a_polygon_of_two_corners_is_left_out():
    assert check_segmentation([[1, 2, 30, 20]]) is None
    both = fill([[1, 2, 30, 20], [5, 5, 30, 5, 5, 30]])
    np.testing.assert_array_equal(both, fill([[5, 5, 30, 5, 5, 30]]))


@pytest.mark.parametrize("nothing", [None, []])
def test_nothing_is_no_segmentation(nothing):
    assert check_segmentation(nothing) is None


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[1, 2, 3, 4, 5, 6, 7]], "even count"),
        ([[1, 2, 3, 4, 5, 1e9]], "polygons of numbers"),
        ([[1, 2, 3, 4, 5, float("nan")]], "polygons of numbers"),
        ([1, 2, 3, 4, 5, 6], "polygons of numbers"),
        ("1,2,3", "a segmentation of polygons"),
        ({"size": [4, 6]}, "a segmentation of polygons"),
        ({"size": [4, 6], "counts": [25]}, "fill the size"),
        ({"size": [4, 6], "counts": [30, -6]}, "fill the size"),
        ({"size": [4], "counts": [4]}, "fill the size"),
        ({"size": [4, 6], "counts": "é"}, "compressed text"),
        ({"size": [4, 6], "counts": "o" * 30}, "compressed text"),
    ],
)
def test_a_damaged_segmentation_is_refused(segmentation, message):
    with pytest.raises(ValueError, match=message):
        check_segmentation(segmentation)


def test_any_text_is_a_mask_or_an_error():
    rng = np.random.default_rng(0)
    for _ in range(2000):
        text = "".join(map(chr, rng.integers(40, 120, rng.integers(0, 12))))
        try:
            assert fill({"size": [4, 6], "counts": text}, (4, 6)).shape == (4, 6)
        except ValueError as error:
            assert "run lengths" in str(error)  # noqa: PT017 - some of the texts are right


def test_run_lengths_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"a mask of \[4, 6\], got the size \(6, 4\)"):
        fill({"size": [4, 6], "counts": [24]}, (6, 4))


def test_without_pycocotools_only_polygons_are_an_error():
    code = (
        "import sys, json; sys.modules['pycocotools'] = None\n"
        "from openpose_keras.io.coco_masks import fill_segmentation\n"
        "print(fill_segmentation({'size': [2, 3], 'counts': [1, 5]}, (2, 3)).sum())\n"
        "try: fill_segmentation([[0, 0, 9, 0, 0, 9]], (20, 20))\n"
        "except ImportError as error: print(json.dumps(str(error)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    count, message = result.stdout.splitlines()
    assert count == "5"
    assert "pip install pycocotools" in json.loads(message)


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((2, 3, 4, 5), slice(3, 8), slice(2, 6)),
        ((1.5, 0.2, 1, 0.5), slice(0, 1), slice(1, 3)),
        ((-5, -5, 200, 7), slice(0, 2), slice(0, 60)),
        ((-9, -9, 3, 3), slice(0, 0), slice(0, 0)),
    ],
)
def test_a_box_is_filled_inside_the_image(box, rows, columns):
    expected = np.zeros(SIZE, bool)
    expected[rows, columns] = True
    np.testing.assert_array_equal(fill_box(box, SIZE), expected)
