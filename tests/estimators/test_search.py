"""The search is tried with a network that knows the truth: Gaussians where hands were put."""

import numpy as np
import pytest

from openpose_keras.core.boxes import box_from_points, box_iou
from openpose_keras.estimators.search import Search, find_blobs, find_hands, fit_image

STRIDE = 4
BOX_SIZE = 160


def open_hand(centre, size, turn=0.0):
    """Place 21 keypoints as an open hand does; `size` is the longer side."""
    rays = np.deg2rad(np.array([-50, -20, 0, 15, 32]))
    steps = np.array([0.45, 0.65, 0.82, 1.0])
    points = [(0.0, 0.0)]
    points += [(np.sin(ray) * step, -np.cos(ray) * step) for ray in rays for step in steps]
    xy = np.array(points)
    cos, sin = np.cos(turn), np.sin(turn)
    xy = xy @ np.array([[cos, sin], [-sin, cos]])
    xy = (xy - (xy.min(0) + xy.max(0)) / 2) / np.ptp(xy, axis=0).max()
    return xy * size + centre


class Oracle:
    """Answers as a faultless network would, for hands at known positions of an image."""

    def __init__(self, hands, shape, score=0.9):
        self.hands, self.shape, self.score = hands, shape, score
        self.seen = []

    def heatmaps_of(self, image):
        height, width, _ = image.shape
        assert image.dtype == np.uint8
        assert height % 32 == 0
        assert width % 32 == 0
        # The longer side was brought to one of the sides of the default search, and padded.
        sides = [round(side * BOX_SIZE) for side in Search().image_sizes]
        scale = max(side for side in sides if side <= max(height, width)) / max(self.shape)
        maps = np.zeros((height // STRIDE, width // STRIDE, 22), np.float32)
        y, x = np.mgrid[: maps.shape[0], : maps.shape[1]] * STRIDE + (STRIDE - 1) / 2
        for xy in self.hands:
            size = np.ptp(xy, axis=0).max() * scale
            if 16 <= size <= 170:  # a network sees hands of some sizes
                for joint, (px, py) in enumerate((xy + 0.5) * scale - 0.5):
                    blob = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 5.0**2))
                    maps[..., joint] = np.maximum(maps[..., joint], self.score * blob)
        return maps

    def peaks_in(self, boxes):
        self.seen.append(list(boxes))
        answers = []
        for box in boxes:
            x, y, side, _ = box
            centre = np.array([x, y]) + (side - 1) / 2
            inside = [xy for xy in self.hands if np.abs(xy.mean(0) - centre).max() < side / 2]
            if inside:
                best = min(inside, key=lambda xy: np.abs(xy.mean(0) - centre).max())
                answers.append(np.column_stack([best, np.full(21, self.score)]))
            else:
                answers.append(np.column_stack([np.full((21, 2), np.nan), np.zeros(21)]))
        return np.stack(answers)

    def find(self, **options):
        image = np.zeros((*self.shape, 3), np.uint8)
        return find_hands(image, self.heatmaps_of, self.peaks_in, box_size=BOX_SIZE, **options)


def assert_boxes_are(found, hands):
    assert len(found) == len(hands)
    for xy in hands:
        truth = box_from_points(xy)
        assert max(box_iou(hand.box, truth) for hand in found) > 0.95


def test_an_image_without_mass_has_no_hand():
    oracle = Oracle([], (480, 640))
    assert oracle.find() == []
    assert oracle.seen == []


@pytest.mark.parametrize("share", [1 / 8, 1 / 4, 1 / 2])
@pytest.mark.parametrize("shape", [(640, 640), (480, 640), (900, 500)])
def test_a_hand_is_found_at_any_size(share, shape):
    hand = open_hand((230.0, 240.0), share * max(shape))
    assert_boxes_are(Oracle([hand], shape).find(), [hand])


@pytest.mark.parametrize("size", [40, 400, 4000])
def test_the_image_may_have_any_size(size):
    hand = open_hand((0.5 * size, 0.45 * size), 0.3 * size, turn=2.0)
    assert_boxes_are(Oracle([hand], (size, size)).find(), [hand])


def test_three_hands_of_different_size_are_three():
    hands = [
        open_hand((120.0, 130.0), 100),
        open_hand((450.0, 200.0), 250, turn=1.0),
        open_hand((150.0, 500.0), 150, turn=3.0),
    ]
    assert_boxes_are(Oracle(hands, (640, 640)).find(), hands)


def test_the_best_hand_comes_first_and_scores_are_means():
    hands = [open_hand((150.0, 150.0), 120), open_hand((450.0, 450.0), 120)]
    scores = [hand.score for hand in Oracle(hands, (640, 640), score=0.8).find()]
    assert scores == sorted(scores, reverse=True)
    np.testing.assert_allclose(scores, 0.8)


def test_weak_hands_are_dropped():
    oracle = Oracle([open_hand((300.0, 300.0), 200)], (640, 640), score=0.4)
    assert oracle.find(search=Search(threshold=0.45)) == []
    assert len(oracle.find(search=Search(threshold=0.35))) == 1


def test_a_part_of_a_hand_is_no_hand_of_its_own():
    whole, part = open_hand((300.0, 300.0), 240), open_hand((330.0, 270.0), 90)

    class Distracted(Oracle):
        """Takes a part for a hand, with a lower score."""

        def peaks_in(self, boxes):
            peaks = super().peaks_in(boxes)
            small = np.array([box[2] < 200 for box in boxes])[:, None]
            peaks[..., 2] = np.where(small, np.minimum(peaks[..., 2], 0.6), peaks[..., 2])
            return peaks

    (hand,) = Distracted([whole, part], (640, 640)).find()
    assert box_iou(hand.box, box_from_points(whole)) > 0.95


def test_the_number_of_passes_is_bounded():
    hands = [open_hand((x, y), 80) for x in (80, 240, 400, 560) for y in (80, 240, 400, 560)]
    oracle = Oracle(hands, (640, 640))
    search = Search(candidates=5, max_iterations=2)
    assert len(oracle.find(search=search)) <= 5
    assert len(oracle.seen) == 2
    assert all(len(boxes) <= 5 for boxes in oracle.seen)


def test_hands_side_by_side_in_one_blob_are_candidates_of_their_own():
    maps = np.zeros((60, 100, 21), np.float32)
    y, x = np.mgrid[:60, :100]
    for shift in (20, 52):
        for joint in range(21):
            px, py = shift + 3 * (joint % 5), 20 + 3 * (joint // 5)
            blob = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 2.0**2))
            maps[..., joint] = np.maximum(maps[..., joint], blob)
    # A weak bridge joins the two at the lower threshold.
    maps[26, 30:56] = np.maximum(maps[26, 30:56], 0.3)
    spans = [np.ptp(points[:, 0]) for points, _ in find_blobs(maps, 0.25)]
    assert sum(span < 20 for span in spans) >= 2


def test_a_small_clear_hand_is_found_among_many_weak_blobs():
    class Cluttered(Oracle):
        """Sees weak things everywhere in the coarse looks."""

        def heatmaps_of(self, image):
            maps = super().heatmaps_of(image)
            if image.shape[0] < 400:
                weak = np.zeros_like(maps)
                weak[2::10, 2::10, :21] = 0.3
                maps = np.maximum(maps, weak)
            return maps

    hand = open_hand((500.0, 520.0), 82)
    assert_boxes_are(Cluttered([hand], (640, 640)).find(), [hand])


def test_a_box_that_drifts_out_of_the_image_is_dropped():
    class Drifting(Oracle):
        """Answers with keypoints beyond the image's edge."""

        def peaks_in(self, boxes):
            for x, y, side, _ in boxes:
                assert x < 640
                assert y < 640
                assert x + side > 0
                assert y + side > 0
            return super().peaks_in(boxes) + np.array([700.0, 0.0, 0.0])

    assert Drifting([open_hand((300.0, 300.0), 200)], (640, 640)).find() == []


def test_a_converged_box_is_not_seen_again():
    oracle = Oracle([open_hand((300.0, 300.0), 200)], (640, 640))
    oracle.find(search=Search(max_iterations=9))
    assert len(oracle.seen) <= 3


def test_noise_with_a_thousand_blobs_gives_few_candidates():
    maps = (np.random.default_rng(0).random((140, 140, 21)) > 0.9995) * 0.9
    assert len(find_blobs(maps.astype(np.float32), 0.25)) <= 32


def test_the_image_is_not_written_to():
    image = np.full((200, 300, 3), 7, np.uint8)
    image.setflags(write=False)
    oracle = Oracle([open_hand((150.0, 100.0), 90)], (200, 300))
    find_hands(image, oracle.heatmaps_of, oracle.peaks_in, box_size=BOX_SIZE)
    assert (image == 7).all()


def test_a_large_image_is_averaged_and_its_scale_is_exact():
    image = np.zeros((3001, 4003, 3), np.uint8)
    image[::3, ::3] = 90
    small, _ = fit_image(image, 384)
    assert small[:280, :370].std() < 3
    bright = np.zeros((3001, 4003, 3), np.uint8)
    bright[1400:1440, 3000:3040] = 255
    small, scale = fit_image(bright, 384)
    rows, columns = np.nonzero(small[..., 0][:288])
    weights = small[..., 0][rows, columns]
    middle = [np.average(each, weights=weights) for each in (columns, rows)]
    np.testing.assert_allclose((np.array(middle) + 0.5) / scale, (3020, 1420), atol=0.6)
