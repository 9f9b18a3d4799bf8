"""OpenPose's networks as Keras graphs, built from a table. Building one opens no file.

They are Convolutional Pose Machines: a trunk of VGG-19 gives features, a first stage turns them
into heatmaps, and each later stage sees the features and the heatmaps of the stage before. Layers
have Caffe's names, so that conversion is one loop over names. Sources: models/hand/
pose_deploy.prototxt of CMU-Perceptual-Computing-Lab/openpose; Simon et al., "Hand Keypoint
Detection in Single Images using Multiview Bootstrapping", CVPR 2017; Wei et al., "Convolutional
Pose Machines", CVPR 2016.

All networks of this package take (n, h, w, 3) float32, RGB in [-0.5, 0.5], and return (n, h /
stride, w / stride, K + 1) float32 heatmaps, one per keypoint of their skeleton, the background
last, unbounded (trained towards [0, 1]).
"""

from typing import TYPE_CHECKING

from openpose_keras.core.skeletons import HAND
from openpose_keras.networks.layers import HEAD, conv, max_pool

if TYPE_CHECKING:
    import keras

# (name, number of convolutions, filters) of each block; a pool stands between two blocks.
_VGG_BLOCKS = (("conv1", 2, 64), ("conv2", 2, 128), ("conv3", 4, 256), ("conv4", 4, 512))


HAND_CHANNELS = len(HAND) + 1  # the background is the last


def hand(*, all_stages: bool = False, stages: int = 6) -> "keras.Model":
    """Build OpenPose's hand network: 22 channels, six stages, 36,832,324 parameters.

    Args:
        all_stages: Whether the heatmaps of all stages are returned, first to last, and not only
            the last stage's.
        stages: Number of stages; OpenPose's weights are for six.

    Returns:
        A `keras.Model` named "hand" with random weights. Input (n, h, w, 3) RGB in [-0.5, 0.5], any
        h and w; output (n, ceil(h / 8), ceil(w / 8), 22), or a list of six such arrays. Stage n > 1
        sees [heatmaps of stage n - 1, features], in this order. Layer names are Caffe's.

    Example:
        >>> hand().count_params()  # doctest: +SKIP
        36832324
    """
    import keras

    image = keras.Input((None, None, 3), name="image")
    features = _vgg_features(image)
    x = conv(features, "conv6_1_CPM", 512, 1)
    heatmaps = [conv(x, "conv6_2_CPM", HAND_CHANNELS, 1, **HEAD)]
    for stage in range(2, stages + 1):
        x = keras.layers.Concatenate(name=f"concat_stage{stage}")([heatmaps[-1], features])
        for index in range(1, 6):
            x = conv(x, f"Mconv{index}_stage{stage}", 128, 7)
        x = conv(x, f"Mconv6_stage{stage}", 128, 1)
        heatmaps.append(conv(x, f"Mconv7_stage{stage}", HAND_CHANNELS, 1, **HEAD))
    return keras.Model(image, heatmaps if all_stages else heatmaps[-1], name="hand")


def _vgg_features(x: "keras.KerasTensor") -> "keras.KerasTensor":
    """Return (n, h/8, w/8, 128): VGG-19 up to conv4_4, then three convolutions more."""
    for name, count, filters in _VGG_BLOCKS:
        if name != _VGG_BLOCKS[0][0]:
            x = max_pool(x, f"pool{int(name[-1]) - 1}_stage1")
        for index in range(1, count + 1):
            x = conv(x, f"{name}_{index}", filters, 3)
    for index in (1, 2):
        x = conv(x, f"conv5_{index}", 512, 3)
    return conv(x, "conv5_3_CPM", 128, 3)
