"""The network at work: its compiled call, and pictures through it in batches of equal size.

A network is any function from (n, h, w, 3) float32 to heatmaps (n, h / stride, w / stride, 22). A
Keras model is one, and `compile_call` makes its call fast.
"""

import itertools
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from openpose_keras.core.errors import NetworkError
from openpose_keras.core.skeletons import HAND
from openpose_keras.networks.input_spec import InputSpec
from openpose_keras.networks.preprocessing import ChannelOrder, normalise

if TYPE_CHECKING:
    import keras

LARGEST_INPUT = 1 << 24  # pixels; a first layer of 64 channels then takes 4 GB

ArrayFunction = Callable[[np.ndarray], np.ndarray]
if TYPE_CHECKING:
    Network = keras.Model | ArrayFunction


def run_batches(
    forward: ArrayFunction,
    images: Sequence[np.ndarray],
    *,
    spec: InputSpec,
    channel_order: ChannelOrder,
    batch_size: int,
) -> list[np.ndarray]:
    """Give the network's heatmaps for pictures; those of one size go through it together.

    Args:
        forward: The network.
        images: (h, w, 3) uint8 RGB, of any sizes.
        spec: What the network's output should look like.
        channel_order: What the network is given.
        batch_size: At most so many pictures at once, and fewer where they are large: together they
            have at most 2^24 pixels, or it is one picture.

    Returns:
        (h / stride, w / stride, 22) float32 for each picture, sides rounded up.

    Raises:
        NetworkError: An output is not finite heatmaps of this shape.
    """
    by_size: dict[tuple[int, ...], list[int]] = {}
    for index, image in enumerate(images):
        by_size.setdefault(image.shape, []).append(index)
    answers: dict[int, np.ndarray] = {}
    for shape, indices in by_size.items():
        count = max(min(batch_size, LARGEST_INPUT // (shape[0] * shape[1])), 1)
        for start in range(0, len(indices), count):
            some = indices[start : start + count]
            batch = np.concatenate([normalise(images[index], channel_order) for index in some])
            output = np.asarray(forward(batch))
            answers.update(zip(some, _check_output(output, batch.shape, spec), strict=True))
    return [answers[index] for index in range(len(images))]


def _check_output(output: np.ndarray, shape: tuple[int, ...], spec: InputSpec) -> np.ndarray:
    """Give a network's output as float32, or say what is wrong with it."""
    height, width = (-(-side // spec.stride) for side in shape[1:3])
    expected = (shape[0], height, width, len(HAND) + 1)
    if output.shape != expected:
        raise NetworkError(
            f"expected heatmaps {expected} for an input {shape} and stride {spec.stride}, got "
            f"{output.shape}: check the network and its InputSpec"
        )
    if not np.isfinite(output).all():
        raise NetworkError("the network's heatmaps hold NaN or infinity: check its weights")
    return output.astype(np.float32, copy=False)


def is_model(network: object) -> bool:
    """Tell a Keras model from any other callable, without importing Keras.

    Args:
        network: Anything.

    Returns:
        Whether it is a `keras.Model`.
    """
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(network, keras.Model)


def compile_call(model: "keras.Model") -> ArrayFunction:
    """Give a model's inference as a function of arrays.

    TensorFlow compiles one graph for all sizes, JAX one program per size (it splits the batch into
    powers of two, so that there are few of them), PyTorch runs without gradients. With any other
    backend the model is called as it is. Of several outputs the last one is given.

    Args:
        model: Built, with its weights, on whatever backend Keras runs.

    Returns:
        (n, h, w, 3) float32 -> (n, h', w', C) float32.
    """
    import keras

    compilers = {"tensorflow": _compile_tensorflow, "jax": _compile_jax, "torch": _compile_torch}
    return compilers.get(keras.backend.backend(), _compile_nothing)(model)


def _last(outputs: Any) -> Any:  # noqa: ANN401 - a backend's own tensor, whichever it is
    """Give the last of several outputs."""
    return outputs[-1] if isinstance(outputs, list | tuple) else outputs


def _compile_tensorflow(model: "keras.Model") -> ArrayFunction:
    """Trace one graph whose batch, height and width are open."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None, None, 3), tf.float32)]

    @tf.function(input_signature=signature, autograph=False)
    def forward(batch: tf.Tensor) -> tf.Tensor:
        return tf.cast(_last(model(batch, training=False)), tf.float32)

    return lambda batch: forward(tf.constant(batch)).numpy()


def _compile_jax(model: "keras.Model") -> ArrayFunction:
    """Compile a pure function of weights and batch."""
    import jax
    import jax.numpy as jnp

    @jax.jit
    def forward(trainable: list, fixed: list, batch: jax.Array) -> jax.Array:
        outputs, _ = model.stateless_call(trainable, fixed, batch, training=False)
        return _last(outputs).astype(jnp.float32)

    def call(batch: np.ndarray) -> np.ndarray:
        trainable = [variable.value for variable in model.trainable_variables]
        fixed = [variable.value for variable in model.non_trainable_variables]
        parts = np.split(batch, _power_ends(len(batch)))
        return np.concatenate([np.asarray(forward(trainable, fixed, part)) for part in parts])

    return call


def _power_ends(count: int) -> list[int]:
    """Give where to split a batch so that each part is a power of two: [4, 6] for 7 pictures."""
    powers = [1 << bit for bit in reversed(range(count.bit_length())) if count >> bit & 1]
    return list(itertools.accumulate(powers[:-1]))


def _compile_torch(model: "keras.Model") -> ArrayFunction:
    """Run without gradients, in evaluation mode."""
    import torch

    def call(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return _last(model(batch, training=False)).float().cpu().numpy()

    return call


def _compile_nothing(model: "keras.Model") -> ArrayFunction:
    """Call the model as any backend of Keras can."""
    import keras

    def call(batch: np.ndarray) -> np.ndarray:
        outputs = keras.ops.convert_to_numpy(_last(model(batch, training=False)))
        return outputs.astype(np.float32, copy=False)

    return call
