"""The names of MediaPipe's layers in our networks."""

from collections.abc import Iterable

from openpose_keras.conversion.layouts import Layers

# The heads by their names in the tflite files. All other layers follow one another, in the files as
# in our networks, while a head may stand anywhere behind its input.
HEADS = {
    "classifier_palm_8_NO_PRUNING": "logits8",
    "classifier_palm_16_NO_PRUNING": "logits16",
    "regressor_palm_8_NO_PRUNING": "palms8",
    "regressor_palm_16_NO_PRUNING": "palms16",
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
    others = iter(name for name in names if name not in HEADS.values())
    named = {}
    for name, arrays in layers.items():
        head = next((ours for theirs, ours in HEADS.items() if f"/{theirs}/" in name), None)
        named[head or next(others, name)] = arrays
    return named
