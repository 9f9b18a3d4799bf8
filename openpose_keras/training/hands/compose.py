"""Compose training samples: hands over backgrounds, with data augmentation and occluders.

There are three kinds of sample. A *centered* sample shows a crop around a hand's box: the target is
the hand in the middle, whatever else is visible. A *scene* has one to three smaller hands anywhere,
all of which are targets of the heatmaps, as in the search for hands. A *negative* sample has no
hand: the target heatmaps are empty, and no hand is present.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.estimators.views import upright_angle
from openpose_keras.training.augment import augment_photometric, sample_tint
from openpose_keras.training.backgrounds import (
    procedural_background,
    random_crop,
    sample_background,
)
from openpose_keras.training.hands.render_cache import DrawnHand
from openpose_keras.training.hands.targets import hand_size

Source = Callable[[np.random.Generator], DrawnHand]
"""A function that draws a random hand."""

Surroundings = Callable[[np.random.Generator, int], np.ndarray]
"""A function that draws a part of a photo without a hand, (size, size, 3) uint8 RGB."""

KINDS = {"centered": 0.72, "scene": 0.06, "negative": 0.22}
MOST_HANDS = 3  # of a sample
_SURROUNDINGS = {"centered": 0.3, "scene": 0.3, "negative": 0.8}  # how often one has them
_CENTERED_SIZE = 0.55  # of the sample's side that a hand takes, in the middle of their sizes
_UPRIGHT_FRACTION = 0.8  # of the centered samples: what the estimator's upright pass sees
_UPRIGHT_SPREAD = 20.0  # degrees by which the pass before may be wrong


def add_occluder(
    rng: np.random.Generator, canvas: np.ndarray, xy: np.ndarray, backgrounds: list[np.ndarray]
) -> np.ndarray:
    """Draw an ellipse or a rectangle over a part of a hand.

    Args:
        rng: The random generator.
        canvas: (size, size, 3) float32 RGB.
        xy: (21, 2) keypoints of the hand, or NaN; the occluder lies near one of them.
        backgrounds: Images for the occluder's surface; without any it is procedural.

    Returns:
        A new canvas.
    """
    size, reach = canvas.shape[0], hand_size(xy)
    known = xy[np.isfinite(xy).all(axis=1)]
    centre = known[rng.integers(len(known))] + rng.normal(0, 0.15 * reach, 2)
    axes = 2 * (reach * rng.uniform(0.06, 0.3, 2) * (1, rng.uniform(1, 2.5)))
    rectangle = (centre.tolist(), axes.tolist(), rng.uniform(0, 180))
    mask = np.zeros((size, size), np.float32)
    if rng.random() < 0.5:
        cv2.ellipse(mask, rectangle, 1.0, -1)
    else:
        corners = np.round(cv2.boxPoints(rectangle)).astype(np.int32)
        cv2.fillConvexPoly(mask, corners, 1.0)
    alpha = cv2.GaussianBlur(mask, (0, 0), 0.7)[..., None]
    if backgrounds and rng.random() < 0.6:
        surface = random_crop(rng, backgrounds, size)
    else:
        surface = procedural_background(rng, size)
    return canvas * (1 - alpha) + surface * alpha


def add_image_border(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Fill an image beyond one or two lines, like a crop that extends beyond the border of a photo.

    Args:
        rng: The random generator.
        image: (size, size, 3) uint8 RGB.

    Returns:
        A new image, black or sometimes grey beyond the lines. The lines do not come near its
        centre.
    """
    size = image.shape[0]
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    angle = rng.uniform(0, 2 * np.pi)
    beyond = np.zeros((size, size), bool)
    for corner in range(1 + int(rng.random() < 0.4)):  # a photo's edges meet at right angles
        across = x * np.cos(angle + corner * np.pi / 2) + y * np.sin(angle + corner * np.pi / 2)
        beyond |= across > rng.uniform(0.2, 0.6) * size
    return np.where(beyond[..., None], np.uint8(0 if rng.random() < 0.8 else 128), image)


@dataclass(frozen=True, eq=False)
class Sample:
    """A network input and its targets.

    Args:
        image: (size, size, 3) uint8 RGB.
        hands: Keypoints (21, 3) of each target hand, as `DrawnHand.xyz`, in pixels of the image.
        presence: 1.0 if the only hand is the one in the middle, 0.0 if there is no hand, NaN if
            hands may be anywhere.
        right: 1.0 if the hand in the middle is a right one, 0.0 for a left one, NaN if unknown.
    """

    image: np.ndarray
    hands: list[np.ndarray]
    presence: float = math.nan
    right: float = math.nan


@dataclass(frozen=True, eq=False)
class Placement:
    """The placement of a hand in a sample.

    Args:
        centre: (x, y) of the middle of its keypoints' extent, in pixels of the sample.
        size: Longer side of its keypoints' extent in pixels, before it is rotated.
        angle: Rotation in degrees, clockwise.
        mirrored: Whether left and right are exchanged.
        upright: Whether the angle is relative to upward fingers instead of the hand's original
            orientation.
    """

    centre: tuple[float, float]
    size: float
    angle: float
    mirrored: bool
    upright: bool = False


@dataclass(frozen=True, eq=False)
class Composer:
    """Draws samples from hands and backgrounds.

    Args:
        sources: Functions that draw hands, each with its weight.
        backgrounds: Images (h, w, 3) uint8 RGB from which backgrounds are cropped. Without any, all
            backgrounds are procedural.
        size: Side of a sample in pixels.
        surroundings: A function that draws parts of photos with people and rooms but no hand, or
            None.
        negatives: Fraction of the samples that show no hand.
    """

    sources: list[tuple[Source, float]]
    backgrounds: list[np.ndarray]
    size: int
    surroundings: Surroundings | None = None
    negatives: float = KINDS["negative"]

    def __call__(self, rng: np.random.Generator, *, kind: str | None = None) -> Sample:
        """Draw a sample. The same state of the generator gives the same pixels.

        Args:
            rng: The random generator.
            kind: "centered", "scene" or "negative"; None draws the kind.

        Returns:
            The sample.
        """
        kind = kind or self._draw_kind(rng)
        sources, weights = zip(*self.sources, strict=True)
        canvas = self._behind(rng, kind).astype(np.float32)
        hands, right = [], math.nan
        for placement, is_wanted in _sample_placements(rng, kind, self.size):
            drawn = sources[rng.choice(len(sources), p=np.array(weights) / sum(weights))](rng)
            canvas, xyz = paste(canvas, drawn.rgba, drawn.xyz, placement, tint=sample_tint(rng))
            if is_wanted:
                hands.append(xyz)
                right = 1 - drawn.right if placement.mirrored else drawn.right
        if hands and rng.random() < 0.25:
            canvas = add_occluder(rng, canvas, hands[-1][:, :2], self.backgrounds)
        image = augment_photometric(rng, np.clip(canvas, 0, 255).astype(np.uint8))
        if kind != "scene" and rng.random() < 0.3:
            image = add_image_border(rng, image)
        presence = {"centered": 1.0, "negative": 0.0}.get(kind, math.nan)
        return Sample(image, hands, presence, right if kind == "centered" else math.nan)

    def _draw_kind(self, rng: np.random.Generator) -> str:
        """Draw a kind; the kinds with hands keep their relative frequencies."""
        rest = (1 - self.negatives) / (1 - KINDS["negative"])
        shares = {
            **{kind: share * rest for kind, share in KINDS.items()},
            "negative": self.negatives,
        }
        return str(rng.choice(list(shares), p=list(shares.values())))

    def _behind(self, rng: np.random.Generator, kind: str) -> np.ndarray:
        """Draw the image behind the hands: a part of a photo with people, or a background."""
        if self.surroundings and rng.random() < _SURROUNDINGS[kind]:
            return self.surroundings(rng, self.size)
        return sample_background(rng, self.backgrounds, self.size)


def _sample_placements(
    rng: np.random.Generator, kind: str, size: int
) -> list[tuple[Placement, bool]]:
    """Draw the placements of hands, from back to front, and which of them are targets."""
    if kind == "negative":
        return []
    if kind == "scene":
        count = rng.choice(3, p=(0.5, 0.3, 0.2)) + 1
        return [(_sample_scene_placement(rng, size), True) for _ in range(count)]
    middle = (size - 1) / 2
    fraction = float(np.clip(_CENTERED_SIZE * np.exp(rng.normal(0, 0.2)), 0.33, 0.95))
    x, y = middle + rng.normal(0, 0.05, 2).clip(-0.15, 0.15) * size
    main = Placement((x, y), fraction * size, *_sample_orientation(rng))
    if rng.random() < _UPRIGHT_FRACTION:
        main = replace(main, angle=float(rng.normal(0, _UPRIGHT_SPREAD)), upright=True)
    if rng.random() > 0.12:
        return [(main, True)]
    direction, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 0.75) * size
    centre = (middle + reach * np.cos(direction), middle + reach * np.sin(direction))
    other = Placement(centre, rng.uniform(0.3, 0.8) * size, *_sample_orientation(rng))
    return [(other, False), (main, True)]


def _sample_scene_placement(rng: np.random.Generator, size: int) -> Placement:
    """Place a smaller hand so that its centre lies well inside the sample."""
    length = float(np.exp(rng.uniform(np.log(0.13), np.log(0.6)))) * size
    low = min(0.4 * length, 0.4 * size)
    x, y = rng.uniform(low, size - low, 2)
    return Placement((x, y), length, *_sample_orientation(rng))


def _sample_orientation(rng: np.random.Generator) -> tuple[float, bool]:
    """Draw an angle from a uniform distribution, and whether the hand is mirrored."""
    return float(rng.uniform(-180, 180)), bool(rng.random() < 0.5)


def paste(
    canvas: np.ndarray,
    rgba: np.ndarray,
    xyz: np.ndarray,
    placement: Placement,
    *,
    tint: np.ndarray | float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Composite a hand over a canvas.

    Args:
        canvas: (h, w, 3) float32 RGB in [0, 255].
        rgba: (h, w, 4) uint8, RGB not multiplied by alpha.
        xyz: (21, 2 or 3) keypoints in pixels of `rgba`; the third number is their relative depth.
            NaN where there is no label.
        placement: The placement of the hand.
        tint: Factors of RGB for the hand.

    Returns:
        A new canvas, and the keypoints in its pixels.
    """
    # The colour under a clear pixel must not bleed into the edge: multiply by alpha first.
    layer = cv2.cvtColor(rgba, cv2.COLOR_RGBA2mRGBA)
    xy, depth = xyz[:, :2], xyz[:, 2:] * (placement.size / hand_size(xyz[:, :2]))
    scale = placement.size / hand_size(xy)
    if scale < 0.7:  # shrink with areas first: a warp alone would skip pixels
        factor = max(scale, 0.05) * 1.2
        shape = np.maximum(1, np.round(np.array(rgba.shape[1::-1]) * factor)).astype(int)
        xy = (xy + 0.5) * (shape / rgba.shape[1::-1]) - 0.5
        layer = cv2.resize(layer, shape.tolist(), interpolation=cv2.INTER_AREA)
        scale = placement.size / hand_size(xy)
    matrix = _matrix(xy, scale, placement)
    layer = cv2.warpAffine(layer, matrix, canvas.shape[1::-1], flags=cv2.INTER_LINEAR)
    alpha = cv2.merge([layer[..., 3]] * 3)
    behind = cv2.multiply(canvas, 255 - alpha, scale=1 / 255, dtype=cv2.CV_32F)
    factors = np.append(np.broadcast_to(np.asarray(tint, float), 3), 1.0)
    lit = cv2.min(cv2.multiply(layer[..., :3], factors), alpha)
    moved = xy @ matrix[:, :2].T + matrix[:, 2]
    return cv2.add(behind, lit, dtype=cv2.CV_32F), np.hstack([moved, depth]).astype(np.float32)


def _matrix(xy: np.ndarray, scale: float, placement: Placement) -> np.ndarray:
    """Return the (2, 3) affine transform that rotates and scales keypoints and centres them."""
    flip = np.diag([-1.0 if placement.mirrored else 1.0, 1.0])
    angle = np.deg2rad(placement.angle)
    if placement.upright:
        angle += upright_angle(xy @ flip)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * rotation @ flip
    middle, _ = keypoint_extent(xy @ linear.T)
    return np.column_stack([linear, np.asarray(placement.centre) - middle])
