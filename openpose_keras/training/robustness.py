"""Portraits of shipped hands to measure on: one hand, a made-up ground, known keypoints.

What stands in the way of a network is an argument: the size of the hand, its turn, a thing before
it. What a camera does to the picture is in `photometry`.

    samples = portraits(load_shipped_hands("pairs"), size=160, turn=90.0)
    print(evaluate(estimator, samples))
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import BOX_MARGIN
from openpose_keras.io.coco import LabelledHand, LabelledImage
from openpose_keras.io.sample_hands import ShippedHands
from openpose_keras.training import backgrounds, scenes
from openpose_keras.training.target_heatmaps import hand_size


def portraits(
    hands: ShippedHands,
    rows: Iterable[int] | None = None,
    *,
    size: int,
    share: float = 1 / BOX_MARGIN,
    turn: float | None = None,
    seed: int = 0,
) -> list[LabelledImage]:
    """Put hands before made-up grounds, one in the middle of each picture.

    Args:
        hands: see `load_shipped_hands`.
        rows: which of them; None for all.
        size: side of the pictures in pixels. With the default share the picture is what a network
            with a `box_size` of so many pixels is shown of the hand.
        share: of that side that the longer side of the keypoints' box takes, before a turn.
        turn: degrees clockwise from a hand whose fingers point up; None leaves it as it came, in
            any direction.
        seed: of the grounds. Hands of one pose, bare and gloved, stand before the same ground.

    Returns:
        A picture a hand, with its keypoints, their box and the side.

    Example:
        >>> hands = load_shipped_hands("pairs")  # doctest: +SKIP
        >>> portraits(hands, [0, 1], size=160)[0].image.shape  # doctest: +SKIP
        (160, 160, 3)
    """
    rows = range(len(hands)) if rows is None else rows
    middle = ((size - 1) / 2, (size - 1) / 2)
    spot = scenes.Placement(middle, share * size, turn or 0.0, False, upright=turn is not None)
    samples = []
    for row in rows:
        rng = np.random.default_rng((seed, int(hands.pose[row])))
        ground = backgrounds.sample_ground(rng, [], size).astype(np.float32)
        canvas, xy = scenes.paste(ground, *hands[row], spot)
        image = np.clip(np.round(canvas), 0, 255).astype(np.uint8)
        hand = LabelledHand.from_keypoints(xy, "left" if hands.left[row] else "right")
        samples.append(LabelledImage(image, (hand,)))
    return samples


def occlude(sample: LabelledImage, diameter: float, *, seed: int = 0) -> LabelledImage:
    """Lay a disc over each hand of a picture; the labels stay, also those under it.

    Args:
        sample: with its picture as an array.
        diameter: of the disc, as a share of the longer side of the keypoints' box; 0 for none.
        seed: of the disc's middle, one of the keypoints, and its surface. A larger disc of the same
            seed lies about the same middle.

    Returns:
        The picture with the disc, and the same hands.
    """
    canvas = sample.image.astype(np.float32)
    rng = np.random.default_rng(seed)
    for hand in sample.hands:
        surface = backgrounds.sample_ground(rng, [], max(canvas.shape[:2]))
        centre = hand.xy[rng.integers(len(hand.xy))]
        y, x = np.mgrid[: canvas.shape[0], : canvas.shape[1]]
        radius = diameter * hand_size(hand.xy) / 2
        if radius:
            inside = radius + 0.5 - np.hypot(x - centre[0], y - centre[1])
            mask = cv2.GaussianBlur(np.clip(inside, 0, 1).astype(np.float32), (0, 0), 0.7)[
                ..., None
            ]
            canvas = canvas * (1 - mask) + surface[: len(canvas), : canvas.shape[1]] * mask
    return replace(sample, image=np.round(canvas).astype(np.uint8))
