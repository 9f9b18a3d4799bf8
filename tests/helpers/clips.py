"""Clips of two hands of known positions, and a network that sees them.

Each hand is a square in a colour channel of its own, so that hands that overlap stay apart in the
image. The network answers with the hand whose middle is nearest to the middle of what it is shown,
as a real one does: two hands in one crop are told apart by the crop alone.
"""

import numpy as np

from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import InputSpec
from openpose_keras.estimators.views import Region
from openpose_keras.io.video import VideoFrame
from tests.helpers.fakes import gaussians, hand_layout

SIDE, SIZE = 40, (96, 240)  # of a hand, and of the frames (height, width), in pixels
LAYOUT = hand_layout()


def crossing(count=40, rate=30.0):
    """The middles (count, 2, 2) of two hands that pass each other at a varying speed."""
    time = np.linspace(0, 1, count)
    x = 50 + 140 * (3 * time**2 - 2 * time**3)
    return np.stack([np.stack([x, 40 + 0 * x], 1), np.stack([240 - x, 54 + 0 * x], 1)], 1)


def draw_hands(middles):
    """A frame (h, w, 3) with hands at positions; None for one that is not there."""
    image = np.zeros((*SIZE, 3), np.uint8)
    for channel, middle in enumerate(middles):
        if middle is not None:
            x, y = (round(value - SIDE / 2) for value in middle)
            image[max(y, 0) : y + SIDE, max(x, 0) : x + SIDE, channel] = 255
    return image


def clip(positions, rate=30.0):
    """The frames of hands at positions."""
    return [VideoFrame(draw_hands(each), n, n / rate) for n, each in enumerate(positions)]


def squares(image):
    """The middle and the side of the square in each channel that has one."""
    for channel in (0, 1):
        y, x = np.nonzero(image[..., channel] > 64)
        if len(x):
            sides = np.ptp(x) + 1, np.ptp(y) + 1
            yield np.array([np.mean([x.min(), x.max()]), np.mean([y.min(), y.max()])]), max(sides)


class SquareNetwork:
    """Answers with the keypoints of the nearest square; counts the images it has seen."""

    def __init__(self, interrupt_at=None):
        self.images, self.searches, self.interrupt_at = 0, 0, interrupt_at

    def __call__(self, batch):
        answers = [self._answer((image + 0.5) * 256) for image in batch]
        return {
            name: np.stack([answer[name] for answer in answers]).astype(np.float32)
            for name in ("keypoints", "presence", "right")
        }

    def _answer(self, image):
        self.images += 1
        if self.images == self.interrupt_at:
            raise KeyboardInterrupt
        rows, columns = (side // 4 for side in image.shape[:2])
        away = [(np.linalg.norm(each[0] - image.shape[1] / 2), each) for each in squares(image)]
        maps = np.zeros((rows, columns, 22))
        if away:
            _, (middle, side) = min(away, key=lambda each: each[0])
            xy = middle + (LAYOUT - 0.5) * side
            maps[..., :21] = gaussians((xy - 1.5) / 4, (rows, columns))
        return {"keypoints": maps, "presence": [float(bool(away))], "right": [0.9]}

    def search(self, image):
        """Find the squares of a whole image."""
        self.searches += 1
        boxes = [
            (*(middle - side * 0.8), side * 1.6, side * 1.6) for middle, side in squares(image)
        ]
        return [Region(tuple(map(float, box))) for box in boxes]


def square_estimator(**options):
    """An estimator of the hands of such clips."""
    network = SquareNetwork(**options)
    spec = InputSpec(box_size=96, stride=4, sides="both")
    return HandEstimator(network, recipe="openpose", spec=spec, search=network.search)
