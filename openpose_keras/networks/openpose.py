"""OpenPose's networks as Keras graphs, built from tables. Building one opens no file.

They are Convolutional Pose Machines: a trunk of VGG-19 gives features, a first stage predicts maps
from them, and each later stage sees the features and the maps of the previous stage. Layers have
Caffe's names, so that conversion is one loop over names. Sources: the prototxts under models/ of
CMU-Perceptual-Computing-Lab/openpose; Simon et al., "Hand Keypoint Detection in Single Images using
Multiview Bootstrapping", CVPR 2017; Wei et al., "Convolutional Pose Machines", CVPR 2016; Cao et
al., "Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields", CVPR 2017.

`body_25` consists of dense blocks instead: three 3x3 convolutions whose outputs are concatenated,
with PReLU. Four stages of part affinity fields come first, then two of heatmaps, which see the
last fields (models/pose/body_25; Hidalgo et al., "Single-Network Whole-Body Pose Estimation", ICCV
2019).

All networks of this package take (n, h, w, 3) float32, RGB in [-0.5, 0.5], and return (n, h /
stride, w / stride, K + 1) float32 heatmaps, one per keypoint of their skeleton, the background
last, unbounded (trained towards [0, 1]). Body networks return a dictionary of two arrays:
`keypoints`, which are these heatmaps, and `affinity`, the part affinity fields of the skeleton's L
limbs, (n, h / stride, w / stride, 2 L).
"""

from typing import TYPE_CHECKING, Any

from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI, FACE, HAND, Skeleton
from openpose_keras.networks._backend import import_keras
from openpose_keras.networks.layers import HEAD, concatenate, conv, max_pool, prelu

if TYPE_CHECKING:
    import keras


# (name, number of convolutions, filters) of each block; a pool stands between two blocks.
_VGG_BLOCKS = (("conv1", 2, 64), ("conv2", 2, 128), ("conv3", 4, 256))

HAND_CHANNELS = len(HAND) + 1  # the background is the last


_FIRST, _LATER = (96, 256), (128, 512)  # filters of a stage's blocks, and of its sixth convolution


def hand(*, all_stages: bool = False, stages: int = 6) -> "keras.Model":
    """Build OpenPose's hand network: 22 channels, six stages, 36,832,324 parameters.

    Args:
        all_stages: Whether to return the heatmaps of all stages, first to last, instead of only
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
    return _one_branch("hand", HAND, all_stages, stages)


def face(*, all_stages: bool = False, stages: int = 6) -> "keras.Model":
    """Build OpenPose's face network: 71 channels, six stages, 38,425,706 parameters.

    Args:
        all_stages: As for `hand`.
        stages: As for `hand`.

    Returns:
        A `keras.Model` named "face", which differs from `hand` only in the number of channels.

    Example:
        >>> face().count_params()  # doctest: +SKIP
        38425706
    """
    return _one_branch("face", FACE, all_stages, stages)


def body_coco(*, all_stages: bool = False) -> "keras.Model":
    """Build OpenPose's COCO network: 19 and 38 channels, six stages, 52,311,446 parameters.

    Args:
        all_stages: Whether to return the maps of all stages, first to last, instead of only the
            last stage's.

    Returns:
        A `keras.Model` named "body_coco" with random weights. Input (n, h, w, 3) RGB in [-0.5,
        0.5], any h and w; output a dictionary of `keypoints` (n, ceil(h / 8), ceil(w / 8), 19) and
        `affinity` (..., 38), or a list of six such. Stage n > 1 sees [affinity and keypoints of
        stage n - 1, features], in this order. Layer names are Caffe's.

    Example:
        >>> body_coco().count_params()  # doctest: +SKIP
        52311446
    """
    return _two_branches("body_coco", BODY_COCO, all_stages, stages=6)


def body_mpi(*, all_stages: bool = False) -> "keras.Model":
    """Build OpenPose's MPI network: 16 and 28 channels, six stages, 51,481,032 parameters.

    Args:
        all_stages: As for `body_coco`.

    Returns:
        A `keras.Model` named "body_mpi", which differs from `body_coco` only in the number of
        channels.

    Example:
        >>> body_mpi().count_params()  # doctest: +SKIP
        51481032
    """
    return _two_branches("body_mpi", BODY_MPI, all_stages, stages=6)


def body_mpi_4(*, all_stages: bool = False) -> "keras.Model":
    """Build OpenPose's faster MPI network, which has four stages and 34,240,880 parameters.

    Args:
        all_stages: As for `body_coco`.

    Returns:
        A `keras.Model` named "body_mpi_4", otherwise as `body_mpi`.

    Example:
        >>> body_mpi_4().count_params()  # doctest: +SKIP
        34240880
    """
    return _two_branches("body_mpi_4", BODY_MPI, all_stages, stages=4)


def vgg(image: "keras.KerasTensor") -> "keras.KerasTensor":
    """Return (n, h/8, w/8, 256): VGG-19 up to its third pool, which all these networks share."""
    x = image
    for name, count, filters in _VGG_BLOCKS:
        for index in range(1, count + 1):
            x = conv(x, f"{name}_{index}", filters, 3)
        x = max_pool(x, f"pool{name[-1]}_stage1")
    return x


def _one_branch(name: str, skeleton: Skeleton, all_stages: bool, stages: int) -> "keras.Model":
    """Build a network with heatmaps only, which takes one hand or face at a time."""
    keras = import_keras()

    channels = len(skeleton) + 1
    image = keras.Input((None, None, 3), name="image")
    x = vgg(image)
    for index in range(1, 5):
        x = conv(x, f"conv4_{index}", 512, 3)
    for index in (1, 2):
        x = conv(x, f"conv5_{index}", 512, 3)
    features = conv(x, "conv5_3_CPM", 128, 3)
    x = conv(features, "conv6_1_CPM", 512, 1)
    heatmaps = [conv(x, "conv6_2_CPM", channels, 1, **HEAD)]
    for stage in range(2, stages + 1):
        x = concatenate([heatmaps[-1], features], f"concat_stage{stage}")
        heatmaps.append(_later_stage(x, f"stage{stage}", channels))
    return keras.Model(image, heatmaps if all_stages else heatmaps[-1], name=name)


def _two_branches(name: str, skeleton: Skeleton, all_stages: bool, stages: int) -> "keras.Model":
    """Build a network with heatmaps and part affinity fields in separate branches."""
    keras = import_keras()

    channels = {"L1": 2 * len(skeleton.limbs), "L2": len(skeleton) + 1}
    image = keras.Input((None, None, 3), name="image")
    x = vgg(image)
    for index in (1, 2):
        x = conv(x, f"conv4_{index}", 512, 3)
    features = conv(conv(x, "conv4_3_CPM", 256, 3), "conv4_4_CPM", 128, 3)
    maps = [[_first_stage(features, branch, count) for branch, count in channels.items()]]
    for stage in range(2, stages + 1):
        x = concatenate([*maps[-1], features], f"concat_stage{stage}")
        branches = [
            _later_stage(x, f"stage{stage}_{branch}", count) for branch, count in channels.items()
        ]
        maps.append(branches)
    outputs: list[Any] = [{"keypoints": points, "affinity": fields} for fields, points in maps]
    return keras.Model(image, outputs if all_stages else outputs[-1], name=name)


def _first_stage(features: "keras.KerasTensor", branch: str, channels: int) -> "keras.KerasTensor":
    """Return the maps of a branch's first stage."""
    x = features
    for index in (1, 2, 3):
        x = conv(x, f"conv5_{index}_CPM_{branch}", 128, 3)
    x = conv(x, f"conv5_4_CPM_{branch}", 512, 1)
    return conv(x, f"conv5_5_CPM_{branch}", channels, 1, **HEAD)


def _later_stage(x: "keras.KerasTensor", stage: str, channels: int) -> "keras.KerasTensor":
    """Return the maps of a later stage: five 7x7 convolutions and two of 1x1."""
    for index in range(1, 6):
        x = conv(x, f"Mconv{index}_{stage}", 128, 7)
    x = conv(x, f"Mconv6_{stage}", 128, 1)
    return conv(x, f"Mconv7_{stage}", channels, 1, **HEAD)


def body_25(*, all_stages: bool = False) -> "keras.Model":
    """Build OpenPose's BODY_25: 26 and 52 channels, 26,166,084 parameters.

    Args:
        all_stages: Whether to return the maps of all stages: the fields of four, then the heatmaps
            of two.

    Returns:
        A `keras.Model` named "body_25" with random weights. Input (n, h, w, 3) RGB in [-0.5, 0.5],
        any h and w; output a dictionary of `keypoints` (n, ceil(h / 8), ceil(w / 8), 26) and
        `affinity` (..., 52), or a list of four dictionaries of `affinity` and two of `keypoints`.

    Example:
        >>> body_25().count_params()  # doctest: +SKIP
        26166084
    """
    import_keras()
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
    """Return the maps of a stage: five dense blocks and two 1x1 convolutions."""
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
