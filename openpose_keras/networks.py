"""The networks as Keras graphs. Nothing here opens a file: weights are a later, separate step.

`hand` is OpenPose's hand network, with Caffe's layer names, so that conversion is one loop over
names (models/hand/pose_deploy.prototxt of CMU-Perceptual-Computing-Lab/openpose; Simon et al.,
"Hand Keypoint Detection in Single Images using Multiview Bootstrapping", CVPR 2017; Wei et al.,
"Convolutional Pose Machines", CVPR 2016). `hand_lite` is our own small network.

Both take (n, h, w, 3) float32, RGB in [-0.5, 0.5], and give (n, h / stride, w / stride, 22) float32
heatmaps, one per keypoint of `skeletons.HAND`, the background last, unbounded (trained
towards [0, 1]).
"""

from functools import cache
from typing import TYPE_CHECKING

from openpose_keras.skeletons import HAND

if TYPE_CHECKING:
    import keras

HAND_CHANNELS = len(HAND) + 1  # the background comes last
HAND_STAGES = 6
HAND_STRIDE = 8
LITE_STRIDE = 4
LITE_STAGES = 2

# (name, number of convolutions, filters) of each block; a pool stands between two blocks.
_VGG_BLOCKS = (("conv1", 2, 64), ("conv2", 2, 128), ("conv3", 4, 256), ("conv4", 4, 512))
_HEAD = {"activation": None, "dtype": "float32"}  # float32 also where the rest is of less precision

# One row per inverted residual: (kernel, stride, expanded channels, output channels). The table of
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


def hand(*, all_stages: bool = False) -> "keras.Model":
    """Build OpenPose's hand network: 22 channels, six stages, 36,832,324 parameters.

    Args:
        all_stages: Give the heatmaps of all six stages, first to last, and not only the last
            stage's.

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
    x = _conv(features, "conv6_1_CPM", 512, 1)
    heatmaps = [_conv(x, "conv6_2_CPM", HAND_CHANNELS, 1, **_HEAD)]
    for stage in range(2, HAND_STAGES + 1):
        x = keras.layers.Concatenate(name=f"concat_stage{stage}")([heatmaps[-1], features])
        for index in range(1, 6):
            x = _conv(x, f"Mconv{index}_stage{stage}", 128, 7)
        x = _conv(x, f"Mconv6_stage{stage}", 128, 1)
        heatmaps.append(_conv(x, f"Mconv7_stage{stage}", HAND_CHANNELS, 1, **_HEAD))
    return keras.Model(image, heatmaps if all_stages else heatmaps[-1], name="hand")


def _vgg_features(x: "keras.KerasTensor") -> "keras.KerasTensor":
    """Give F (n, h/8, w/8, 128): VGG-19 up to conv4_4, then three convolutions of their own."""
    import keras

    for name, count, filters in _VGG_BLOCKS:
        for index in range(1, count + 1):
            x = _conv(x, f"{name}_{index}", filters, 3)
        if name != _VGG_BLOCKS[-1][0]:
            # Caffe rounds the pooled size up; "valid" would drop the last row of an odd size.
            x = keras.layers.MaxPooling2D(2, 2, padding="same", name=f"pool{name[-1]}_stage1")(x)
    for index in (1, 2):
        x = _conv(x, f"conv5_{index}", 512, 3)
    return _conv(x, "conv5_3_CPM", 128, 3)


def _conv(
    x: "keras.KerasTensor", name: str, filters: int, kernel: int, **options: object
) -> "keras.KerasTensor":
    """Convolve with bias and same padding, as OpenPose's prototxt does; ReLU, if not told else."""
    import keras

    options = {"padding": "same", "activation": "relu", "name": name, **options}
    return keras.layers.Conv2D(filters, kernel, **options)(x)


def hand_lite(*, all_stages: bool = False) -> "keras.Model":
    """Build the small hand network: inverted residuals, a top-down decoder, two stages of heatmaps.

    Args:
        all_stages: Give the heatmaps of both stages (what training supervises), and not only the
            last one's.

    Returns:
        A `keras.Model` named "hand_lite" with random weights. Input (n, h, w, 3) RGB in [-0.5,
        0.5], h and w multiples of 32; output (n, h / 4, w / 4, 22), or a list of two such arrays.
        Left and right hands alike.
    """
    import keras

    image = keras.Input((None, None, 3), name="image")
    # The backbone's weights come from a network that saw [0, 1].
    levels = _lite_backbone(keras.layers.Rescaling(1.0, offset=0.5, name="to_unit")(image))
    fine, features = _lite_decoder(levels)
    stage1 = _conv(features, "heat1", HAND_CHANNELS, 1, activation=None)
    x = keras.layers.Concatenate(name="concat_stage2")([stage1, features])
    for index in (1, 2):
        x = _separable(x, f"refine{index}", 128, 7)
    x = _up(_conv(x, "refine_reduce", 64, 1), "up4")
    x = keras.layers.Add(name="add4")([x, fine])
    for index in (1, 2):
        x = _normed_conv(x, f"decode4_{index}", 64)
    stage2 = _conv(x, "heat2", HAND_CHANNELS, 1, activation=None)
    # Mixed precision ends here: heatmaps are float32 for whoever reads them.
    outputs = [
        keras.layers.Activation("linear", dtype="float32", name=f"heatmaps_stage{index}")(maps)
        for index, maps in enumerate((_up(stage1, "up_stage1"), stage2), start=1)
    ]
    return keras.Model(image, outputs if all_stages else outputs[-1], name="hand_lite")


def _lite_backbone(x: "keras.KerasTensor") -> list["keras.KerasTensor"]:
    """Give the features at strides 4, 8, 16 and 32, with 24, 40, 112 and 192 channels."""
    import keras

    x = keras.layers.Conv2D(24, 3, strides=2, padding="same", name="stem")(x)
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
    """Expand, convolve per channel, project; add the input where the shapes agree (MobileNetV2)."""
    import keras

    shortcut = x
    if x.shape[-1] != expanded:
        x = keras.layers.Conv2D(expanded, 1, name=f"{name}_expand")(x)
        x = keras.layers.ReLU(max_value=6, name=f"{name}_expand_relu")(x)
    x = keras.layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", name=f"{name}_depthwise"
    )(x)
    x = keras.layers.ReLU(max_value=6, name=f"{name}_depthwise_relu")(x)
    x = keras.layers.Conv2D(filters, 1, name=f"{name}_project")(x)
    if stride == 1 and shortcut.shape[-1] == filters:
        x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return x


def _lite_decoder(
    levels: list["keras.KerasTensor"],
) -> tuple["keras.KerasTensor", "keras.KerasTensor"]:
    """Give the finest level (n, h/4, w/4, 64), and the others merged into (n, h/8, w/8, 96)."""
    import keras

    fine, *middle, coarse = levels
    x = _conv(coarse, "lateral32", 96, 1, activation=None)
    for stride, level in ((16, middle[1]), (8, middle[0])):
        lateral = _conv(level, f"lateral{stride}", 96, 1, activation=None)
        x = keras.layers.Add(name=f"add{stride}")([_up(x, f"up{stride}"), lateral])
        x = _normed_conv(x, f"decode{stride}", 96)
    return _conv(fine, "lateral4", 64, 1, activation=None), x


def _up(x: "keras.KerasTensor", name: str) -> "keras.KerasTensor":
    """Double height and width, linear, half-pixel centres."""
    return _double_class()(name=name)(x)


@cache
def _double_class() -> type:
    """Define the layer when Keras is there."""
    import keras
    from keras import ops

    @keras.saving.register_keras_serializable("openpose_keras")
    class Double(keras.layers.Layer):
        """What `UpSampling2D(2, interpolation="bilinear")` does, with height and width left open.

        TensorFlow cannot trace Keras's own for open sizes. A new cell lies a quarter of an old
        one from the cell that it comes from.
        """

        def call(self, x: object) -> object:
            """Double the rows, then the columns."""
            batch, height, width, channels = ops.shape(x)
            above = ops.concatenate([x[:, :1], x[:, :-1]], axis=1)
            below = ops.concatenate([x[:, 1:], x[:, -1:]], axis=1)
            x = ops.stack([0.75 * x + 0.25 * above, 0.75 * x + 0.25 * below], axis=2)
            x = ops.reshape(x, (batch, 2 * height, width, channels))
            before = ops.concatenate([x[:, :, :1], x[:, :, :-1]], axis=2)
            after = ops.concatenate([x[:, :, 1:], x[:, :, -1:]], axis=2)
            x = ops.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=3)
            return ops.reshape(x, (batch, 2 * height, 2 * width, channels))

        def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
            """Double what is known."""
            batch, height, width, channels = shape
            return batch, height and 2 * height, width and 2 * width, channels

    return Double


def _normed_conv(x: "keras.KerasTensor", name: str, filters: int) -> "keras.KerasTensor":
    """Convolve 3x3, normalise, ReLU."""
    import keras

    x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    x = keras.layers.BatchNormalization(momentum=0.99, name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _separable(x: "keras.KerasTensor", name: str, filters: int, kernel: int) -> "keras.KerasTensor":
    """Convolve per channel, mix the channels, normalise, ReLU."""
    import keras

    x = keras.layers.DepthwiseConv2D(
        kernel, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(x)
    x = keras.layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_pointwise")(x)
    x = keras.layers.BatchNormalization(momentum=0.99, name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)
