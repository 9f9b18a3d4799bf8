"""MediaPipe's two hand networks: the palm detector and the hand landmark network.

Rebuilt from palm_detection_full.tflite and hand_landmark_full.tflite (Copyright Google LLC,
Apache License 2.0), of Zhang et al., MediaPipe Hands (arXiv:2006.10214). Both see RGB in [0, 1],
which the first layer makes of the [-0.5, 0.5) that all networks here take.
"""

from typing import TYPE_CHECKING

from openpose_keras.networks.layers import HEAD, conv, depthwise, prelu, to_unit, upsample
from openpose_keras.networks.lite import landmark_heads, lite_backbone

if TYPE_CHECKING:
    import keras

HAND_INPUT = 224
PALM_LEVELS = {2: 32, 4: 64, 8: 128, 16: 256, 32: 256}  # stride -> channels
PALM_BLOCKS = 4  # residual blocks of each level, after the one that halves its size
PALM_ANCHORS = {8: 2, 16: 6}  # stride -> anchors of each cell, all alike, at the cell's centre
PALM_VALUES = 18  # of an anchor: x, y, width, height of the palm, x, y of seven keypoints


def mediapipe_hand() -> "keras.Model":
    """Build MediaPipe's hand landmark network.

    Returns:
        A `keras.Model` named "mediapipe_hand" with random weights. Input (n, 224, 224, 3) RGB in
        [-0.5, 0.5), a crop of about twice the hand, upright. Outputs: those of `landmark_heads`,
        `world` too.
    """
    import keras

    image = keras.Input((HAND_INPUT, HAND_INPUT, 3), name="image")
    outputs = landmark_heads(lite_backbone(to_unit(image))[-1], world=True)
    return keras.Model(image, outputs, name="mediapipe_hand")


def mediapipe_palm() -> "keras.Model":
    """Build MediaPipe's palm detector: residual blocks, a top-down path, heads at strides 8 and 16.

    Returns:
        A `keras.Model` named "mediapipe_palm" with random weights. Input (n, h, w, 3) RGB in
        [-0.5, 0.5), h and w multiples of 32; MediaPipe has 192. Outputs by name, for each of the a
        anchors (2016 of them at 192x192), those of stride 8 first, row by row: `palms` (n, a, 18)
        in input pixels from the anchor, see `PALM_VALUES`; `logits` (n, a, 1), whose sigmoid is the
        score.
    """
    import keras

    image = keras.Input((None, None, 3), name="image")
    x = conv(to_unit(image), "stem", PALM_LEVELS[2], 5, strides=2, activation=None)
    x = prelu(x, "stem_prelu")
    levels = {}
    for stride, channels in PALM_LEVELS.items():
        if stride > 2:
            x = _residual(x, f"level{stride}_down", channels, strides=2)
        for index in range(1, PALM_BLOCKS + 1):
            x = _residual(x, f"level{stride}_block{index}", channels)
        levels[stride] = x
    heads: dict[str, list[keras.KerasTensor]] = {"palms": [], "logits": []}
    for stride in (16, 8):
        x = upsample(x, f"up{stride}")
        x = conv(x, f"lateral{stride}", PALM_LEVELS[stride], 1, activation=None)
        x = prelu(x, f"lateral{stride}_prelu")
        x = keras.layers.Add(name=f"add{stride}")([levels[stride], x])
        for index in (1, 2):
            x = _residual(x, f"merged{stride}_block{index}", PALM_LEVELS[stride])
        for name, values in (("palms", PALM_VALUES), ("logits", 1)):
            head = conv(x, f"{name}{stride}", PALM_ANCHORS[stride] * values, 1, **HEAD)
            table = keras.layers.Reshape((-1, values), name=f"{name}{stride}_table")(head)
            heads[name].insert(0, table)
    outputs = {
        name: keras.layers.Concatenate(axis=1, name=name)(parts) for name, parts in heads.items()
    }
    return keras.Model(image, outputs, name="mediapipe_palm")


def _residual(
    x: "keras.KerasTensor", name: str, channels: int, strides: int = 1
) -> "keras.KerasTensor":
    """Add a separable 5x5 convolution to the input, pooled and padded with channels of zeros."""
    import keras

    shortcut = x
    x = depthwise(x, f"{name}_depthwise", 5, strides=strides)
    x = conv(x, f"{name}_project", channels, 1, activation=None)
    if strides > 1:
        pool = keras.layers.MaxPooling2D(strides, data_format="channels_last", name=f"{name}_pool")
        shortcut = pool(shortcut)
    if channels > shortcut.shape[-1]:
        missing = channels - shortcut.shape[-1]
        shortcut = keras.ops.pad(shortcut, ((0, 0), (0, 0), (0, 0), (0, missing)))
    return prelu(keras.layers.Add(name=f"{name}_add")([shortcut, x]), f"{name}_prelu")
