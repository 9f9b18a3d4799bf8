"""Body networks on the trunk of MobileNet: `body_mobilenet` and our own `body_lite`.

Rebuilt from human-pose-estimation-0001 of Open Model Zoo (Copyright Intel Corporation, Apache
License 2.0), of Osokin, "Real-time 2D Multi-Person Pose Estimation on CPU: Lightweight OpenPose",
2018. MobileNet's last blocks stay at stride 8. The two branches of a stage share all but their last
two layers. Three small convolutions, one of them dilated, replace a wide one. `body_lite` is that
graph with the maps of BODY_25, followed by layers for the feet.
"""

from typing import TYPE_CHECKING

from openpose_keras.core.skeletons import BODY_25, BODY_COCO, Skeleton
from openpose_keras.networks._backend import import_keras
from openpose_keras.networks.layers import HEAD, concatenate, conv, depthwise, pad

if TYPE_CHECKING:
    import keras

# (name, stride, dilation, filters) of each separable block.
_BLOCKS = (
    ("conv2_1", 1, 1, 64),
    ("conv2_2", 2, 1, 128),
    ("conv3_1", 1, 1, 128),
    ("conv3_2", 2, 1, 256),
    ("conv4_1", 1, 1, 256),
    ("conv4_2", 1, 1, 512),
    ("conv5_1", 1, 2, 512),
    *((f"conv5_{index}", 1, 1, 512) for index in range(2, 6)),
)
_FILTERS, _WIDE = 128, 512  # of most layers after the trunk, and of the first stage's sixth
_LOW = "conv4_2"  # the block with fine features of the feet
_FEET_CHANNELS = {"L1": 12, "L2": 7}  # the last of BODY_25's fields and heatmaps
_FEET_FILTERS, _SIDE = 96, 64  # of the layers that find feet, and of their input from the trunk


def body_mobilenet(*, all_stages: bool = False) -> "keras.Model":
    """Build a body network that is small enough for a CPU: 19 and 38 channels, two stages.

    Args:
        all_stages: Whether to return the maps of both stages, instead of only the last stage's.

    Returns:
        A `keras.Model` named "body_mobilenet" with random weights and 4,099,058 parameters. Input
        (n, h, w, 3) RGB in [-0.5, 0.5], any h and w; output a dictionary of `keypoints` (n, ceil(h
        / 8), ceil(w / 8), 19) and `affinity` (..., 38) in the order of `BODY_COCO`, or a list of
        two such. Layer names are those of the IR, with "_" for "/".
    """
    return _network("body_mobilenet", BODY_COCO, all_stages, feet=False)


def body_lite(*, all_stages: bool = False) -> "keras.Model":
    """Build our own body network: `body_mobilenet` with the mid-hip and the feet.

    The feet have their own layers after the second stage, which see its maps. They can therefore be
    trained on renderings without changing what was learned from photos.

    Args:
        all_stages: Whether to return the maps of both stages, instead of only the last stage's.

    Returns:
        A `keras.Model` named "body_lite" with random weights and 4,746,108 parameters, as
        `body_mobilenet` returns it; `keypoints` has 26 channels and `affinity` 52, in the order of
        `BODY_25`.
    """
    return _network("body_lite", BODY_25, all_stages, feet=True)


def _network(name: str, skeleton: Skeleton, all_stages: bool, *, feet: bool) -> "keras.Model":
    """Build the graph for the keypoints and limbs of a skeleton, whose last ones are the feet."""
    keras = import_keras()

    channels = {"L1": 2 * len(skeleton.limbs), "L2": len(skeleton) + 1}
    image = keras.Input((None, None, 3), name="image")
    low, high = _trunk(image)
    features = conv(_align(high), "conv4_4_CPM", _FILTERS, 3)
    x = features
    for index in (1, 2, 3):
        x = conv(x, f"conv5_{index}_CPM_L1", _FILTERS, 3)
    first = _branches(x, "conv5_4_CPM_{}", "conv5_5_CPM_{}", _WIDE, channels)
    x = concatenate([*first, features], "concat_stage2")
    for index in range(1, 6):
        x = _block(x, f"Mconv{index}_stage2_L1", _FILTERS)
    rest = {branch: _FEET_CHANNELS[branch] if feet else 0 for branch in channels}
    body = {branch: count - rest[branch] for branch, count in channels.items()}
    second = _branches(x, "Mconv6_stage2_{}", "Mconv7_stage2_{}", _FILTERS, body)
    if feet:
        second = _add_feet(second, [low, high], features)
    maps = [{"keypoints": points, "affinity": fields} for fields, points in (first, second)]
    return keras.Model(image, maps if all_stages else maps[-1], name=name)


def _add_feet(
    maps: "list[keras.KerasTensor]",
    trunk: "list[keras.KerasTensor]",
    features: "keras.KerasTensor",
) -> "list[keras.KerasTensor]":
    """Append the feet's fields, and their heatmaps and the background, to the maps of a stage."""
    import keras

    seen = [
        conv(level, f"feet_{name}", _SIDE, 1)
        for name, level in zip(("low", "high"), trunk, strict=True)
    ]
    x = concatenate([*seen, features, *maps], "concat_feet")
    for index in (1, 2, 3):
        x = _block(x, f"feet{index}", _FEET_FILTERS)
    feet = _branches(x, "feet4_{}", "feet5_{}", _FEET_FILTERS, _FEET_CHANNELS)
    return [
        keras.layers.Concatenate(axis=-1, dtype="float32", name=f"maps_{branch}")(pair)
        for branch, *pair in zip(_FEET_CHANNELS, maps, feet, strict=True)
    ]


def _trunk(image: "keras.KerasTensor") -> "tuple[keras.KerasTensor, keras.KerasTensor]":
    """Return (n, h/8, w/8, 512) twice: MobileNet up to its fourth level and up to its fifth.

    With a stride of 2, the padding is one cell on all sides, as in Caffe.
    """
    x = low = conv(pad(image, "pad1"), "conv1", 32, 3, strides=2, padding="valid")
    for name, stride, dilation, filters in _BLOCKS:
        options = {"activation": "relu", "strides": stride, "dilation_rate": dilation}
        if stride > 1:
            x, options["padding"] = pad(x, f"pad{name.removeprefix('conv')}"), "valid"
        x = conv(depthwise(x, f"{name}_dw", 3, **options), f"{name}_sep", filters, 1)
        low = x if name == _LOW else low
    return low, x


def _align(x: "keras.KerasTensor") -> "keras.KerasTensor":
    """Reduce the channels and add context: three separable convolutions and a skip connection."""
    import keras

    shortcut = x = conv(x, "conv4_3_CPM_al", _FILTERS, 1, activation="elu")
    x = conv(x, "conv4_3_CPM_red", _FILTERS, 1, activation="elu")
    for number, mixing in enumerate(("dw1_1x1", "dw2_1x1", "inc"), start=1):
        x = depthwise(x, f"conv4_3_CPM_dw{number}", 3, activation="elu")
        x = conv(x, f"conv4_3_CPM_{mixing}", _FILTERS, 1, activation="elu")
    return keras.layers.Add(name="conv4_3_CPM_res")([shortcut, x])


def _block(x: "keras.KerasTensor", name: str, filters: int) -> "keras.KerasTensor":
    """Replace a 7x7 convolution by one of 1x1, to which two of 3x3 add context."""
    import keras

    shortcut = x = conv(x, f"{name}_sq", filters, 1)
    x = conv(x, f"{name}_3x3", filters, 3)
    x = conv(x, f"{name}_3x3_2", filters, 3, dilation_rate=2)
    return keras.layers.Add(name=f"{name}_5x5_res")([shortcut, x])


def _branches(
    x: "keras.KerasTensor", hidden: str, head: str, filters: int, channels: dict[str, int]
) -> "list[keras.KerasTensor]":
    """Return a stage's fields and heatmaps, each from two 1x1 convolutions of its own."""
    return [
        conv(conv(x, hidden.format(branch), filters, 1), head.format(branch), count, 1, **HEAD)
        for branch, count in channels.items()
    ]
