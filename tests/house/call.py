"""What one call of the hand estimator costs, counted on the photo that ships."""

import sys
from collections.abc import Callable
from types import FrameType

import numpy as np

from openpose_keras import HandEstimator, read_image
from openpose_keras.engines.keras import as_engine
from openpose_keras.io.images import check_image
from openpose_keras.networks.presets import input_spec, load_network
from tests.helpers import ROOT

PHOTO = ROOT / "notebooks" / "images" / "hands.jpg"  # two hands


def count_calls(function: Callable, action: Callable[[], object]) -> int:
    """Return how often a Python function is called while an action runs in this thread."""
    count = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_code is function.__code__

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count


def count_one_call() -> tuple[int, int]:
    """Search the photo; return the images that went through the network, and the image checks."""
    network, sizes = as_engine(load_network("hand_lite")), []

    def engine(batch: np.ndarray) -> object:
        sizes.append(len(batch))
        return network(batch)

    estimator, image = HandEstimator(engine, spec=input_spec("hand_lite")), read_image(PHOTO)
    checks = count_calls(check_image, lambda: estimator(image))
    return sum(sizes), checks
