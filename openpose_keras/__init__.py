"""OpenPose's keypoint networks in Keras 3: from a photo to keypoints, step by step.

    from openpose_keras import HandEstimator, draw_hands, read_image

    image = read_image("hand.jpg")                      # (H, W, 3) uint8 RGB
    estimator = HandEstimator.from_preset("hand_lite")  # ships with the package
    hands = estimator(image)                            # list[Hand]
    canvas = draw_hands(image, hands)

`WholeBodyEstimator` finds whole people, list[Person], and `draw` draws them. `video.process`
follows them through a video, `photos.process` goes through a folder.

Names are imported when they are first used, and Keras when a network is first built.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from openpose_keras.core.version import __version__ as __version__

if TYPE_CHECKING:
    from openpose_keras.core.keypoints import Body, Face, Hand, Person
    from openpose_keras.estimators import photos, video
    from openpose_keras.estimators.body import BodyEstimator
    from openpose_keras.estimators.face import FaceEstimator
    from openpose_keras.estimators.hand import HandEstimator
    from openpose_keras.estimators.recipes import BODY_RECIPES, RECIPES, BodyRecipe, Recipe
    from openpose_keras.estimators.whole_body import WholeBodyEstimator
    from openpose_keras.io.images import as_image, read_image, write_image
    from openpose_keras.io.keypoint_tables import to_dataframe, to_supervision
    from openpose_keras.io.openpose_json import (
        read_openpose,
        read_people,
        write_openpose,
        write_people,
    )
    from openpose_keras.networks.presets import PRESETS
    from openpose_keras.viz.drawing import draw, draw_hands, draw_heatmaps
    from openpose_keras.viz.explorer import explore
    from openpose_keras.viz.figures import plot

_HOMES = {
    "core.keypoints": ("Body", "Face", "Hand", "Person"),
    "estimators.body": ("BodyEstimator",),
    "estimators.face": ("FaceEstimator",),
    "estimators.hand": ("HandEstimator",),
    "estimators.photos": ("photos",),  # the module itself
    "estimators.recipes": ("BODY_RECIPES", "RECIPES", "BodyRecipe", "Recipe"),
    "estimators.video": ("video",),  # the module too
    "estimators.whole_body": ("WholeBodyEstimator",),
    "io.images": ("as_image", "read_image", "write_image"),
    "io.keypoint_tables": ("to_dataframe", "to_supervision"),
    "io.openpose_json": ("read_openpose", "read_people", "write_openpose", "write_people"),
    "networks.presets": ("PRESETS",),
    "viz.drawing": ("draw", "draw_hands", "draw_heatmaps"),
    "viz.explorer": ("explore",),
    "viz.figures": ("plot",),
}

__all__ = [
    "BODY_RECIPES",
    "PRESETS",
    "RECIPES",
    "Body",
    "BodyEstimator",
    "BodyRecipe",
    "Face",
    "FaceEstimator",
    "Hand",
    "HandEstimator",
    "Person",
    "Recipe",
    "WholeBodyEstimator",
    "as_image",
    "draw",
    "draw_hands",
    "draw_heatmaps",
    "explore",
    "photos",
    "plot",
    "read_image",
    "read_openpose",
    "read_people",
    "to_dataframe",
    "to_supervision",
    "video",
    "write_image",
    "write_openpose",
    "write_people",
]


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first used."""
    for home, names in _HOMES.items():
        if name in names:
            module = import_module(f"{__name__}.{home}")
            globals()[name] = module if home.endswith(f".{name}") else getattr(module, name)
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, imported or not, and no others."""
    return sorted([*__all__, "__version__"])
