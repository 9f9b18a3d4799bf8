"""Start hand_lite's backbone from MediaPipe's hand landmark network.

The file is hand_landmark_full.tflite (Apache-2.0, Google; npm package @mediapipe/hands
0.4.1675469240). Its stem and first 15 blocks are those of `networks.LITE_BLOCKS`, with
normalisation folded in, so its weights go over layer by layer.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from openpose_keras.conversion.convert import load_converted
from openpose_keras.core.errors import WeightsError

if TYPE_CHECKING:
    import keras

SOURCE = "hand_landmark_full.tflite of the npm package @mediapipe/hands 0.4.1675469240"


def backbone_layers(network: "keras.Model") -> list["keras.layers.Layer"]:
    """Return the layers of hand_lite that MediaPipe's network has too, in its order."""
    layers = [layer for layer in network.layers if layer.name.startswith(("stem", "block"))]
    return [layer for layer in layers if layer.weights]


def load_mediapipe_backbone(network: "keras.Model", path: str | Path) -> None:
    """Load MediaPipe's weights into the backbone of `networks.hand_lite()`, in place.

    Args:
        network: A network of `networks.hand_lite()`.
        path: The tflite file.

    Raises:
        WeightsError: The file is missing, damaged, or of another network.
    """
    try:
        teacher, _ = load_converted(path)
    except WeightsError as error:
        raise WeightsError(f"{error}: expected {SOURCE}") from error
    if teacher.name != "mediapipe_hand":
        raise WeightsError(f"expected {SOURCE}, got {path} with weights of {teacher.name}")
    for layer in backbone_layers(network):
        layer.set_weights(teacher.get_layer(layer.name).get_weights())
