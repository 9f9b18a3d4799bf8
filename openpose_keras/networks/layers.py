"""The layers that several networks are built from."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


HEAD = {"activation": None, "dtype": "float32"}  # float32 also where the rest is of less precision


def conv(
    x: "keras.KerasTensor", name: str, filters: int, kernel: int, **options: object
) -> "keras.KerasTensor":
    """Convolve with bias and same padding, as OpenPose's prototxt does; ReLU, if not told else."""
    import keras

    options = {"padding": "same", "activation": "relu", "name": name, **options}
    return keras.layers.Conv2D(filters, kernel, **options)(x)


def up(x: "keras.KerasTensor", name: str) -> "keras.KerasTensor":
    """Double height and width, linear, half-pixel centres."""
    return _upsample_class()(name=name)(x)


@cache
def _upsample_class() -> type:
    """Define the layer when Keras is there."""
    import keras
    from keras import ops

    @keras.saving.register_keras_serializable("openpose_keras")
    class UpsampleBilinear2x(keras.layers.Layer):
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

    return UpsampleBilinear2x


def normed_conv(x: "keras.KerasTensor", name: str, filters: int) -> "keras.KerasTensor":
    """Convolve 3x3, normalise, ReLU."""
    import keras

    x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    x = keras.layers.BatchNormalization(momentum=0.99, name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def separable(x: "keras.KerasTensor", name: str, filters: int, kernel: int) -> "keras.KerasTensor":
    """Convolve per channel, mix the channels, normalise, ReLU."""
    import keras

    x = keras.layers.DepthwiseConv2D(
        kernel, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(x)
    x = keras.layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_pointwise")(x)
    x = keras.layers.BatchNormalization(momentum=0.99, name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)
