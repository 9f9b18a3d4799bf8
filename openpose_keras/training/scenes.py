"""Compose training samples: hands before grounds, turned, lit, blurred, covered.

Three kinds of sample teach three things. A *portrait* is what a hand's box shows: one hand in the
middle is the one to find, whatever else is there. A *scene* holds one to three smaller hands
anywhere, all to be found: what the search for hands sees. An *empty* sample has no hand and teaches
silence.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import BOX_MARGIN
from openpose_keras.estimators.upright import upright_angle
from openpose_keras.training import augment
from openpose_keras.training import backgrounds as grounds
from openpose_keras.training.target_heatmaps import hand_size

Source = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""What gives a hand: (h, w, 4) uint8 RGBA and its keypoints (21, 2) in pixels of it, or NaN."""

KINDS = {"portrait": 0.76, "scene": 0.18, "empty": 0.06}
_UPRIGHT_SHARE = 0.5  # of the portraits: what `recipes.Recipe.upright` shows at its second look
_UPRIGHT_SPREAD = 20.0  # degrees by which the first look may be wrong


@dataclass(frozen=True, eq=False)
class Sample:
    """A network input and what is to be found in it.

    Attributes:
        image: (size, size, 3) uint8 RGB.
        hands: keypoints (21, 2) of each hand to be found, in pixels of the image, or NaN.
    """

    image: np.ndarray
    hands: list[np.ndarray]


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a hand goes: its middle, its size, how it is turned.

    Attributes:
        centre: (x, y) of the middle of its keypoints' box, in pixels of the sample.
        size: longer side of its keypoints' box in pixels, before it is turned.
        turn: angle in degrees.
        mirrored: whether left and right are exchanged.
        upright: whether the angle counts from where the fingers point up, not from how the hand
            came.
    """

    centre: tuple[float, float]
    size: float
    turn: float
    mirrored: bool
    upright: bool = False


class Composer:
    """Draws samples from hands and grounds.

    Args:
        sources: what gives hands, each with its weight.
        backgrounds: pictures to stand behind, (h, w, 3) uint8 RGB; without, grounds are made up.
        size: side of a sample in pixels.
    """

    def __init__(
        self,
        sources: list[tuple[Source, float]],
        backgrounds: list[np.ndarray],
        *,
        size: int,
    ) -> None:
        """Keep the sources and their weights."""
        self._sources = [source for source, _ in sources]
        weights = np.array([weight for _, weight in sources], float)
        self._weights = weights / weights.sum()
        self._backgrounds = backgrounds
        self._size = size

    def __call__(self, rng: np.random.Generator, *, kind: str | None = None) -> Sample:
        """Draw a sample; the same generator state gives the same pixels.

        Args:
            rng: source of chance.
            kind: "portrait", "scene", "empty", or None to draw one.

        Returns:
            The sample.
        """
        kind = kind or str(rng.choice(list(KINDS), p=list(KINDS.values())))
        canvas = grounds.sample_ground(rng, self._backgrounds, self._size).astype(np.float32)
        placements, wanted = _place(rng, kind, self._size)
        hands = []
        for placement, is_wanted in zip(placements, wanted, strict=True):
            source = self._sources[rng.choice(len(self._sources), p=self._weights)]
            rgba, xy = source(rng)
            tint = augment.sample_tint(rng)
            canvas, placed = paste(canvas, rgba, xy, placement, tint=tint)
            if is_wanted:
                hands.append(placed)
        if hands and rng.random() < 0.25:
            canvas = grounds.cover(rng, canvas, hands[-1], self._backgrounds)
        image = augment.develop(rng, np.clip(canvas, 0, 255).astype(np.uint8))
        if kind == "portrait" and rng.random() < 0.3:
            image = grounds.cut_off(rng, image)
        return Sample(image, hands)


def _place(rng: np.random.Generator, kind: str, size: int) -> tuple[list[Placement], list[bool]]:
    """Draw where hands go, back to front, and which of them are to be found."""
    if kind == "empty":
        return [], []
    if kind == "scene":
        spots = [_anywhere(rng, size) for _ in range(rng.choice(3, p=(0.5, 0.3, 0.2)) + 1)]
        return spots, [True] * len(spots)
    middle = (size - 1) / 2
    share = float(np.clip(np.exp(rng.normal(np.log(1 / BOX_MARGIN), 0.22)), 0.35, 0.95))
    shift = rng.normal(0, 0.05, 2).clip(-0.15, 0.15) * size
    main = Placement(tuple(middle + shift), share * size, *_turn(rng))
    if rng.random() < _UPRIGHT_SHARE:
        main = replace(main, turn=float(rng.normal(0, _UPRIGHT_SPREAD)), upright=True)
    if rng.random() > 0.12:
        return [main], [True]
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 0.75) * size
    beside = (middle + reach * np.cos(angle), middle + reach * np.sin(angle))
    return [Placement(beside, rng.uniform(0.3, 0.8) * size, *_turn(rng)), main], [False, True]


def _anywhere(rng: np.random.Generator, size: int) -> Placement:
    """Place a smaller hand whose middle lies well inside the sample."""
    length = float(np.exp(rng.uniform(np.log(0.13), np.log(0.6)))) * size
    low = min(0.4 * length, 0.4 * size)
    return Placement(tuple(rng.uniform(low, size - low, 2)), length, *_turn(rng))


def _turn(rng: np.random.Generator) -> tuple[float, bool]:
    """Draw an angle, most of all any, and a side."""
    return float(rng.uniform(-180, 180)), bool(rng.random() < 0.5)


def paste(
    canvas: np.ndarray,
    rgba: np.ndarray,
    xy: np.ndarray,
    placement: Placement,
    *,
    tint: np.ndarray | float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Lay a hand over a canvas.

    Args:
        canvas: (h, w, 3) float32 RGB in [0, 255].
        rgba: (h, w, 4) uint8, RGB not multiplied by alpha.
        xy: (21, 2) keypoints in pixels of `rgba`; NaN where there is no label.
        placement: where the hand goes.
        tint: factors of RGB for the hand.

    Returns:
        A new canvas, and the keypoints in its pixels.
    """
    layer = _multiply_by_alpha(rgba)
    scale = placement.size / hand_size(xy)
    if scale < 0.7:  # shrink with areas first: a warp alone would skip pixels
        factor = max(scale, 0.05) * 1.2
        shape = np.maximum(1, np.round(np.array(rgba.shape[1::-1]) * factor)).astype(int)
        xy = (xy + 0.5) * (shape / rgba.shape[1::-1]) - 0.5
        layer = cv2.resize(layer, shape.tolist(), interpolation=cv2.INTER_AREA)
        scale = placement.size / hand_size(xy)
    matrix = _matrix(xy, scale, placement)
    layer = cv2.warpAffine(layer, matrix, canvas.shape[1::-1], flags=cv2.INTER_LINEAR)
    alpha = layer[..., 3:] / np.float32(255)
    lit = np.clip(layer[..., :3] * np.asarray(tint, np.float32), 0, 255 * alpha)
    moved = xy @ matrix[:, :2].T + matrix[:, 2]
    return canvas * (1 - alpha) + lit, moved.astype(np.float32)


def _multiply_by_alpha(rgba: np.ndarray) -> np.ndarray:
    """Weigh colours by alpha: the colour under a clear pixel must not bleed into the edge."""
    weighed = cv2.multiply(rgba[..., :3], cv2.merge([rgba[..., 3]] * 3), scale=1 / 255)
    return np.dstack([weighed, rgba[..., 3]])


def _matrix(xy: np.ndarray, scale: float, placement: Placement) -> np.ndarray:
    """Build the (2, 3) affine map that turns the keypoints and moves their middle to the centre."""
    flip = np.diag([-1.0 if placement.mirrored else 1.0, 1.0])
    angle = np.deg2rad(placement.turn)
    if placement.upright:
        angle += upright_angle(xy @ flip)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = scale * turn @ flip
    turned = xy @ turn.T
    middle = (np.nanmin(turned, axis=0) + np.nanmax(turned, axis=0)) / 2
    return np.column_stack([turn, np.asarray(placement.centre) - middle])
