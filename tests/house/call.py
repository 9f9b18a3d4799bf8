"""What one call of the hand estimator costs, counted on the photo that ships."""

import sys
from collections.abc import Callable
from types import FrameType

import numpy as np

from openpose_keras import HandEstimator, read_image
from openpose_keras.engines.keras import as_engine
from openpose_keras.estimators.recipes import InputSpec
from openpose_keras.io.images import check_image
from openpose_keras.networks.presets import input_spec, load_network
from tests.helpers import ROOT

PHOTO = ROOT / "notebooks" / "images" / "hands.jpg"  # two hands


class CountingEngine:
    """An engine that counts the images that go through another.

    Args:
        engine: The other: a function of images (n, h, w, 3), or a Keras model.
    """

    def __init__(self, engine: Callable[[np.ndarray], object]) -> None:
        """Begin at 0."""
        self.engine = as_engine(engine)
        self.images = 0

    def __call__(self, batch: np.ndarray) -> object:
        """Return what the other engine returns."""
        self.images += len(batch)
        return self.engine(batch)


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


def count_one_call(
    engine: Callable[[np.ndarray], object] | None = None, spec: InputSpec | None = None
) -> tuple[int, int]:
    """Search the photo that ships for hands, once.

    Args:
        engine: The network; by default that of `hand_lite`.
        spec: Its input; by default that of `hand_lite`.

    Returns:
        The images that went through the network, and the calls of `check_image`.
    """
    counting = CountingEngine(engine or load_network("hand_lite"))
    estimator = HandEstimator(counting, spec=spec or input_spec("hand_lite"))
    image = read_image(PHOTO)
    checks = count_calls(check_image, lambda: estimator(image))
    return counting.images, checks
