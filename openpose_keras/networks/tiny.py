"""`body_tiny`, a body network small enough to be trained in a minute."""

from typing import TYPE_CHECKING, Any

from openpose_keras.core.skeletons import BODY_MPI
from openpose_keras.networks._backend import import_keras
from openpose_keras.networks.layers import HEAD, concatenate, conv, depthwise

if TYPE_CHECKING:
    import keras

# (kernel, stride, filters) of each convolution before the stages.
_TRUNK = ((5, 2, 8), (3, 2, 16), (3, 2, 24), (3, 1, 32))
_FILTERS, _KERNEL = 32, 5  # of each later stage


def body_tiny(*, all_stages: bool = False) -> "keras.Model":
    """Build a network like OpenPose's for MPI's 15 keypoints, with 19,544 parameters.

    A few convolutions give features at stride 8. The first stage predicts maps from them cell by
    cell; the second stage sees these maps and the features around each cell.

    Args:
        all_stages: Whether to return the maps of both stages, instead of only the last stage's.

    Returns:
        A `keras.Model` named "body_tiny" with random weights. Input (n, h, w, 3) RGB in [-0.5,
        0.5], any h and w; output a dictionary of `keypoints` (n, ceil(h / 8), ceil(w / 8), 16) and
        `affinity` (..., 28), or a list of two such.
    """
    keras = import_keras()

    channels = {"affinity": 2 * len(BODY_MPI.limbs), "keypoints": len(BODY_MPI) + 1}
    image = keras.Input((None, None, 3), name="image")
    features = image
    for index, (kernel, stride, filters) in enumerate(_TRUNK, start=1):
        features = conv(features, f"conv{index}", filters, kernel, strides=stride)
    x, maps = features, list[Any]()
    for stage in (1, 2):
        if maps:
            x = concatenate([*maps[-1].values(), features], f"concat_stage{stage}")
            x = depthwise(x, f"around_stage{stage}", _KERNEL)
            x = conv(x, f"mixed_stage{stage}", _FILTERS, 1)
        maps.append(
            {
                kind: conv(x, f"{kind}_stage{stage}", count, 1, **HEAD)
                for kind, count in channels.items()
            }
        )
    return keras.Model(image, maps if all_stages else maps[-1], name="body_tiny")
