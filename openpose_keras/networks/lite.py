"""Our own small networks for hands and faces on MediaPipe's trunks: `hand_lite`, `face_lite`."""

from typing import TYPE_CHECKING

from openpose_keras.core.skeletons import FACE
from openpose_keras.networks._backend import import_keras
from openpose_keras.networks.layers import (
    HEAD,
    conv,
    depthwise,
    normed_conv,
    prelu,
    residual,
    separable,
    to_unit,
    upsample,
)
from openpose_keras.networks.openpose import HAND_CHANNELS

if TYPE_CHECKING:
    import keras


LITE_STRIDE = 4
# (kernel, stride, expanded channels, output channels) of each inverted residual: the table of
# MediaPipe's hand landmark network (hand_landmark_full.tflite), whose weights it can take.
LITE_BLOCKS = (
    (3, 1, 24, 16),
    (3, 2, 64, 24),
    (3, 1, 144, 24),
    (5, 2, 144, 40),
    (5, 1, 240, 40),
    (3, 2, 240, 80),
    (3, 1, 480, 80),
    (3, 1, 480, 80),
    (5, 1, 480, 112),
    (5, 1, 672, 112),
    (5, 1, 672, 112),
    (5, 2, 672, 192),
    (5, 1, 1152, 192),
    (5, 1, 1152, 192),
    (5, 1, 1152, 192),
)


FACE_INPUT = 192
# Stride -> channels, of MediaPipe's face landmark network (face_landmark.tflite).
_LEVELS = {2: 16, 4: 32, 8: 64, 16: 128, 32: 128}
_BLOCKS = 2  # residual blocks of each level, after the one that halves its size
_HEAD_CHANNELS = 32


def hand_lite(*, all_stages: bool = False) -> "keras.Model":
    """Build the small hand network: inverted residuals, four outputs.

    Args:
        all_stages: Whether to return only the heatmaps of both stages, instead of all outputs.

    Returns:
        A `keras.Model` named "hand_lite" with random weights, which knows left and right hands.
        Input (n, h, w, 3) RGB in [-0.5, 0.5), h and w multiples of 32. Outputs by name:
        `keypoints` (n, h / 4, w / 4, 22), heatmaps; and those of `landmark_heads`, which are valid
        only for an input of 224x224. With `all_stages`, a list of two heatmaps.
    """
    keras = import_keras()

    image = keras.Input((None, None, 3), name="image")
    levels = lite_backbone(to_unit(image))
    stages = lite_stages(levels, HAND_CHANNELS)
    outputs = {"keypoints": stages[-1], **landmark_heads(levels[-1])}
    return keras.Model(image, stages if all_stages else outputs, name="hand_lite")


def lite_stages(levels: list["keras.KerasTensor"], channels: int) -> "list[keras.KerasTensor]":
    """Decode heatmaps in two stages; the second sees those of the first, and finer features.

    Args:
        levels: Features at strides 4, 8, 16 and 32.
        channels: Number of channels of the heatmaps.

    Returns:
        The heatmaps of both stages at stride 4, float32, the first stage first.
    """
    import keras

    fine, features = _lite_decoder(levels)
    stage1 = conv(features, "heat1", channels, 1, activation=None)
    x = keras.layers.Concatenate(name="concat_stage2")([stage1, features])
    for index in (1, 2):
        x = separable(x, f"refine{index}", 128, 5)
    x = upsample(conv(x, "refine_reduce", 48, 1), "up4")
    x = keras.layers.Add(name="add4")([x, fine])
    for index in (1, 2):
        x = normed_conv(x, f"decode4_{index}", 48)
    stage2 = conv(x, "heat2", channels, 1, activation=None)
    # Mixed precision ends here: heatmaps are float32.
    return [
        keras.layers.Activation("linear", dtype="float32", name=f"heatmaps_stage{index}")(maps)
        for index, maps in enumerate((upsample(stage1, "up_stage1"), stage2), start=1)
    ]


def first_stage(network: "keras.Model") -> "keras.KerasTensor":
    """Return the heatmaps of the first stage of `hand_lite` or `face_lite`, for training."""
    return upsample(network.get_layer("heat1").output, "up_stage1")


def landmark_heads(
    x: "keras.KerasTensor", *, world: bool = False
) -> dict[str, "keras.KerasTensor"]:
    """Predict a hand as a whole from the features at stride 32, as in MediaPipe's network.

    Args:
        x: (n, h, w, 192) features.
        world: Whether to estimate the points in metres too.

    Returns:
        By name: `points` (n, 21, 3), x, y and relative depth in input pixels, where 0 is the edge
        of the first pixel, not its centre; `presence` and `right` (n,), the probabilities of a hand
        and of a right one; `world` (n, 21, 3), if requested, in metres about the hand's centre.
    """
    import keras

    x = expand_depthwise(x, "block15", 3, 1, 1152)
    x = keras.layers.GlobalAveragePooling2D(data_format="channels_last", name="pool")(x)
    outputs = {}
    for name in ("right", "presence"):
        probability = keras.layers.Dense(1, "sigmoid", dtype="float32", name=name)(x)
        outputs[name] = keras.layers.Reshape((), dtype="float32", name=f"{name}_value")(probability)
    for name in ("points", "world") if world else ("points",):
        numbers = keras.layers.Dense(63, dtype="float32", name=name)(x)
        outputs[name] = keras.layers.Reshape((21, 3), dtype="float32", name=f"{name}_table")(
            numbers
        )
    return outputs


def lite_backbone(x: "keras.KerasTensor") -> list["keras.KerasTensor"]:
    """Return the features at strides 4, 8, 16 and 32, with 24, 40, 112 and 192 channels."""
    import keras

    x = conv(x, "stem", 24, 3, strides=2, activation=None)
    x = keras.layers.ReLU(max_value=6, name="stem_relu")(x)
    levels = []
    for index, (kernel, stride, expanded, filters) in enumerate(LITE_BLOCKS):
        if stride == 2 and index > 1:
            levels.append(x)
        x = _inverted_residual(x, f"block{index}", kernel, stride, expanded, filters)
    return [*levels, x]


def _inverted_residual(
    x: "keras.KerasTensor", name: str, kernel: int, stride: int, expanded: int, filters: int
) -> "keras.KerasTensor":
    """Expand, convolve depthwise, project; add the input if the shapes agree (MobileNetV2)."""
    import keras

    shortcut = x
    x = expand_depthwise(x, name, kernel, stride, expanded)
    x = conv(x, f"{name}_project", filters, 1, activation=None)
    if stride == 1 and shortcut.shape[-1] == filters:
        x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return x


def expand_depthwise(
    x: "keras.KerasTensor", name: str, kernel: int, stride: int, expanded: int
) -> "keras.KerasTensor":
    """Expand the channels, unless there are enough, and convolve depthwise, both with ReLU6."""
    import keras

    if x.shape[-1] != expanded:
        x = conv(x, f"{name}_expand", expanded, 1, activation=None)
        x = keras.layers.ReLU(max_value=6, name=f"{name}_expand_relu")(x)
    x = depthwise(x, f"{name}_depthwise", kernel, strides=stride)
    return keras.layers.ReLU(max_value=6, name=f"{name}_depthwise_relu")(x)


def _lite_decoder(
    levels: list["keras.KerasTensor"],
) -> tuple["keras.KerasTensor", "keras.KerasTensor"]:
    """Return the finest level (n, h/4, w/4, 48), and the others merged into (n, h/8, w/8, 96)."""
    import keras

    fine, *middle, coarse = levels
    x = conv(coarse, "lateral32", 96, 1, activation=None)
    for stride, level in ((16, middle[1]), (8, middle[0])):
        lateral = conv(level, f"lateral{stride}", 96, 1, activation=None)
        x = keras.layers.Add(name=f"add{stride}")([upsample(x, f"up{stride}"), lateral])
        x = normed_conv(x, f"decode{stride}", 96)
    return conv(fine, "lateral4", 48, 1, activation=None), x


def face_lite(*, all_stages: bool = False) -> "keras.Model":
    """Build the small face network, with three outputs.

    Args:
        all_stages: Whether to return only the heatmaps of both stages, instead of all outputs.

    Returns:
        A `keras.Model` named "face_lite" with random weights. Input (n, 192, 192, 3) RGB in [-0.5,
        0.5). Outputs by name: `keypoints` (n, 48, 48, 71), heatmaps; `points` (n, 70, 2), x and y
        in input pixels, where 0 is the edge of the first pixel, not its centre; `presence` (n,),
        the probability of a face. With `all_stages`, a list of two heatmaps.
    """
    keras = import_keras()

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
    """Apply two residual blocks, with `first` after another one that halves height and width."""
    if first:
        x = residual(x, f"{name}_down", channels, kernel=3, strides=2)
    for index in range(1, _BLOCKS + 1):
        x = residual(x, f"{name}_block{index}", channels, kernel=3)
    return x


def face_heads(
    x: "keras.KerasTensor", *, points: int, axes: int, name: str = "points"
) -> dict[str, "keras.KerasTensor"]:
    """Predict a face as a whole from the features at stride 32, as in MediaPipe's network.

    Args:
        x: (n, 6, 6, 128) features.
        points: Number of points.
        axes: Coordinates of each point: 2, or 3 with its relative depth.
        name: Name of the layer that predicts the points.

    Returns:
        By name: `presence` (n,), the probability of a face, and `points` (n, points, axes).
    """
    import keras

    channels = _LEVELS[32]
    presence = residual(x, "presence_down", channels, kernel=3, strides=2)
    presence = _whole(presence, "presence", "presence", 1)
    # A separate layer, so that the layers with weights have the order of the file.
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
    """Reduce (n, 3, 3, 128) features to (n, 1, 1, count) numbers, the output of a named layer."""
    x = conv(x, f"{branch}_reduce", _HEAD_CHANNELS, 1, activation=None)
    x = prelu(x, f"{branch}_reduce_prelu")
    x = residual(x, f"{branch}_reduced_block", _HEAD_CHANNELS, kernel=3)
    return conv(x, name, count, 3, **{**HEAD, "padding": "valid"})
