"""A fake of the network for folders of photos, which other processes can install too.

It finds one hand in each image, whose keypoints lie at (5, value) for the value of the image's
first pixel. So each result tells which photo it is of.
"""

import os
import signal
import time
import types
from pathlib import Path

import numpy as np

from openpose_keras.cli import options
from openpose_keras.core.keypoints import Hand
from openpose_keras.io.images import write_image


class ValueEstimator:
    """The fake.

    Args:
        seconds: How long an image takes.
        kill: A file that the first process of several makes which sees the value 13: it dies.
    """

    def __init__(self, seconds=0.0, kill=None):
        self.seconds, self.kill = seconds, kill

    def estimate(self, image, **_):
        value = int(image[0, 0, 0])
        if self.kill and value == 13 and not Path(self.kill).exists():
            Path(self.kill).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.seconds)
        xy = np.tile([5.0, value], (21, 1))
        xy[3] = np.nan
        scores = np.where(np.isnan(xy[:, 0]), 0, 0.75)
        hand = Hand(xy, scores, box=(0, 0, 8, 8), side="left", presence=0.875)
        return [types.SimpleNamespace(hand=hand)]


def install(**arguments):
    """Put the fake instead of the real one, in this process."""
    options.load_estimator = lambda args: ValueEstimator(**arguments)


def write_photos(folder, count, bad=()):
    """Write tiny photos 000.png, 001.png, ... of the values 0, 1, ...; some are damaged."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = Path(folder, f"{number:03}.png")
        if number in bad:
            path.write_text("no photo")
        else:
            write_image(path, np.full((8, 8, 3), number % 256, np.uint8))
