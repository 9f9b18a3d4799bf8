"""Samples for hand_finder: whole photos, mosaics of photos, and rendered hands on backgrounds.

There are four kinds of sample. A *photo* shows people and rooms unchanged, at any size and slightly
rotated. A *mosaic* of four photos contains small hands. A *drawn* sample contains rendered hands,
including gloved ones, over a background or a part of a photo without hands. A *negative* sample
contains no hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.skeletons import HAND
from openpose_keras.training.augment import augment_photometric, sample_tint
from openpose_keras.training.backgrounds import sample_background
from openpose_keras.training.finder.targets import cut_off, pack_targets
from openpose_keras.training.hands.compose import Placement, add_occluder, paste
from openpose_keras.training.hands.photo_sets import TrainingPhoto
from openpose_keras.training.hands.render_cache import DrawnHand

KINDS = {"photo": 0.42, "mosaic": 0.2, "drawn": 0.26, "negative": 0.12}
_ADDED = 0.3  # of the photos and mosaics that a drawn hand is added to
_LEAST, _GREATEST = 1 / 25, 0.6  # of the sample's side: a drawn hand
_ZOOM = (0.5, 1.6)  # of the size at which a photo fits the sample
_MOST_COVERED = 0.1  # of a hand or a doubtful box by a drawn hand
DOUBTFUL, NOT_A_HAND = 1.0, 2.0


class FinderSample(NamedTuple):
    """An input of hand_finder and its targets.

    Args:
        image: (size, size, 3) uint8 RGB.
        hands: (21, 2) keypoints of each hand, in pixels of the image.
        boxes: (n, 5) x, y, width, height, and `DOUBTFUL` or `NOT_A_HAND`.
    """

    image: np.ndarray
    hands: list[np.ndarray]
    boxes: np.ndarray


@dataclass(frozen=True, eq=False)
class DecodedPhoto:
    """A photo that is decoded once, since composing samples is faster than reading files.

    Args:
        photo: The photo with its known hands.
        sizes: (h, w, 3) uint8 RGB, each half as large as the previous one.
    """

    photo: TrainingPhoto
    sizes: list[np.ndarray]


def decode_photos(photos: Sequence[TrainingPhoto]) -> list[DecodedPhoto]:
    """Decode photos, and shrink each to half and a quarter of its size."""
    decoded = []
    for photo in photos:
        sizes = [photo.image()]
        for _ in range(2):
            shape = (max(1, length // 2) for length in sizes[-1].shape[1::-1])
            sizes.append(cv2.resize(sizes[-1], tuple(shape), interpolation=cv2.INTER_AREA))
        decoded.append(DecodedPhoto(photo, sizes))
    return decoded


@dataclass(frozen=True, eq=False)
class FinderComposer:
    """Draws samples for hand_finder.

    Args:
        hands: Rendered hands. May be empty.
        photos: Whole photos with known hands. May be empty.
        backgrounds: Images (h, w, 3) uint8 RGB without hands. May be empty.
        size: Side of a sample in pixels.
    """

    hands: Sequence[DrawnHand]
    photos: Sequence[DecodedPhoto]
    backgrounds: list[np.ndarray]
    size: int

    def __call__(self, rng: np.random.Generator, *, kind: str | None = None) -> FinderSample:
        """Draw a sample. The same state of the generator gives the same pixels.

        Args:
            rng: The random generator.
            kind: A key of `KINDS`; None draws the kind.
        """
        kind = kind or str(rng.choice(list(KINDS), p=list(KINDS.values())))
        if kind in ("photo", "mosaic") and self.photos:
            sample = self._photo(rng) if kind == "photo" else self._mosaic(rng)
            count = int(rng.integers(1, 3)) if rng.random() < _ADDED else 0
        else:
            sample = FinderSample(self._empty(rng), [], np.zeros((0, 5), np.float32))
            count = 0 if kind == "negative" else 1 + int(rng.choice(4, p=(0.4, 0.3, 0.2, 0.1)))
        for _ in range(count if self.hands else 0):
            sample = self._with_drawn(rng, sample)
        return sample._replace(image=augment_photometric(rng, sample.image))

    def _photo(self, rng: np.random.Generator) -> FinderSample:
        """Show one photo."""
        photo = self.photos[int(rng.integers(len(self.photos)))]
        return view_photo(rng, photo, (self.size, self.size))

    def _mosaic(self, rng: np.random.Generator) -> FinderSample:
        """Show four photos that meet at a point near the centre."""
        image = np.zeros((self.size, self.size, 3), np.uint8)
        hands: list[np.ndarray] = []
        boxes = []
        x, y = (self.size * rng.uniform(0.35, 0.65, 2)).astype(int)
        for left, width in ((0, x), (x, self.size - x)):
            for top, height in ((0, y), (y, self.size - y)):
                photo = self.photos[int(rng.integers(len(self.photos)))]
                part = view_photo(rng, photo, (width, height))
                image[top : top + height, left : left + width] = part.image
                hands += [xy + np.array([left, top]) for xy in part.hands]
                boxes.append(part.boxes + np.array([left, top, 0, 0, 0]))
        return FinderSample(image, hands, np.concatenate(boxes))

    def _empty(self, rng: np.random.Generator) -> np.ndarray:
        """Draw an image without a hand: a background, or a part of a photo."""
        if self.photos and rng.random() < 0.5:
            photo = self.photos[int(rng.integers(len(self.photos)))]
            part = part_without_hands(rng, photo)
            if part is not None:
                return cv2.resize(part, (self.size, self.size), interpolation=cv2.INTER_LINEAR)
        return sample_background(rng, self.backgrounds, self.size)

    def _with_drawn(self, rng: np.random.Generator, sample: FinderSample) -> FinderSample:
        """Add a rendered hand where it hides no other hand, if such a position is found."""
        drawn = self.hands[int(rng.integers(len(self.hands)))]
        length = self.size * float(np.exp(rng.uniform(np.log(_LEAST), np.log(_GREATEST))))
        taken = np.vstack([*(_box(xy) for xy in sample.hands), sample.boxes[:, :4]])
        for _ in range(8):
            x, y = rng.uniform(0.3 * length, self.size - 0.3 * length, 2)
            box = np.array([x, y, length, length]) - [length / 2, length / 2, 0, 0]
            if _greatest_cover(box, taken) <= _MOST_COVERED:
                break
        else:
            return sample
        angle, mirrored = float(rng.uniform(-180, 180)), bool(rng.random() < 0.5)
        placement = Placement((float(x), float(y)), length, angle, mirrored)
        image, hands = _paste_small(rng, sample.image, drawn, placement)
        if rng.random() < 0.15:
            canvas = add_occluder(rng, image.astype(np.float32), hands[0], self.backgrounds)
            image = canvas.astype(np.uint8)
        return sample._replace(image=image, hands=[*sample.hands, *hands])


def view_photo(
    rng: np.random.Generator, decoded: DecodedPhoto, shape: tuple[int, int]
) -> FinderSample:
    """Show a photo, or a part of it, at a random size, rotated and possibly mirrored.

    Args:
        rng: The random generator.
        decoded: The photo.
        shape: Width and height of the view.

    Returns:
        The view; hands that are cut off at its edges are doubtful.
    """
    photo = decoded.photo
    extent, target = np.array(decoded.sizes[0].shape[1::-1]), np.array(shape)
    scale = (target / extent).min() * np.exp(rng.uniform(*np.log(_ZOOM)))
    focus: np.ndarray = (extent - 1) / 2
    aim = 0.5 + rng.normal(0, 0.08, 2)
    if photo.hands and rng.random() < 0.5:  # else a large view seldom shows a whole hand
        focus, _ = keypoint_extent(photo.hands[int(rng.integers(len(photo.hands)))].xy)
        aim = rng.uniform(0.2, 0.8, 2)
    angle = np.deg2rad(rng.uniform(-30, 30) if rng.random() < 0.75 else rng.uniform(-180, 180))
    flip = np.diag([float(rng.choice((-1.0, 1.0))), 1.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn @ flip
    matrix = np.column_stack([linear, aim * target - linear @ focus])
    hands = [hand.xy @ linear.T + matrix[:, 2] for hand in photo.hands]
    kept, doubtful = cut_off(hands, shape)
    boxes = [
        _moved(photo.doubtful, matrix, DOUBTFUL),
        _moved(photo.not_hands, matrix, NOT_A_HAND),
        np.column_stack([doubtful, np.full(len(doubtful), DOUBTFUL)]),
    ]
    return FinderSample(_warp(rng, decoded.sizes, matrix, shape), kept, np.concatenate(boxes))


def _warp(
    rng: np.random.Generator, sizes: list[np.ndarray], matrix: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Warp an image by a matrix; pixels outside it are black, as in the search, or grey."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    image = sizes[min(int(np.log2(max(1.0, 1 / scale)) + 0.3), len(sizes) - 1)]
    factor = np.array(sizes[0].shape[1::-1]) / image.shape[1::-1]
    offset = matrix[:, 2] + matrix[:, :2] @ (0.5 * factor - 0.5)
    matrix = np.column_stack([matrix[:, :2] * factor, offset])
    value = 0 if rng.random() < 0.85 else 128
    border = (value, value, value)
    moved = cv2.warpAffine(image, matrix, shape, flags=cv2.INTER_LINEAR, borderValue=border)
    return np.asarray(moved)


def _moved(boxes: np.ndarray, matrix: np.ndarray, number: float) -> np.ndarray:
    """Return the bounding boxes (n, 5) of transformed boxes (n, 4), with their number."""
    corners = boxes[:, None, :2] + boxes[:, None, 2:] * [[0, 0], [1, 0], [0, 1], [1, 1]]
    corners = corners @ matrix[:, :2].T + matrix[:, 2]
    low, high = corners.min(axis=1), corners.max(axis=1)
    return np.column_stack([low, high - low, np.full(len(boxes), number)])


def part_without_hands(
    rng: np.random.Generator, decoded: DecodedPhoto, *, tries: int = 6
) -> np.ndarray | None:
    """Return a square part of a photo without known or suspected hands, or None."""
    photo, image = decoded.photo, decoded.sizes[0]
    height, width = image.shape[:2]
    taken = np.vstack([*(_box(hand.xy) for hand in photo.hands), photo.doubtful])
    taken += taken[:, [2, 3, 2, 3]] * [-0.25, -0.25, 0.5, 0.5]  # fingertips have flesh, too
    for _ in range(tries):
        side = int(min(height, width) * rng.uniform(0.3, 1.0))
        x, y = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
        if _greatest_cover(np.array([x, y, side, side]), taken) == 0:
            return image[y : y + side, x : x + side]
    return None


def _box(xy: np.ndarray) -> np.ndarray:
    """Return the box (4,) of a hand's keypoints."""
    middle, extent = keypoint_extent(xy)
    return np.concatenate([middle - extent / 2, extent])


def _greatest_cover(box: np.ndarray, others: np.ndarray) -> float:
    """Return the maximum intersection of a box with others, over the smaller box's area."""
    low, high = np.maximum(box[:2], others[:, :2]), box[:2] + box[2:]
    high = np.minimum(high, others[:, :2] + others[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=1)
    smaller = np.minimum(box[2:].prod(), np.maximum(others[:, 2:].prod(axis=1), 1.0))
    return float((shared / smaller).max(initial=0.0))


def _paste_small(
    rng: np.random.Generator, image: np.ndarray, drawn: DrawnHand, placement: Placement
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Draw a hand, or two touching hands, computing only the part of the image that may change."""
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(drawn.rgba[..., 3]))
    rgba = drawn.rgba[y : y + height, x : x + width]
    hands, _ = cut_off([drawn.xyz[:, :2], drawn.second[:, :2]], drawn.rgba.shape[1::-1])
    xy = np.concatenate(hands or [drawn.xyz[:, :2]]) - np.array([x, y], np.float32)
    middle, extent = keypoint_extent(xy)
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) - middle
    # The middle of the turned keypoints is another one, but no farther off than a fifth.
    reach = placement.size * (np.hypot(*corners.T).max() / extent.max() + 0.2) + 1
    centre = np.array(placement.centre)
    low = np.maximum(centre - reach, 0).astype(int)
    high = np.minimum(centre + reach + 1, image.shape[1::-1]).astype(int)
    window = np.s_[low[1] : high[1], low[0] : high[0]]
    moved = replace(placement, centre=tuple((centre - low).tolist()))
    canvas, xy = paste(image[window].astype(np.float32), rgba, xy, moved, tint=sample_tint(rng))
    result = image.copy()
    result[window] = np.clip(canvas, 0, 255)
    return result, np.split(xy + low, len(xy) // len(HAND))


def finder_batch(samples: Sequence[FinderSample]) -> tuple[np.ndarray, np.ndarray]:
    """Combine samples to a batch for `finder_targets.finder_loss`.

    Args:
        samples: Samples of the same size.

    Returns:
        Images (n, size, size, 3) uint8 RGB, and the truth (n, rows, 18), see `pack_targets`.
    """
    size = samples[0].image.shape[0]
    truth = [pack_targets(each.hands, each.boxes, size=size) for each in samples]
    return np.stack([each.image for each in samples]), np.stack(truth)
