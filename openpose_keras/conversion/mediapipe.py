"""The names of MediaPipe's layers in our networks."""

from collections.abc import Iterable

from openpose_keras.conversion.layouts import Layers

# The heads that have names in the tflite files. All other layers follow one another, in the files
# as in our networks, while a head may stand anywhere behind its input.
HEADS = {
    "classifier_palm_8_NO_PRUNING": "logits8",
    "classifier_palm_16_NO_PRUNING": "logits16",
    "regressor_palm_8_NO_PRUNING": "palms8",
    "regressor_palm_16_NO_PRUNING": "palms16",
    "classificator_8": "logits8",
    "classificator_16": "logits16",
    "regressor_8": "faces8",
    "regressor_16": "faces16",
    "conv_eyes_contours_and_brows": "contour",
    "conv_iris": "iris",
    "conv_handflag": "presence",
    "conv_handedness": "right",
    "conv_landmarks": "points",
    "conv_world_landmarks": "world",
}


def name_layers(layers: Layers, names: Iterable[str]) -> Layers:
    """Return the layers of a tflite file by the names of a network's layers.

    Args:
        layers: From `readers.tflite.read_tflite`, in the order of execution.
        names: Of the network's layers that have weights, in its order.

    Returns:
        The same arrays: heads by their names, the others in order. What the file has more than the
        network keeps its own name.
    """
    heads = {
        name: ours for name in layers for theirs, ours in HEADS.items() if theirs in name.split("/")
    }
    # A file without any of these names, face_landmark.tflite, has its heads in order too.
    others = iter(name for name in names if not heads or name not in HEADS.values())
    return {heads.get(name) or next(others, name): arrays for name, arrays in layers.items()}
