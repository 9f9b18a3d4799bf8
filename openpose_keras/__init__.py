"""OpenPose's keypoint networks in Keras 3: from a photo to hand keypoints, step by step.

    from openpose_keras import HandEstimator, draw_hands, read_image

    image = read_image("hand.jpg")                      # (H, W, 3) uint8 RGB
    estimator = HandEstimator.from_preset("hand_lite")  # ships with the package
    hands = estimator(image)                            # list[Hand]
    canvas = draw_hands(image, hands)

Names are imported when they are first used, and Keras when a network is first built.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpose_keras.drawing import draw_hands, draw_heatmaps
    from openpose_keras.estimator import HandEstimator
    from openpose_keras.explorer import explore
    from openpose_keras.formats import read_openpose, write_openpose
    from openpose_keras.keypoints import Hand
    from openpose_keras.preprocessing import read_image, write_image
    from openpose_keras.presets import PRESETS
    from openpose_keras.recipes import RECIPES, Recipe

__version__ = "0.1.0"

_HOMES = {
    "Hand": "keypoints",
    "HandEstimator": "estimator",
    "PRESETS": "presets",
    "RECIPES": "recipes",
    "Recipe": "recipes",
    "draw_hands": "drawing",
    "draw_heatmaps": "drawing",
    "explore": "explorer",
    "read_image": "preprocessing",
    "read_openpose": "formats",
    "write_image": "preprocessing",
    "write_openpose": "formats",
}

__all__ = [
    "PRESETS",
    "RECIPES",
    "Hand",
    "HandEstimator",
    "Recipe",
    "draw_hands",
    "draw_heatmaps",
    "explore",
    "read_image",
    "read_openpose",
    "write_image",
    "write_openpose",
]


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
