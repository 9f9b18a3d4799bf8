"""The layers that several networks are built from.

Each sets its data format, so that `image_data_format` in the user's keras.json has no effect.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

HEAD = {"activation": None, "dtype": "float32"}  # float32 even if the rest has lower precision


def to_unit(image: "keras.KerasTensor") -> "keras.KerasTensor":
    """Convert x / 256 - 0.5, the input of all networks here, to x / 255."""
    import keras

    return keras.layers.Rescaling(256 / 255, offset=128 / 255, name="to_unit")(image)


def conv(
    x: "keras.KerasTensor", name: str, filters: int, kernel: int, **options: object
) -> "keras.KerasTensor":
    """Convolve with bias, same padding and ReLU, as in OpenPose's prototxt, or with `options`."""
    import keras

    options = {"padding": "same", "activation": "relu", "data_format": "channels_last", **options}
    return keras.layers.Conv2D(filters, kernel, name=name, **options)(x)


def depthwise(
    x: "keras.KerasTensor", name: str, kernel: int, **options: object
) -> "keras.KerasTensor":
    """Apply a depthwise convolution with same padding and no activation."""
    import keras

    options = {"padding": "same", "data_format": "channels_last", **options}
    return keras.layers.DepthwiseConv2D(kernel, name=name, **options)(x)


def pad(x: "keras.KerasTensor", name: str) -> "keras.KerasTensor":
    """Add a border of zeros, one cell wide."""
    import keras

    return keras.layers.ZeroPadding2D(1, data_format="channels_last", name=name)(x)


def prelu(x: "keras.KerasTensor", name: str) -> "keras.KerasTensor":
    """Apply PReLU, which multiplies negative values by a factor for each channel."""
    import keras

    return keras.layers.PReLU(shared_axes=[1, 2], name=name)(x)


def relu(x: "keras.KerasTensor", name: str) -> "keras.KerasTensor":
    """Apply ReLU, which replaces negative values by zero."""
    import keras

    return keras.layers.ReLU(name=name)(x)


def max_pool(x: "keras.KerasTensor", name: str) -> "keras.KerasTensor":
    """Halve height and width; the pooled size is rounded up, as in Caffe."""
    import keras

    # "valid" would drop the last row of an odd size.
    options = {"padding": "same", "data_format": "channels_last", "name": name}
    return keras.layers.MaxPooling2D(2, 2, **options)(x)


def concatenate(arrays: "list[keras.KerasTensor]", name: str) -> "keras.KerasTensor":
    """Concatenate tensors along their channels."""
    import keras

    return keras.layers.Concatenate(axis=-1, name=name)(arrays)


def upsample(x: "keras.KerasTensor", name: str) -> "keras.KerasTensor":
    """Double height and width by bilinear interpolation with half-pixel centres."""
    return upsample_class()(name=name)(x)


@cache
def upsample_class() -> "type[keras.layers.Layer]":
    """Define the layer `UpsampleBilinear2x`, which needs Keras, on first use."""
    import keras
    from keras import ops

    @keras.saving.register_keras_serializable("openpose_keras")
    class UpsampleBilinear2x(keras.layers.Layer):
        """The layer `UpSampling2D(2, interpolation="bilinear")` for any height and width.

        TensorFlow cannot trace Keras's own layer for unknown sizes. The centre of a new cell lies a
        quarter of an old cell from the centre of the old cell that contains it.
        """

        def call(self, x: Any) -> Any:  # noqa: ANN401 - a backend's own tensor, whichever it is
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
            """Double the height and the width, if they are known."""
            batch, height, width, channels = shape
            return batch, height and 2 * height, width and 2 * width, channels

    return UpsampleBilinear2x


def normed_relu(x: "keras.KerasTensor", name: str) -> "keras.KerasTensor":
    """Apply batch normalisation and ReLU."""
    import keras

    x = keras.layers.BatchNormalization(momentum=0.99, name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def normed_conv(x: "keras.KerasTensor", name: str, filters: int) -> "keras.KerasTensor":
    """Apply a 3x3 convolution, batch normalisation and ReLU."""
    x = conv(x, name, filters, 3, activation=None, use_bias=False)
    return normed_relu(x, name)


def separable(x: "keras.KerasTensor", name: str, filters: int, kernel: int) -> "keras.KerasTensor":
    """Apply a depthwise separable convolution, batch normalisation and ReLU."""
    x = depthwise(x, f"{name}_depthwise", kernel, use_bias=False)
    x = conv(x, f"{name}_pointwise", filters, 1, activation=None, use_bias=False)
    return normed_relu(x, name)


def residual(
    x: "keras.KerasTensor",
    name: str,
    channels: int,
    *,
    kernel: int = 5,
    strides: int = 1,
    reduced: int | None = None,
    activation: "Callable[[keras.KerasTensor, str], keras.KerasTensor]" = prelu,
) -> "keras.KerasTensor":
    """Add a separable convolution to the input, which is pooled and zero-padded in channels.

    Args:
        x: (n, h, w, c).
        name: Prefix of the names of the layers.
        channels: Channels of the result, c or more.
        kernel: Height and width of the depthwise convolution.
        strides: 2 to halve height and width.
        reduced: Channels after a preceding convolution, which then has the strides; None for no
            such convolution.
        activation: Activation after the sum; called with its input and its name.
    """
    import keras

    shortcut, remaining = x, strides
    if reduced:
        x = conv(x, f"{name}_reduce", reduced, strides, strides=strides, activation=None)
        x, remaining = activation(x, f"{name}_reduce_{activation.__name__}"), 1
    x = depthwise(x, f"{name}_depthwise", kernel, strides=remaining)
    x = conv(x, f"{name}_project", channels, 1, activation=None)
    if strides > 1:
        pool = keras.layers.MaxPooling2D(strides, data_format="channels_last", name=f"{name}_pool")
        shortcut = pool(shortcut)
    if channels > shortcut.shape[-1]:
        missing = channels - shortcut.shape[-1]
        shortcut = keras.ops.pad(shortcut, ((0, 0), (0, 0), (0, 0), (0, missing)))
    total = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return activation(total, f"{name}_{activation.__name__}")
