"""Sample images for measurements: one hand with known keypoints on a procedural background.

The factors that make an image difficult for a network are arguments: the size of the hand, its
angle, an occluder. The effects of a camera are in `augment`.

    samples = centered_hands(load_shipped_hands("pairs"), size=160, angle=90.0)
    print(evaluate(estimator, samples))
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import BOX_MARGIN
from openpose_keras.io.coco import LabelledHand, LabelledImage
from openpose_keras.io.images import read_image
from openpose_keras.io.sample_hands import ShippedHands
from openpose_keras.training.backgrounds import sample_background
from openpose_keras.training.hands.compose import Placement, paste
from openpose_keras.training.hands.targets import hand_size


def centered_hands(
    hands: ShippedHands,
    rows: Iterable[int] | None = None,
    *,
    size: int,
    fraction: float = 1 / BOX_MARGIN,
    angle: float | None = None,
    seed: int = 0,
) -> list[LabelledImage]:
    """Place each hand on a procedural background, in the middle of an image.

    Args:
        hands: The hands from `load_shipped_hands`.
        rows: Indices of the hands to use; None for all.
        size: Side of the images in pixels. With the default fraction, an image equals the crop of
            the hand for a network whose `box_size` is this size.
        fraction: The longer side of the keypoints' extent as a fraction of the image's side, before
            the hand is rotated.
        angle: Degrees clockwise, relative to upward fingers; None keeps the original orientation.
        seed: Seed of the backgrounds. A bare and a gloved hand of the same pose have the same
            background.

    Returns:
        An image for each hand, with its keypoints, their box and the side.

    Example:
        >>> hands = load_shipped_hands("pairs")  # doctest: +SKIP
        >>> centered_hands(hands, [0, 1], size=160)[0].image.shape  # doctest: +SKIP
        (160, 160, 3)
    """
    middle = ((size - 1) / 2, (size - 1) / 2)
    placement = Placement(middle, fraction * size, angle or 0.0, False, upright=angle is not None)
    samples = []
    for row in range(len(hands)) if rows is None else rows:
        rng = np.random.default_rng((seed, int(hands.pose[row])))
        background = sample_background(rng, [], size).astype(np.float32)
        canvas, xy = paste(background, *hands[row], placement)
        image = np.clip(np.round(canvas), 0, 255).astype(np.uint8)
        hand = LabelledHand.from_keypoints(xy, "left" if hands.left[row] else "right")
        samples.append(LabelledImage(image, (hand,)))
    return samples


def occlude(sample: LabelledImage, diameter: float, *, seed: int = 0) -> LabelledImage:
    """Draw a disc over each hand of an image; labels under the disc are kept.

    Args:
        sample: The image and its hands.
        diameter: Diameter of the disc as a fraction of the longer side of the keypoints' extent; 0
            for no disc.
        seed: Seed of the disc's surface and of its centre, which is one of the keypoints. The
            centre does not depend on the diameter.

    Returns:
        The image with the disc, and the same hands.
    """
    image = sample.image if isinstance(sample.image, np.ndarray) else read_image(sample.image)
    canvas, (height, width) = image.astype(np.float32), image.shape[:2]
    rng = np.random.default_rng(seed)
    for hand in sample.hands:
        surface = sample_background(rng, [], max(height, width))[:height, :width]
        centre = hand.xy[rng.integers(len(hand.xy))]
        y, x = np.mgrid[:height, :width]
        radius = diameter * hand_size(hand.xy) / 2
        if radius:
            inside = radius + 0.5 - np.hypot(x - centre[0], y - centre[1])
            mask = np.clip(inside, 0, 1).astype(np.float32)
            alpha = cv2.GaussianBlur(mask, (0, 0), 0.7)[..., None]
            canvas = canvas * (1 - alpha) + surface * alpha
    return replace(sample, image=np.round(canvas).astype(np.uint8))
