"""OpenPose's BODY_25 as a Keras graph: dense blocks, PReLU, and two kinds of stages.

Four stages of part affinity fields come first, then two of heatmaps, which see the last fields. In
place of the wide convolutions of the older networks stand blocks of three 3x3 convolutions whose
outputs are concatenated. Layers have Caffe's names. Sources: models/pose/body_25 of
CMU-Perceptual-Computing-Lab/openpose; Hidalgo et al., "Single-Network Whole-Body Pose Estimation",
ICCV 2019.
"""

from typing import TYPE_CHECKING, Any

from openpose_keras.core.skeletons import BODY_25
from openpose_keras.networks.layers import HEAD, concatenate, conv, prelu
from openpose_keras.networks.openpose import vgg

if TYPE_CHECKING:
    import keras

_FIRST, _LATER = (96, 256), (128, 512)  # filters of a stage's blocks, and of its sixth convolution


def body_25(*, all_stages: bool = False) -> "keras.Model":
    """Build OpenPose's BODY_25: 26 and 52 channels, 26,166,084 parameters.

    Args:
        all_stages: Whether the maps of all stages are returned: the fields of four, then the
            heatmaps of two.

    Returns:
        A `keras.Model` named "body_25" with random weights. Input (n, h, w, 3) RGB in [-0.5, 0.5],
        any h and w; output a dictionary of `keypoints` (n, ceil(h / 8), ceil(w / 8), 26) and
        `affinity` (..., 52), or a list of four dictionaries of `affinity` and two of `keypoints`.

    Example:
        >>> body_25().count_params()  # doctest: +SKIP
        26166084
    """
    import keras

    image = keras.Input((None, None, 3), name="image")
    x = conv(vgg(image), "conv4_1", 512, 3)
    for name, filters in (("4_2", 512), ("4_3_CPM", 256), ("4_4_CPM", 128)):
        x = _conv_prelu(x, f"conv{name}", f"prelu{name}", filters, 3)
    features = x
    fields: list[keras.KerasTensor] = []
    heatmaps: list[keras.KerasTensor] = []
    for stage in range(4):
        seen = [features, *fields[-1:]]
        fields.append(_stage(seen, f"stage{stage}_L2", stage == 0, 2 * len(BODY_25.limbs)))
    for stage in range(2):
        seen = [features, *heatmaps[-1:], fields[-1]]
        heatmaps.append(_stage(seen, f"stage{stage}_L1", stage == 0, len(BODY_25) + 1))
    outputs: Any = {"keypoints": heatmaps[-1], "affinity": fields[-1]}
    if all_stages:
        outputs = [{"affinity": maps} for maps in fields] + [{"keypoints": m} for m in heatmaps]
    return keras.Model(image, outputs, name="body_25")


def _stage(
    seen: "list[keras.KerasTensor]", stage: str, is_first: bool, channels: int
) -> "keras.KerasTensor":
    """Return the maps of a stage: five dense blocks and two convolutions of single cells."""
    filters, wide = _FIRST if is_first else _LATER
    x = concatenate(seen, f"concat_{stage}") if len(seen) > 1 else seen[0]
    for number in range(1, 6):
        block = []
        for index in range(3):
            layer = f"{number}_{stage}_{index}"
            x = _conv_prelu(x, f"Mconv{layer}", f"Mprelu{layer}", filters, 3)
            block.append(x)
        x = concatenate(block, f"Mconv{number}_{stage}_concat")
    x = _conv_prelu(x, f"Mconv6_{stage}", f"Mprelu6_{stage}", wide, 1)
    return conv(x, f"Mconv7_{stage}", channels, 1, **HEAD)


def _conv_prelu(
    x: "keras.KerasTensor", name: str, activation: str, filters: int, kernel: int
) -> "keras.KerasTensor":
    """Convolve with bias and same padding, then PReLU."""
    return prelu(conv(x, name, filters, kernel, activation=None), activation)
