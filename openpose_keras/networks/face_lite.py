"""`face_lite`, our own small face network, on the convolutions of MediaPipe's."""

from typing import TYPE_CHECKING

from openpose_keras.core.skeletons import FACE
from openpose_keras.networks.layers import HEAD, conv, prelu, residual, to_unit
from openpose_keras.networks.lite import lite_stages

if TYPE_CHECKING:
    import keras

FACE_INPUT = 192
# Stride -> channels, of MediaPipe's face landmark network (face_landmark.tflite).
_LEVELS = {2: 16, 4: 32, 8: 64, 16: 128, 32: 128}
_BLOCKS = 2  # residual blocks of each level, after the one that halves its size
_HEAD_CHANNELS = 32


def face_lite(*, all_stages: bool = False) -> "keras.Model":
    """Build the small face network: three answers.

    Args:
        all_stages: Whether only heatmaps are returned, those of both stages, and not all answers.

    Returns:
        A `keras.Model` named "face_lite" with random weights. Input (n, 192, 192, 3) RGB in [-0.5,
        0.5). Outputs by name: `keypoints` (n, 48, 48, 71), heatmaps; `points` (n, 70, 2), x and y
        in input pixels, 0 being the edge of the first pixel and not its centre; `presence` (n,),
        the probability of a face. With `all_stages` a list of two heatmaps.
    """
    import keras

    image = keras.Input((FACE_INPUT, FACE_INPUT, 3), name="image")
    levels = face_backbone(to_unit(image))
    stages = lite_stages(levels[1:], len(FACE) + 1)
    outputs = {"keypoints": stages[-1], **face_heads(levels[-1], points=len(FACE), axes=2)}
    return keras.Model(image, stages if all_stages else outputs, name="face_lite")


def face_backbone(x: "keras.KerasTensor") -> list["keras.KerasTensor"]:
    """Return the features at strides 2, 4, 8, 16 and 32, with 16, 32, 64, 128 and 128 channels."""
    x = prelu(conv(x, "stem", _LEVELS[2], 3, strides=2, activation=None), "stem_prelu")
    levels = []
    for stride, channels in _LEVELS.items():
        x = _level(x, f"level{stride}", channels, first=stride > 2)
        levels.append(x)
    return levels


def _level(x: "keras.KerasTensor", name: str, channels: int, *, first: bool) -> "keras.KerasTensor":
    """Halve height and width, `first` of all, and convolve in two residual blocks."""
    if first:
        x = residual(x, f"{name}_down", channels, kernel=3, strides=2)
    for index in range(1, _BLOCKS + 1):
        x = residual(x, f"{name}_block{index}", channels, kernel=3)
    return x


def face_heads(
    x: "keras.KerasTensor", *, points: int, axes: int, name: str = "points"
) -> dict[str, "keras.KerasTensor"]:
    """Read a face as a whole from the features at stride 32, as MediaPipe's network does.

    Args:
        x: (n, 6, 6, 128) features.
        points: Number of points.
        axes: Of each point: 2, or 3 with its relative depth.
        name: Of the layer that tells the points.

    Returns:
        By name: `presence` (n,), the probability of a face, and `points` (n, points, axes).
    """
    import keras

    channels = _LEVELS[32]
    presence = residual(x, "presence_down", channels, kernel=3, strides=2)
    presence = _whole(presence, "presence", "presence", 1)
    # As a layer of its own, so that the layers with weights follow one another as in the file.
    presence = keras.layers.Activation("sigmoid", dtype="float32", name="sigmoid")(presence)
    numbers = _level(x, "points", channels, first=True)
    numbers = _whole(numbers, "points", name, points * axes)
    return {
        "presence": keras.layers.Reshape((), dtype="float32", name="presence_value")(presence),
        "points": keras.layers.Reshape((points, axes), dtype="float32", name="points_table")(
            numbers
        ),
    }


def _whole(x: "keras.KerasTensor", branch: str, name: str, count: int) -> "keras.KerasTensor":
    """Turn (n, 3, 3, 128) features into (n, 1, 1, count) numbers, told by the layer of a name."""
    x = conv(x, f"{branch}_reduce", _HEAD_CHANNELS, 1, activation=None)
    x = prelu(x, f"{branch}_reduce_prelu")
    x = residual(x, f"{branch}_reduced_block", _HEAD_CHANNELS, kernel=3)
    return conv(x, name, count, 3, **{**HEAD, "padding": "valid"})
